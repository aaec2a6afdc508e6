//! The six scenarios, and what the gateway must get right, with real servers and clients.

mod activation;
mod auth;
mod balance;
mod end_of_data;
mod faults;
mod flapping;
mod haproxy;
mod kills;
mod member_dies;
mod member_tls;
mod modes;
mod pipelining;
mod points;
mod profile;
mod proxy_header;
mod renewal;
mod shutdown;
mod slow;
mod snat;
mod stage;
mod start_tls;
mod xclient;

pub(crate) use stage::{start, virtual_server};
