//! The whole way from text to plan or diagnostics.

mod dns;
mod examples;
mod faults;
mod plan;
mod proxy_header;
mod robust;
mod scenario;
mod snat;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::diagnostic::Located;
use super::{Diagnostics, Loaded, Resolve, SystemResolver, parse};

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

    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        match path.to_str() {
            // DE: 192.0.2.0/25, 2001:db8:49::/48. FR: 198.51.100.0/24. GB: 203.0.113.128/25.
            Some("/var/lib/GeoIP/GeoLite2-Country.mmdb") => {
                Ok(include_bytes!("tests/country.mmdb").to_vec())
            }
            Some("/etc/smtp-lb/domains.txt") => {
                Ok(b"a.example\n.b.example # all below\n\n".to_vec())
            }
            Some("/etc/smtp-lb/bad-domains.txt") => Ok(b"; spam\nX.example\n".to_vec()),
            Some("/etc/smtp-lb/broken.txt") => Ok(b"a.example\nno domain\n".to_vec()),
            Some("/etc/smtp-lb/partners.txt") => Ok(b"192.0.2.200\n".to_vec()),
            _ => SystemResolver.read(path, most),
        }
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
