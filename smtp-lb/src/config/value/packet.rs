//! Protocols and ports of firewall rules.

use super::Fault;
use super::endpoint::parse_port;
use crate::config::diagnostic::quote;
use crate::config::plan::RuleRate;
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
                "write a list, as `[25, 587]`, or a range, as `\"25-30\"`",
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

/// Names of types that are asked for, with those of ICMP (RFC 792) and `ICMPv6` (RFC 4443).
const ICMP_TYPES: [(&str, Option<u8>, Option<u8>); 11] = [
    ("echo-request", Some(8), Some(128)),
    ("echo-reply", Some(0), Some(129)),
    ("destination-unreachable", Some(3), Some(1)),
    ("time-exceeded", Some(11), Some(3)),
    ("parameter-problem", Some(12), Some(4)),
    ("packet-too-big", None, Some(2)),
    ("redirect", Some(5), Some(137)),
    ("source-quench", Some(4), None),
    ("timestamp-request", Some(13), None),
    ("timestamp-reply", Some(14), None),
    ("address-mask-request", Some(17), None),
];

/// Reads a type by name or number, with a code behind `/` or all of them, as numbers type × 256 + code.
pub(crate) fn icmp(text: &str, v6: bool) -> Result<(u16, u16), Fault> {
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind, Some(code)),
        None => (text, None),
    };
    let number = |text: &str| -> Option<u8> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let of = |it: &(&'static str, Option<u8>, Option<u8>)| if v6 { it.2 } else { it.1 };
    let named = ICMP_TYPES.iter().find(|it| it.0 == kind);
    let Some(kind) = named.map_or_else(|| number(kind), of) else {
        let known = ICMP_TYPES
            .iter()
            .filter(|it| of(it).is_some())
            .map(|it| it.0);
        let protocol = if v6 { "icmpv6" } else { "icmp" };
        return Err(Fault::new(
            format!("{} is not a type of {protocol}", quote(kind)),
            match suggest::nearest(kind, known.clone()) {
                Some(meant) => format!("did you mean `\"{meant}\"`?"),
                None => format!(
                    "write a number from 0 to 255, or one of {}",
                    suggest::list(known)
                ),
            },
        ));
    };
    let kind = u16::from(kind) << 8;
    match code {
        None => Ok((kind, kind | 0xff)),
        Some(code) => match number(code) {
            Some(code) => Ok((kind | u16::from(code), kind | u16::from(code))),
            None => Err(Fault::new(
                format!("{} is not a code", quote(code)),
                "write a number from 0 to 255 behind the type, as `\"3/4\"`",
            )),
        },
    }
}

/// Reads `"100"` or `"100-199"`, ends included.
pub(crate) fn vlan(text: &str) -> Result<(u16, u16), Fault> {
    let id = |text: &str| match text.parse() {
        Ok(id @ 0..=4094_u16) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(id),
        _ => Err(Fault::new(
            format!("{} is not the id of a VLAN", quote(text)),
            "write a number from 0 to 4094, or a range, as `\"100-199\"`",
        )),
    };
    let Some((low, high)) = text.split_once('-') else {
        return id(text).map(|id| (id, id));
    };
    let (low, high) = (id(low)?, id(high)?);
    if low > high {
        return Err(Fault::new(
            format!("{} ends before it begins", quote(text)),
            format!("write `\"{high}-{low}\"`"),
        ));
    }
    Ok((low, high))
}

/// Most packets of a rate.
const MOST: u32 = 10_000_000;

/// Reads `"100/s"`, `"10/m"` or `"5/h"`.
pub(crate) fn rate(text: &str) -> Result<RuleRate, Fault> {
    let parts = text.split_once('/');
    let packets = parts.and_then(|(packets, _)| {
        let digits = packets.bytes().all(|b| b.is_ascii_digit());
        let packets = packets.parse().ok().filter(|_| digits)?;
        (1..=MOST).contains(&packets).then_some(packets)
    });
    let seconds = parts.and_then(|(_, unit)| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    });
    match (packets, seconds) {
        (Some(packets), Some(seconds)) => Ok(RuleRate { packets, seconds }),
        _ => Err(Fault::new(
            format!("{} is not a rate", quote(text)),
            format!(
                "write packets from 1 to {MOST} in a second, minute or hour, as `\"100/s\"`, `\"10/m\"` or `\"5/h\"`"
            ),
        )),
    }
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

    #[test]
    fn types_of_icmp() {
        assert_eq!(icmp("echo-request", false), Ok((0x0800, 0x08ff)));
        assert_eq!(icmp("echo-request", true), Ok((0x8000, 0x80ff)));
        assert_eq!(icmp("3/4", false), Ok((0x0304, 0x0304)));
        assert_eq!(icmp("packet-too-big", true), Ok((0x0200, 0x02ff)));
        assert_eq!(icmp("255/255", true), Ok((0xffff, 0xffff)));
        for (text, message) in [
            ("packet-too-big", "`packet-too-big` is not a type of icmp"),
            ("256", "`256` is not a type of icmp"),
            ("3/", "`` is not a code"),
            ("3/256", "`256` is not a code"),
            ("/4", "`` is not a type of icmp"),
            ("echo", "`echo` is not a type of icmp"),
        ] {
            assert_eq!(icmp(text, false).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn vlans_and_rates() {
        assert_eq!(vlan("0"), Ok((0, 0)));
        assert_eq!(vlan("100-4094"), Ok((100, 4094)));
        for text in ["4095", "-1", "1-", "", "+7", "200-100"] {
            assert!(vlan(text).is_err(), "{text}");
        }
        let of = |packets, seconds| Ok(RuleRate { packets, seconds });
        assert_eq!(rate("100/s"), of(100, 1));
        assert_eq!(rate("1/m"), of(1, 60));
        assert_eq!(rate("10000000/h"), of(10_000_000, 3_600));
        for text in [
            "0/s",
            "10000001/s",
            "1",
            "1/d",
            "/s",
            "+1/s",
            "1/ s",
            "-1/s",
        ] {
            assert_eq!(
                rate(text).unwrap_err().message,
                format!("`{text}` is not a rate")
            );
        }
    }
}
