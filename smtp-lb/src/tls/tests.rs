//! Profiles made from files, and handshakes in memory between them.

mod client_certificates;
mod faults;
mod fixture;
mod handshake;
mod reload;
mod verify;
