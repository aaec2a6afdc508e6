//! SYN cookies: a SYN to a virtual server that is protected is answered in its stead, by a number from which
//! the kernel knows the acknowledgement again (RFC 4987, 3.6). Nothing is kept of it meanwhile.
//!
//! The number is the kernel's own; what asks for it, and the answer around it, is here.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::answer::{self, HEAD};
use crate::bucket::Rate;
use crate::packet::{Frame, Packet, TCP_ACK, TCP_RST, TCP_SYN, Transport, protocol};
use crate::reason::{Reason, Verdict};
use crate::verdict::Decision;

const TCP_FIN: u8 = 0x01;
/// Octets of the answer's TCP header: with one option, the segment size.
pub const TCP: usize = 24;
const TCP_LENGTH: u32 = 24;
const _: () = assert!(TCP_LENGTH as usize == TCP);
/// Octets of the headers that the kernel makes a cookie of: IPv6, and the longest of TCP.
pub const IP: usize = 40;
/// See [`IP`].
pub const MOST_TCP: usize = 60;
/// Window of the answer: what a client sends before it hears of the real one (RFC 6928).
const WINDOW: u16 = 14_600;
/// Greatest segments asked for, those of an MTU of 1,500: the kernel's choice goes by the client's alone.
const MSS_V4: u16 = 1_460;
/// See [`MSS_V4`].
const MSS_V6: u16 = 1_440;

/// How long protection goes on when a mark was last passed, in nanoseconds.
pub const HOLD: u64 = 10_000_000_000;
/// It is put off no more often than this, so that CPUs do not fight for the word.
const GRAIN: u64 = HOLD / 100;

/// Whose SYNs are answered by cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// While more SYNs come than this, or the accept queue is full; none: always.
    pub mark: Option<Rate>,
    /// Counter slot of those answered.
    pub slot: u32,
}

/// What is known of the SYNs of one virtual server; the packet path alone writes it. Times are nanoseconds of
/// the kernel's monotonic clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Watch {
    /// State of the mark's bucket.
    pub bucket: u64,
    /// Until when the mark of the rate protects, and
    pub until: u64,
    /// since when.
    pub since: u64,
}

const _: () = assert!(size_of::<Watch>() == 24);

/// What one more SYN makes of a [`Watch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The bucket's next state, if it has one.
    pub bucket: Option<u64>,
    /// New end of the time that is protected.
    pub until: Option<u64>,
    /// New beginning of it.
    pub since: Option<u64>,
    /// The virtual server is protected.
    pub on: bool,
}

impl Watch {
    /// One more SYN. `guarded` is until when the daemon protects, on account of the accept queue.
    #[must_use]
    #[inline(always)]
    pub const fn see(&self, mark: Rate, guarded: u64, now: u64) -> Seen {
        let on = self.by_rate(now) || now < guarded;
        let bucket = mark.admit(self.bucket, now);
        if bucket.is_some() {
            return Seen {
                bucket,
                until: None,
                since: None,
                on,
            };
        }
        let until = now.wrapping_add(HOLD);
        Seen {
            bucket,
            until: if until > self.until.wrapping_add(GRAIN) {
                Some(until)
            } else {
                None
            },
            since: if self.by_rate(now) { None } else { Some(now) },
            on: true,
        }
    }

    /// Whether the mark of the rate was passed of late.
    #[must_use]
    #[inline(always)]
    pub const fn by_rate(&self, now: u64) -> bool {
        now < self.until
    }
}

/// Whoever counts SYNs.
pub trait Watcher {
    /// One more SYN of a virtual server: is it protected?
    fn is_on(&self, protection: &Protection) -> bool;
}

/// The decision about a SYN that is answered by a cookie, in place of the one that accepted it.
#[must_use]
#[inline(always)]
pub const fn decision(slot: u32, accepted: &Decision) -> Decision {
    Decision {
        verdict: Verdict::Accept,
        reason: Reason::SynCookie,
        slot,
        log: false,
        ..*accepted
    }
}

/// Where the headers of a SYN are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of IP: octets of the link header.
    pub link: usize,
    /// Of TCP.
    pub tcp: usize,
    /// Octets of the TCP header, 20 to 60.
    pub length: usize,
}

/// Where the headers of a SYN are that may be answered: of nothing but SYN, from one host to one, whole, with
/// neither IP options nor extension headers. All others are the kernel's.
#[must_use]
#[inline(always)]
pub fn place<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> Option<Place> {
    let flags = packet.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
    if !matches!(packet.transport, Transport::Tcp) || flags != TCP_SYN {
        return None;
    }
    if !answer::may_be(frame, packet) {
        return None;
    }
    let link = answer::link_length(frame)?;
    let tcp = usize::from(packet.offset & 0x0fff);
    if packet.v6 {
        if tcp != link + 40 {
            return None;
        }
    } else {
        let fragment = u16::from_be_bytes(frame.read(link + 6)?);
        if tcp != link + 20 || fragment & 0x3fff != 0 {
            return None;
        }
    }
    let [offset] = frame.read(tcp + 12)?;
    let length = usize::from(offset >> 4) * 4;
    let there = answer::packet_length(frame, link, packet)?;
    if length < 20 || there == usize::MAX || there < tcp - link + length {
        return None;
    }
    Some(Place { link, tcp, length })
}

/// Octets of the answer's headers, those of the link aside.
#[must_use]
#[inline(always)]
pub const fn length(packet: &Packet) -> usize {
    if packet.v6 { 40 + TCP } else { 20 + TCP }
}

/// Writes the headers of the segment that answers a SYN: `cookie` is its number, `mss` the greatest segment that the
/// kernel made it for.
#[inline(always)]
pub fn answer<F: Frame + ?Sized>(
    frame: &F,
    packet: &Packet,
    cookie: u32,
    mss: u16,
    head: &mut [u8; HEAD],
) -> Option<()> {
    let at = usize::from(packet.offset & 0x0fff);
    let confirms = u32::from_be_bytes(frame.read(at + 4)?).wrapping_add(1);
    let most = if packet.v6 { MSS_V6 } else { MSS_V4 };
    let mss = if mss < most { mss } else { most };
    let ports = u32::from(packet.dport) << 16 | u32::from(packet.sport);
    let flags = 0x6000 | u16::from(TCP_SYN | TCP_ACK);
    let option = 0x0204_0000 | u32::from(mss);
    let length = TCP_LENGTH;
    let sum = answer::pseudo(packet, protocol::TCP, length)
        + answer::words(ports)
        + answer::words(cookie)
        + answer::words(confirms)
        + u32::from(flags)
        + u32::from(WINDOW)
        + answer::words(option);
    *head = [0; HEAD];
    let tcp = if packet.v6 {
        answer::ipv6(packet, protocol::TCP, length, head);
        40
    } else {
        answer::ipv4(packet, protocol::TCP, length + 20, 0, head);
        20
    };
    answer::put(head, tcp, ports.to_be_bytes());
    answer::put(head, tcp + 4, cookie.to_be_bytes());
    answer::put(head, tcp + 8, confirms.to_be_bytes());
    answer::put(head, tcp + 12, flags.to_be_bytes());
    answer::put(head, tcp + 14, WINDOW.to_be_bytes());
    answer::put(head, tcp + 16, (!answer::fold(sum)).to_be_bytes());
    answer::put(head, tcp + 20, option.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests;
