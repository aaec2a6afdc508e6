//! Protocols and ports of firewall rules.

use super::Fault;
use super::endpoint::parse_port;
use crate::config::diagnostic::quote;
use crate::config::suggest;

/// ICMP, RFC 792.
pub(crate) const ICMP: u8 = 1;
/// TCP, RFC 9293.
pub(crate) const TCP: u8 = 6;
/// UDP, RFC 768.
pub(crate) const UDP: u8 = 17;
/// `ICMPv6`, RFC 4443.
pub(crate) const ICMPV6: u8 = 58;

/// Names of IANA's protocol numbers that a mail host may meet.
const PROTOCOLS: [(&str, u8); 12] = [
    ("icmp", ICMP),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", TCP),
    ("udp", UDP),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", ICMPV6),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
];

/// Reads a protocol by name or number.
pub(crate) fn protocol(text: &str) -> Result<u8, Fault> {
    if let Some((_, number)) = PROTOCOLS.iter().find(|(name, _)| *name == text) {
        return Ok(*number);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| {
            Fault::new(
                format!("{} is not a protocol", quote(text)),
                "write a name, as `\"tcp\"`, or a number from 0 to 255",
            )
        });
    }
    let names = || PROTOCOLS.iter().map(|(name, _)| *name);
    let help = match suggest::nearest(text, names()) {
        _ if matches!(text, "any" | "all" | "*" | "ip") => {
            "leave `protocol` out to match any".to_owned()
        }
        Some(meant) => format!("did you mean `\"{meant}\"`?"),
        None => format!(
            "write a number from 0 to 255, or one of {}",
            suggest::list(names())
        ),
    };
    Err(Fault::new(
        format!("{} is not a protocol", quote(text)),
        help,
    ))
}

/// Reads `"25"` or `"25-30"`, ends included.
pub(crate) fn ports(text: &str) -> Result<(u16, u16), Fault> {
    let Some((low, high)) = text.split_once('-') else {
        if text.contains(',') {
            return Err(Fault::new(
                format!("{} is not a port or a range of ports", quote(text)),
                "write one rule for each port, or a range, as `\"25-30\"`",
            ));
        }
        return parse_port(text).map(|port| (port, port));
    };
    let (low, high) = (parse_port(low)?, parse_port(high)?);
    if low > high {
        return Err(Fault::new(
            format!("{} ends before it begins", quote(text)),
            format!("write `\"{high}-{low}\"`"),
        ));
    }
    Ok((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols() {
        assert_eq!(protocol("tcp"), Ok(6));
        assert_eq!(protocol("icmpv6"), Ok(58));
        assert_eq!(protocol("255"), Ok(255));
        assert_eq!(protocol("0"), Ok(0));
        for (text, help) in [
            (
                "256",
                "write a name, as `\"tcp\"`, or a number from 0 to 255",
            ),
            ("tpc", "did you mean `\"tcp\"`?"),
            ("TCP", "did you mean `\"tcp\"`?"),
            ("any", "leave `protocol` out to match any"),
        ] {
            let fault = Fault::new(format!("`{text}` is not a protocol"), help);
            assert_eq!(protocol(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn port_ranges() {
        assert_eq!(ports("25"), Ok((25, 25)));
        assert_eq!(ports("25-30"), Ok((25, 30)));
        assert_eq!(ports("1-65535"), Ok((1, 65535)));
        for (text, message) in [
            ("30-25", "`30-25` ends before it begins"),
            ("0", "`0` is not a port"),
            ("1-", "`` is not a port"),
            ("25,587", "`25,587` is not a port or a range of ports"),
            ("25 - 30", "`25 ` is not a port"),
        ] {
            assert_eq!(ports(text).unwrap_err().message, message, "{text}");
        }
    }
}
