//! The whole way from text to plan or diagnostics.

mod examples;
mod faults;
mod plan;
mod proxy_header;
mod robust;
mod scenario;
mod snat;

use std::io;
use std::net::SocketAddr;

use super::diagnostic::Located;
use super::{Diagnostics, Loaded, Resolve, parse};

/// Knows a few names; asks nobody.
pub(super) struct Known;

impl Resolve for Known {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if host == "many.example.org" {
            let all = (1..=40).map(|last| SocketAddr::from(([192, 0, 2, last], port)));
            return Ok(all.collect());
        }
        let addresses: &[&str] = match host {
            "mx.example.org" => &["192.0.2.31"],
            "two.example.org" => &["192.0.2.41", "2001:db8::41"],
            "empty.example.org" => &[],
            _ => return Err(io::Error::other("no such name")),
        };
        Ok(addresses
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
            .collect())
    }
}

pub(super) fn read(text: &str) -> Result<Loaded, Diagnostics> {
    parse("test.toml", text, &Known)
}

/// The warning that every relay with SNAT has, and that has a test of its own.
pub(super) fn hides_clients(warning: &Located<'_>) -> bool {
    warning
        .message
        .starts_with("members see an address of this host")
}

/// A file that is sound, for tests that change one thing.
pub(super) const SOUND: &str = r#"
[[virtual_server]]
name = "smtp"
listen = ["192.0.2.1:25"]
pool = "mail"

[[pool]]
name = "mail"
members = ["10.1.0.2:25"]
monitors = ["smtp"]

[[monitor]]
name = "smtp"
type = "smtp"
"#;
