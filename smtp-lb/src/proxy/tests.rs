//! The data plane on loopback, through its public face.

mod administration;
mod control;
mod faults;
mod fixture;
mod gateway;
mod limits;
mod relay;
mod tls;
mod when_down;
