//! `smtp-lb firewall explain`: the packet as a person describes it.

use std::net::IpAddr;
use std::str::FromStr;

use super::error::CliError;
use super::escape;
use crate::admin::api::{ExplainRequest, Explanation};
use crate::config;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SYN: u8 = 0x02;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Source address.
    #[arg(long, value_name = "ADDRESS")]
    src: IpAddr,
    /// Destination address, of the same family.
    #[arg(long, value_name = "ADDRESS")]
    dst: IpAddr,
    /// Destination port; TCP and UDP need one.
    #[arg(long, value_name = "PORT")]
    dport: Option<u16>,
    /// Source port.
    #[arg(long, value_name = "PORT", default_value_t = 40_000)]
    sport: u16,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or a protocol number.
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: Protocol,
    /// Flags of a TCP segment, as `syn` or `syn,ack`.
    #[arg(long, value_name = "FLAGS", default_value = "syn")]
    tcp_flags: Flags,
    /// Interface that the packet comes in by [default: the first that is filtered].
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// VLAN of the outer tag [default: untagged].
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(0..=4094))]
    vlan: Option<u16>,
    /// Type of ICMP or `ICMPv6`, by name or number, with a code behind `/` [default: echo-request].
    #[arg(long, value_name = "TYPE")]
    icmp_type: Option<String>,
}

impl Args {
    pub(super) fn request(self) -> Result<ExplainRequest, CliError> {
        if self.src.is_ipv4() != self.dst.is_ipv4() {
            return Err(CliError::Usage("--src and --dst are of different families"));
        }
        let protocol = match self.protocol {
            // `icmp` means what the addresses have.
            Protocol(ICMP) if self.src.is_ipv6() => ICMPV6,
            Protocol(number) => number,
        };
        let dport = match self.dport {
            None if matches!(protocol, TCP | UDP) => {
                return Err(CliError::Usage("--dport is needed for TCP and UDP"));
            }
            port => port.unwrap_or(0),
        };
        let icmp = match &self.icmp_type {
            Some(_) if !matches!(protocol, ICMP | ICMPV6) => {
                return Err(CliError::Usage("--icmp-type is of ICMP and ICMPv6 only"));
            }
            Some(text) => Some(
                config::icmp(text, protocol == ICMPV6).ok_or(CliError::Usage(
                    "--icmp-type is a name, as `echo-request`, or a number from 0 to 255, with a code behind /",
                ))?,
            ),
            None => None,
        };
        Ok(ExplainRequest {
            src: self.src,
            dst: self.dst,
            protocol,
            sport: self.sport,
            dport,
            tcp_flags: if protocol == TCP { self.tcp_flags.0 } else { 0 },
            interface: self.interface,
            vlan: self.vlan,
            icmp,
        })
    }
}

/// An IP protocol number.
#[derive(Debug, Clone, Copy)]
struct Protocol(u8);

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "tcp" => TCP,
            "udp" => UDP,
            "icmp" => ICMP,
            "icmpv6" => ICMPV6,
            number => number
                .parse()
                .map_err(|_| "neither tcp, udp, icmp, icmpv6 nor a number from 0 to 255")?,
        }))
    }
}

/// The flags octet of RFC 9293, section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flags(u8);

impl FromStr for Flags {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').try_fold(Self(0), |flags, name| {
            Ok(Self(
                flags.0
                    | match name {
                        "fin" => 0x01,
                        "syn" => SYN,
                        "rst" => 0x04,
                        "psh" => 0x08,
                        "ack" => 0x10,
                        "urg" => 0x20,
                        "ece" => 0x40,
                        "cwr" => 0x80,
                        _ => return Err("flags are fin, syn, rst, psh, ack, urg, ece and cwr"),
                    },
            ))
        })
    }
}

pub(super) fn text(explanation: &Explanation) -> String {
    let mut text = format!("{} ({})", explanation.verdict, explanation.reason);
    if let Some(label) = &explanation.label {
        let names = [
            ("context", &label.context),
            ("policy", &label.policy),
            ("rule", &label.rule),
        ];
        for (what, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
            text = format!("{text}, {what} {name}");
        }
    }
    if explanation.log {
        text.push_str(", asks for an event");
    }
    let mut text = escape::line(&text).into_owned() + "\n";
    for (number, step) in explanation.path.iter().enumerate() {
        text = format!("{text}{:>3}. {}\n", number + 1, escape::line(step));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Args, Flags};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn request(line: &str) -> Result<super::ExplainRequest, String> {
        let words = std::iter::once("x").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        line.args.request().map_err(|e| e.to_string())
    }

    #[test]
    fn packets_as_described() {
        let tcp = request("--src 192.0.2.1 --dst 198.51.100.1 --dport 25").unwrap();
        assert_eq!(
            (tcp.protocol, tcp.dport, tcp.tcp_flags, tcp.sport),
            (6, 25, 0x02, 40_000)
        );
        let ping = request("--src 2001:db8::1 --dst 2001:db8::2 --protocol icmp").unwrap();
        assert_eq!((ping.protocol, ping.dport, ping.tcp_flags), (58, 0, 0));
        let gre = request("--src 192.0.2.1 --dst 198.51.100.1 --protocol 47").unwrap();
        assert_eq!(gre.protocol, 47);
        assert_eq!("syn,ack".parse(), Ok(Flags(0x12)));
        let icmp =
            request("--src 192.0.2.1 --dst 198.51.100.1 --protocol icmp --icmp-type 3/4 --vlan 7")
                .unwrap();
        assert_eq!((icmp.icmp, icmp.vlan), (Some((3, 4)), Some(7)));
        let too_big = request(
            "--src 2001:db8::1 --dst 2001:db8::2 --protocol icmp --icmp-type packet-too-big",
        );
        assert_eq!(too_big.unwrap().icmp, Some((2, 0)));
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, why) in [
            ("--src 192.0.2.1 --dst 2001:db8::2 --dport 25", "families"),
            ("--src 192.0.2.1 --dst 192.0.2.2", "--dport"),
            ("--src 192.0.2.1 --dst 192.0.2.2 --protocol 256", "0 to 255"),
            (
                "--src 192.0.2.1 --dst 192.0.2.2 --dport 25 --tcp-flags xmas",
                "flags are",
            ),
            (
                "--src 192.0.2.1 --dst 192.0.2.2 --protocol icmp --icmp-type packet-too-big",
                "--icmp-type is a name",
            ),
            (
                "--src 192.0.2.1 --dst 192.0.2.2 --dport 25 --icmp-type 8",
                "of ICMP and ICMPv6 only",
            ),
            (
                "--src 192.0.2.1 --dst 192.0.2.2 --dport 25 --vlan 4095",
                "4095",
            ),
            (
                "--src host --dst 192.0.2.2 --dport 25",
                "invalid IP address",
            ),
        ] {
            let error = request(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
