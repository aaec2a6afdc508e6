//! A rejected frame becomes its answer (see [`smtp_lb_common::answer`]).

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_TX};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::answer::{
    HEAD, Kind, link, link_length, packet_length, quoted, reset, unreachable,
};
use smtp_lb_common::cookie;
use smtp_lb_common::packet::Packet;

use crate::frame::{Room, XdpFrame};
use crate::kernel;

/// Makes the answer in place of the frame of `length` octets that was parsed last, and says what becomes
/// of it. A call of its own, because it needs much of the stack.
#[inline(never)]
pub(crate) fn reply(ctx: *mut xdp_md, length: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let made = kernel::settled()
        .and_then(|parsed| make(&XdpFrame::new(&ctx), &parsed.packet, length as usize));
    if made.is_some() {
        return XDP_TX;
    }
    kernel::answer_failed();
    XDP_DROP
}

/// Makes the answer by a cookie in place of the SYN of `length` octets that was parsed last, and says what
/// becomes of it. A call of its own, as above.
#[inline(never)]
pub(crate) fn challenge(ctx: *mut xdp_md, length: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let made = kernel::settled()
        .and_then(|parsed| confirm(&XdpFrame::new(&ctx), &parsed.packet, length as usize));
    if made.is_some() {
        return XDP_TX;
    }
    kernel::answer_failed();
    XDP_DROP
}

/// None: as in `make`.
#[inline(always)]
fn confirm(frame: &XdpFrame, packet: &Packet, length: usize) -> Option<()> {
    let at = link_length(frame)?;
    let Room { link: first, head } = XdpFrame::room()?;
    link(frame, first)?;
    let (number, mss) = kernel::cookie()?;
    cookie::answer(frame, packet, number, mss, head)?;
    frame.resize(0, length, at + cookie::length(packet))?;
    frame.store(0, first)?;
    if packet.v6 {
        part::<64>(frame, at, head)
    } else {
        part::<44>(frame, at, head)
    }
}

/// None: it cannot be made, and the frame is good for nothing any more.
#[inline(always)]
fn make(frame: &XdpFrame, packet: &Packet, length: usize) -> Option<()> {
    let at = link_length(frame)?;
    let Room { link: first, head } = XdpFrame::room()?;
    link(frame, first)?;
    let kind = Kind::of(packet);
    let (grown, quote) = match kind {
        Kind::ResetV4 | Kind::ResetV6 => {
            reset(frame, at, packet, head)?;
            (0, 0)
        }
        Kind::UnreachableV4 | Kind::UnreachableV6 => {
            let quote = quoted(kind, length, at, packet_length(frame, at, packet)?);
            let sum = frame.sum(at, quote)?;
            unreachable(packet, quote, sum, head);
            (kind.length(), quote)
        }
    };
    frame.resize(grown, length + grown, at + kind.length() + quote)?;
    frame.store(0, first)?;
    match kind {
        Kind::ResetV4 => part::<40>(frame, at, head),
        Kind::ResetV6 => part::<60>(frame, at, head),
        Kind::UnreachableV4 => part::<28>(frame, at, head),
        Kind::UnreachableV6 => part::<48>(frame, at, head),
    }
}

#[inline(always)]
fn part<const N: usize>(frame: &XdpFrame, at: usize, head: &[u8; HEAD]) -> Option<()> {
    frame.store(at, head.first_chunk::<N>()?)
}
