//! smtp-lb end to end: the built daemon in namespaces, with real servers around it.
//!
//! Each test has a network of its own, so they run side by side. They need root, and fail
//! without it: a test that skips itself proves nothing.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and what tests share is part of them"
)]

mod apply;
mod attach;
mod capture;
mod checks;
mod collectors;
mod cookies;
mod dns;
mod drain;
mod feeds;
mod flood;
mod health;
mod host;
mod load;
mod log_cli;
mod log_pool;
mod losses;
mod mail;
mod many;
mod members;
mod monitors;
mod observe;
mod outlive;
mod refusal;
mod reject;
mod reload;
mod replies;
mod rules;
mod scenarios;
mod shared_store;
mod staged;
mod store;
mod upgrade;
mod userspace;
mod vlan;

/// Runs a test over each version of IP, as a test of its own.
#[macro_export]
macro_rules! over_both {
    ($($(#[$doc:meta])* fn $name:ident($family:ident: Family) $body:block)+) => {
        $(
            $(#[$doc])*
            mod $name {
                #[allow(unused_imports, reason = "tests differ in what they need")]
                use super::*;

                fn run($family: Family) $body

                #[test]
                fn v4() {
                    run(Family::V4);
                }

                #[test]
                fn v6() {
                    run(Family::V6);
                }
            }
        )+
    };
}
