//! Sans-IO SMTP grammar: bytes in, lines and replies out. No socket, no clock.

pub mod reply;
mod show;

pub use show::show;
