//! Sans-IO SMTP grammar: bytes in, lines and replies out. No socket, no clock.

pub mod bdat;
pub mod command;
pub mod data;
pub mod ehlo;
pub mod line;
pub mod message_id;
pub mod parameter;
pub mod path;
pub mod reply;
mod show;
pub mod xclient;

pub use show::show;
