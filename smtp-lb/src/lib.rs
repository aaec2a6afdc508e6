//! smtp-lb: an XDP firewall and SMTP load balancer, as a library behind one binary.
//!
//! Data travels one way: a configuration file becomes a [`config::plan::Plan`], the plan becomes
//! components, components emit events. See `ARCHITECTURE.md` for what must never be.

pub mod admin;
pub mod app;
mod cause;
mod chance;
pub mod cli;
mod clock;
pub mod config;
pub mod dns;
pub mod event;
pub mod firewall;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
mod icmp;
mod netlink;
pub mod pcap;
pub mod pool;
pub mod proxy;
mod proxy_protocol;
pub mod reload;
pub mod reputation;
pub mod routing;
pub(crate) mod secret;
pub mod security;
pub mod shutdown;
pub mod smtp;
pub mod spf;
pub mod state;
pub mod store;
pub mod tls;
