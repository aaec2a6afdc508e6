//! The data plane on loopback, through its public face.

mod control;
mod faults;
mod fixture;
mod limits;
mod relay;
mod tls;
