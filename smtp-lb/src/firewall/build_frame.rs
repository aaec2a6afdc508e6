//! A made-up frame, as `firewall explain` asks about.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smtp_lb_common::packet::{TCP_SYN, protocol};
use thiserror::Error;

/// A made-up packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainRequest {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// Protocol number.
    #[serde(default = "tcp")]
    pub protocol: u8,
    /// Source port of TCP and UDP.
    #[serde(default)]
    pub sport: u16,
    /// Destination port of TCP and UDP.
    #[serde(default)]
    pub dport: u16,
    /// TCP flags octet; a SYN by default.
    #[serde(default = "syn")]
    pub tcp_flags: u8,
    /// Interface it comes in by; none: the first that is filtered.
    #[serde(default)]
    pub interface: Option<String>,
    /// VLAN of its tag; none: untagged.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// Type and code of ICMP and `ICMPv6`; none: an echo request.
    #[serde(default)]
    pub icmp: Option<(u8, u8)>,
}

const fn tcp() -> u8 {
    protocol::TCP
}

const fn syn() -> u8 {
    TCP_SYN
}

/// A packet that cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// IPv4 to IPv6 or back.
    #[error("source and destination are of different address families")]
    Families,
    /// There are ids up to 4094.
    #[error("a VLAN is a number from 0 to 4094")]
    Vlan,
}

/// The Ethernet frame of `request`.
pub fn frame(request: &ExplainRequest) -> Result<Vec<u8>, FrameError> {
    let body = transport(request);
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut frame = vec![0; 12];
    if let Some(vlan) = request.vlan {
        if vlan > 4094 {
            return Err(FrameError::Vlan);
        }
        frame.extend([0x81, 0x00]);
        frame.extend(vlan.to_be_bytes());
    }
    match (request.src, request.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend((length + 20).to_be_bytes());
            frame.extend([0, 0, 0x40, 0, 64, request.protocol, 0, 0]);
            frame.extend(src.octets());
            frame.extend(dst.octets());
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([request.protocol, 64]);
            frame.extend(src.octets());
            frame.extend(dst.octets());
        }
        _ => return Err(FrameError::Families),
    }
    frame.extend(body);
    Ok(frame)
}

fn transport(request: &ExplainRequest) -> Vec<u8> {
    let ports = [request.sport.to_be_bytes(), request.dport.to_be_bytes()].concat();
    match request.protocol {
        protocol::TCP => {
            let mut header = ports;
            header.extend([0; 8]);
            header.extend([0x50, request.tcp_flags, 0xff, 0xff, 0, 0, 0, 0]);
            header
        }
        protocol::UDP => [ports, vec![0, 8, 0, 0]].concat(),
        protocol::ICMP | protocol::ICMPV6 => {
            // An echo request: type 8 or 128.
            let echo = if request.protocol == protocol::ICMP {
                8
            } else {
                128
            };
            let (kind, code) = request.icmp.unwrap_or((echo, 0));
            vec![kind, code, 0, 0, 0, 1, 0, 1]
        }
        _ => vec![0; 8],
    }
}
