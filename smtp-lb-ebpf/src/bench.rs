//! Programs for `cargo xtask bench firewall`: the filter and its rivals on random sources.
//!
//! `BPF_PROG_TEST_RUN` repeats one frame, whose source would be found in the cache every time.
//! So each of these takes a source at random from a table first, [`bench_pick`] does nothing
//! else, and what that costs can be seen and taken off.

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::image::{Header, Image as _};
use smtp_lb_common::lookup::class_of;
use smtp_lb_common::reputation::standing;

use crate::frame::XdpFrame;
use crate::kernel::{self, random_source};

/// The least that a program can do.
#[xdp(frags)]
fn bench_empty(_: XdpContext) -> u32 {
    XDP_PASS
}

/// The least that a program can do that lets nothing through.
#[xdp(frags)]
fn bench_drop(_: XdpContext) -> u32 {
    XDP_DROP
}

/// A random source, and nothing done with it.
#[xdp(frags)]
fn bench_pick(_: XdpContext) -> u32 {
    match random_source() {
        Some([0, 1]) => XDP_PASS,
        _ => XDP_DROP,
    }
}

/// The whole filter on a random IPv4 source.
#[xdp(frags)]
fn bench_filter_v4(ctx: XdpContext) -> u32 {
    if let Some([_, low]) = random_source() {
        #[expect(clippy::cast_possible_truncation, reason = "the IPv4 address")]
        XdpFrame::new(&ctx).set_source_v4(low as u32);
    }
    crate::filter(&ctx)
}

/// The whole filter on a random IPv6 source.
#[xdp(frags)]
fn bench_filter_v6(ctx: XdpContext) -> u32 {
    if let Some(source) = random_source() {
        XdpFrame::new(&ctx).set_source_v6(source);
    }
    crate::filter(&ctx)
}

/// The frame made anew with a random source, and nothing done with it.
#[xdp(frags)]
fn bench_rebuild(ctx: XdpContext) -> u32 {
    if rebuild(&ctx).is_some() {
        XDP_PASS
    } else {
        XDP_ABORTED
    }
}

/// The whole filter on a frame made anew, of either family: the last run has answered in its place.
#[xdp(frags)]
fn bench_answer(ctx: XdpContext) -> u32 {
    if rebuild(&ctx).is_none() {
        return XDP_ABORTED;
    }
    crate::filter(&ctx)
}

#[inline(always)]
fn rebuild(ctx: &XdpContext) -> Option<()> {
    let (template, source) = (kernel::template()?, random_source()?);
    let frame = XdpFrame::new(ctx);
    frame.rebuild(template)?;
    if template.v6 == 0 {
        #[expect(clippy::cast_possible_truncation, reason = "the IPv4 address")]
        frame.set_source_v4(source[1] as u32);
    } else {
        frame.set_source_v6(source);
    }
    Some(())
}

/// Sends a frame with a random IPv4 source. The frame is written whole: the receiver had its memory before.
#[xdp]
fn bench_offer(ctx: XdpContext) -> u32 {
    let Some((template, [_, low])) = kernel::template().zip(random_source()) else {
        return XDP_ABORTED;
    };
    #[expect(clippy::cast_possible_truncation, reason = "the IPv4 address")]
    match XdpFrame::new(&ctx).write_v4(template, low as u32) {
        Some(()) => XDP_TX,
        None => XDP_ABORTED,
    }
}

/// Our look-up of a random IPv4 source.
#[xdp(frags)]
fn bench_image_v4(_: XdpContext) -> u32 {
    verdict(class(false))
}

/// Our look-up of a random IPv6 source.
#[xdp(frags)]
fn bench_image_v6(_: XdpContext) -> u32 {
    verdict(class(true))
}

#[inline(always)]
fn class(v6: bool) -> Option<u32> {
    let (image, source) = kernel::image().zip(random_source())?;
    let header = image.line(0).and_then(Header::unpack)?;
    class_of(&image, header.sources, v6, source)
}

/// Who lists a random IPv4 source.
#[xdp(frags)]
fn bench_listed_v4(_: XdpContext) -> u32 {
    let found = kernel::reputation().zip(random_source());
    verdict(found.map(|(image, source)| standing(&image, false, source).set))
}

/// Who lists a random IPv6 source.
#[xdp(frags)]
fn bench_listed_v6(_: XdpContext) -> u32 {
    let found = kernel::reputation().zip(random_source());
    verdict(found.map(|(image, source)| standing(&image, true, source).set))
}

/// An `LPM_TRIE`'s look-up of a random IPv4 source.
#[xdp(frags)]
fn bench_trie_v4(_: XdpContext) -> u32 {
    verdict(random_source().and_then(kernel::trie_v4))
}

/// An `LPM_TRIE`'s look-up of a random IPv6 source.
#[xdp(frags)]
fn bench_trie_v6(_: XdpContext) -> u32 {
    verdict(random_source().and_then(kernel::trie_v6))
}

#[inline(always)]
const fn verdict(class: Option<u32>) -> u32 {
    match class {
        Some(class) if class > 0 => XDP_DROP,
        _ => XDP_PASS,
    }
}
