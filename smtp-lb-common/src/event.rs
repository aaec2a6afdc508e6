//! The record that goes through the ring buffers.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One packet and its verdict. IPv4 addresses are `::ffff:a.b.c.d`; ports are in host order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawEvent {
    /// Nanoseconds of the monotonic clock.
    pub time: u64,
    /// Source address.
    pub src: [u8; 16],
    /// Destination address.
    pub dst: [u8; 16],
    /// Counter slot: tells context, policy and rule.
    pub slot: u32,
    /// Interface index.
    pub interface: u32,
    /// Octets of the frame.
    pub length: u32,
    /// Source port or 0.
    pub src_port: u16,
    /// Destination port or 0.
    pub dst_port: u16,
    /// Outer VLAN id, or [`crate::packet::NO_VLAN`].
    pub vlan: u16,
    /// Protocol number, 0 where there is no IP header.
    pub protocol: u8,
    /// TCP flags octet, 0 for other protocols.
    pub tcp_flags: u8,
    /// [`crate::reason::Verdict`].
    pub verdict: u8,
    /// [`crate::reason::Reason`].
    pub reason: u8,
    /// 4, 6, or 0 where there is no IP header.
    pub family: u8,
    /// [`crate::reason::Verdict`] that was enforced: that of the event, but where a staged policy tells.
    pub enforced: u8,
    /// Reputation set of the source, 0 where it is not what the event is about.
    pub set: u32,
    /// Zero.
    pub unused: u32,
}

const _: () = assert!(size_of::<RawEvent>() == 72 && align_of::<RawEvent>() == 8);
