//! The data plane on loopback, through its public face.

mod administration;
mod control;
mod faults;
mod fixture;
mod gateway;
mod identity;
mod limits;
mod peer;
mod relay;
mod sessions;
mod tls;
mod when_down;
