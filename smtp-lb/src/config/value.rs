//! Text of single values to what it means. Pure; the place in the file is the caller's.

pub(crate) mod duration;
pub(crate) mod endpoint;
pub(crate) mod feed;
pub(crate) mod gateway;
pub(crate) mod monitor;
pub(crate) mod network;
pub(crate) mod packet;
pub(crate) mod region;
pub(crate) mod schedule;
pub(crate) mod secret;
pub(crate) mod size;
pub(crate) mod smtp_profile;
mod template;
pub(crate) mod text;
pub(crate) mod tls;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub message: String,
    pub help: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}
