//! `address:port` and `host:port`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Fault;
use crate::config::diagnostic::quote;

/// Where something listens: a port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub host: Host,
    /// Never 0.
    pub port: u16,
}

/// A host by address or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(String),
}

/// Reads `"192.0.2.1:25"`, `"[2001:db8::1]:25"` or `"mail.example.org:25"`. `port` is the one
/// proposed where none is written.
pub(crate) fn parse(text: &str, port: u16) -> Result<Endpoint, Fault> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((inside, after)) = rest.split_once(']') else {
            return Err(Fault::new(
                format!("{} has no closing bracket", quote(text)),
                format!("write an IPv6 address and port as `\"[2001:db8::1]:{port}\"`"),
            ));
        };
        let address = ipv6(inside)?;
        return match after.strip_prefix(':') {
            Some(digits) => Ok(Endpoint {
                host: Host::Address(address.into()),
                port: parse_port(digits)?,
            }),
            None => Err(no_port(text, &format!("[{inside}]:{port}"))),
        };
    }
    if text.matches(':').count() > 1 {
        let bracketed = if text.parse::<Ipv6Addr>().is_ok() {
            format!("[{text}]:{port}")
        } else {
            match text.rsplit_once(':') {
                Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => {
                    format!("[{host}]:{port}")
                }
                _ => format!("[2001:db8::1]:{port}"),
            }
        };
        return Err(Fault::new(
            format!("{} is an IPv6 address without brackets", quote(text)),
            format!("write {}", quote(&format!("\"{bracketed}\""))),
        ));
    }
    let Some((host, digits)) = text.split_once(':') else {
        return Err(no_port(text, &format!("{text}:{port}")));
    };
    Ok(Endpoint {
        host: parse_host(host)?,
        port: parse_port(digits)?,
    })
}

/// Reads a port number, 1 to 65535.
pub(crate) fn parse_port(text: &str) -> Result<u16, Fault> {
    match text.parse() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(Fault::new(
            format!("{} is not a port", quote(text)),
            "write a number from 1 to 65535",
        )),
    }
}

/// Reads an address without a port.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr, Fault> {
    if text.contains(':') {
        return ipv6(text).map(IpAddr::V6);
    }
    ipv4(text).map(IpAddr::V4)
}

/// Whether this may be the name of a host (RFC 1123 section 2.1; underscores are tolerated).
pub(crate) fn is_host_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

fn parse_host(text: &str) -> Result<Host, Fault> {
    // A name never ends in a number (RFC 3696 section 2), so this was meant as an address.
    let last = text.rsplit('.').next().unwrap_or(text);
    if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) {
        return ipv4(text).map(|address| Host::Address(address.into()));
    }
    if is_host_name(text) {
        return Ok(Host::Name(text.to_owned()));
    }
    Err(Fault::new(
        format!("{} is neither an address nor a host name", quote(text)),
        "write an address, as `192.0.2.1`, or a host name, as `mail.example.org`",
    ))
}

fn ipv4(text: &str) -> Result<Ipv4Addr, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            format!("{} is not an address", quote(text)),
            "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`",
        )
    })
}

fn ipv6(text: &str) -> Result<Ipv6Addr, Fault> {
    let address: Ipv6Addr = text.parse().map_err(|_| {
        Fault::new(
            format!("{} is not an IPv6 address", quote(text)),
            "an IPv6 address is written as `2001:db8::1`, without a zone",
        )
    })?;
    // Never on the wire, and a listener that takes IPv6 only would never see it.
    match address.to_ipv4_mapped() {
        Some(inner) => Err(Fault::new(
            format!("{} is an IPv4 address written as IPv6", quote(text)),
            format!("write `{inner}`"),
        )),
        None => Ok(address),
    }
}

fn no_port(text: &str, proposal: &str) -> Fault {
    Fault::new(
        format!("{} has no port", quote(text)),
        format!("write {}", quote(&format!("\"{proposal}\""))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        let address = |host: &str, port| Endpoint {
            host: Host::Address(host.parse().unwrap()),
            port,
        };
        let name = |host: &str, port| Endpoint {
            host: Host::Name(host.into()),
            port,
        };
        for (text, endpoint) in [
            ("192.0.2.1:25", address("192.0.2.1", 25)),
            ("[2001:db8::1]:65535", address("2001:db8::1", 65535)),
            ("[::]:1", address("::", 1)),
            ("mail.example.org:25", name("mail.example.org", 25)),
            ("mail.example.org.:25", name("mail.example.org.", 25)),
            ("localhost:25", name("localhost", 25)),
            ("mx_1:25", name("mx_1", 25)),
        ] {
            assert_eq!(parse(text, 25), Ok(endpoint), "{text}");
        }
        let port = "write a number from 1 to 65535";
        let four = "an IPv4 address is four numbers from 0 to 255, as `192.0.2.1`";
        let host = "write an address, as `192.0.2.1`, or a host name, as `mail.example.org`";
        let six = "an IPv6 address is written as `2001:db8::1`, without a zone";
        for (text, message, help) in [
            (
                "192.0.2.1",
                "`192.0.2.1` has no port",
                "write `\"192.0.2.1:25\"`",
            ),
            ("mx1", "`mx1` has no port", "write `\"mx1:25\"`"),
            (
                "[2001:db8::1]",
                "`[2001:db8::1]` has no port",
                "write `\"[2001:db8::1]:25\"`",
            ),
            (
                "[2001:db8::1",
                "`[2001:db8::1` has no closing bracket",
                "write an IPv6 address and port as `\"[2001:db8::1]:25\"`",
            ),
            (
                "2001:db8::1",
                "`2001:db8::1` is an IPv6 address without brackets",
                "write `\"[2001:db8::1]:25\"`",
            ),
            (
                "a:b:c",
                "`a:b:c` is an IPv6 address without brackets",
                "write `\"[2001:db8::1]:25\"`",
            ),
            (
                "[fe80::1%eth0]:25",
                "`fe80::1%eth0` is not an IPv6 address",
                six,
            ),
            (
                "[::ffff:192.0.2.1]:25",
                "`::ffff:192.0.2.1` is an IPv4 address written as IPv6",
                "write `192.0.2.1`",
            ),
            ("192.0.2.1:0", "`0` is not a port", port),
            ("192.0.2.1:+5", "`+5` is not a port", port),
            ("192.0.2.1:65536", "`65536` is not a port", port),
            ("192.0.2.1:", "`` is not a port", port),
            ("192.0.2.1:smtp", "`smtp` is not a port", port),
            ("192.0.2.256:25", "`192.0.2.256` is not an address", four),
            ("10.1.2:25", "`10.1.2` is not an address", four),
            (":25", "`` is neither an address nor a host name", host),
            (
                "-mx:25",
                "`-mx` is neither an address nor a host name",
                host,
            ),
            (
                "mx .org:25",
                "`mx .org` is neither an address nor a host name",
                host,
            ),
        ] {
            assert_eq!(parse(text, 25), Err(Fault::new(message, help)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_socket_address_is_read(ip: IpAddr, port in 1_u16..) {
            let mapped = matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
            let parsed = parse(&std::net::SocketAddr::new(ip, port).to_string(), 25);
            prop_assert_eq!(parsed.is_err(), mapped);
            if let Ok(endpoint) = parsed {
                prop_assert_eq!(endpoint, Endpoint { host: Host::Address(ip), port });
            }
        }

        #[test]
        fn any_text_is_safe(text: String) {
            let _ = parse(&text, 25);
        }
    }
}
