//! The XDP program: every frame of a filtered interface passes here, before the host sees it.
//!
//! What to do with it is decided by `smtp-lb-common`; this crate only lends that code the
//! frame ([`frame`]) and the kernel ([`kernel`]), the two files that hold `unsafe`.

#![no_std]
#![no_main]
#![allow(clippy::inline_always, reason = "as in smtp-lb-common")]
#![allow(
    missing_docs,
    reason = "the attribute makes a public function that cannot be documented"
)]
// One compare-and-swap: the BPF target has the instruction, but not the stable method.
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "as above")]

#[cfg(feature = "bench")]
mod bench;
mod frame;
mod kernel;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use frame::XdpFrame;
use kernel::Kernel;
use smtp_lb_common::packet::{Parsed, parse};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_common::verdict::{Decision, Listed, decide};

// `xdp.frags`, so that an MTU above one page is no reason to refuse.
#[xdp(frags)]
#[allow(clippy::needless_pass_by_value, reason = "the attribute calls it so")]
fn smtp_lb(ctx: XdpContext) -> u32 {
    filter(&ctx)
}

#[inline(always)]
fn filter(ctx: &XdpContext) -> u32 {
    let frame = XdpFrame::new(ctx);
    let kernel = Kernel::new(ctx);
    let Some(parsed) = kernel::settle(&parse(&frame)) else {
        return XDP_PASS;
    };
    let decision = match kernel::image() {
        Some(image) => decide(&image, &kernel, &frame, &parsed),
        None => NOT_LOADED,
    };
    if !frame.explain(&decision) {
        account(&kernel, &frame, &parsed, &decision);
    }
    match decision.verdict {
        Verdict::Accept => XDP_PASS,
        Verdict::Drop | Verdict::Reject => XDP_DROP,
    }
}

const NOT_LOADED: Decision = Decision {
    verdict: Verdict::Accept,
    reason: Reason::NoImage,
    slot: Reason::NoImage.slot(Verdict::Accept),
    log: false,
    listed: Listed::NO,
};

/// Counts always, captures and tells if asked.
#[inline(always)]
fn account(kernel: &Kernel, frame: &XdpFrame, parsed: &Parsed, decision: &Decision) {
    let length = frame.length();
    kernel::count(decision, length);
    kernel.capture(decision, length);
    if decision.log {
        kernel.tell(parsed, decision, length);
    }
    if decision.listed.slot != 0 {
        kernel.tell(parsed, &decision.beside(), length);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
