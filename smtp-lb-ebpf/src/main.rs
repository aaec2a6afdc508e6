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

mod answer;
#[cfg(feature = "bench")]
mod bench;
mod frame;
mod kernel;
mod policy;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use frame::XdpFrame;
use kernel::Kernel;
use smtp_lb_common::cookie;
use smtp_lb_common::flood;
use smtp_lb_common::packet::{Parsed, parse};
use smtp_lb_common::reason::Verdict;
use smtp_lb_common::staged::Compared;

// `xdp.frags`, so that an MTU above one page is no reason to refuse.
#[xdp(frags)]
#[allow(clippy::needless_pass_by_value, reason = "the attribute calls it so")]
fn smtp_lb(ctx: XdpContext) -> u32 {
    filter(&ctx)
}

/// The steps are calls of their own, so that none has the stack of the others on top, and what one leaves
/// for the next is in memory of which the verifier knows nothing.
#[inline(always)]
fn filter(ctx: &XdpContext) -> u32 {
    read(ctx.ctx);
    policy::decide(ctx.ctx);
    // A call costs more than the question.
    let begins = kernel::is_decided(Verdict::Accept) && begins(ctx.ctx) != 0;
    let frame = XdpFrame::new(ctx);
    // Who asks what is decided takes nothing of what sources may begin.
    let asks = frame.is_request();
    let mut answered = false;
    if begins {
        let slot = limit(ctx.ctx, u32::from(asks));
        answered = slot != 0 && challenge(ctx.ctx, slot, u32::from(asks)) != 0;
    }
    let Some(decision) = kernel::decision() else {
        return XDP_PASS;
    };
    if asks {
        frame.explain(&decision, kernel::compared());
        return XDP_DROP;
    }
    let verdict = match decision.verdict {
        Verdict::Reject if !kernel::may_answer() => {
            kernel::decide(&decision.dropped());
            Verdict::Drop
        }
        verdict => verdict,
    };
    let length = frame.length();
    account(ctx.ctx, length);
    match verdict {
        Verdict::Accept if answered => answer::challenge(ctx.ctx, length),
        Verdict::Accept => XDP_PASS,
        Verdict::Drop => XDP_DROP,
        Verdict::Reject => answer::reply(ctx.ctx, length),
    }
}

/// Parses the frame.
#[inline(never)]
fn read(ctx: *mut xdp_md) -> u32 {
    let ctx = XdpContext::new(ctx);
    let frame = XdpFrame::new(&ctx);
    let parsed = parse(&frame);
    kernel::settle(&Parsed {
        interface: frame.interface(),
        question: frame.is_request(),
        ..parsed
    });
    0
}

/// Whether what was decided last begins a connection that may be one too many: most packets do not, and are
/// spared the question.
#[inline(never)]
fn begins(_: *mut xdp_md) -> u32 {
    let (Some(parsed), Some(decision), Some(image)) =
        (kernel::settled(), kernel::decision(), kernel::image())
    else {
        return 0;
    };
    u32::from(flood::is_asked(&image, &parsed, &decision))
}

/// Decides a SYN anew that is one more than its source may send. Returns the slot of the cookies, if one shall
/// answer it.
#[inline(never)]
fn limit(ctx: *mut xdp_md, peeks: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(decision), Some(image)) =
        (kernel::settled(), kernel::decision(), kernel::image())
    else {
        return 0;
    };
    let kernel = Kernel::peeking(&ctx, peeks != 0);
    let Some(anew) = flood::stage(&image, &kernel, &parsed.packet, &decision) else {
        return 0;
    };
    if matches!(anew.verdict, Verdict::Accept) {
        return anew.slot;
    }
    kernel::decide(&anew);
    0
}

/// Makes the cookie that answers a SYN, and decides it so; 0: the kernel shall have it.
#[inline(never)]
fn challenge(ctx: *mut xdp_md, slot: u32, peeks: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(decision)) = (kernel::settled(), kernel::decision()) else {
        return 0;
    };
    let Some(place) = cookie::place(&XdpFrame::new(&ctx), &parsed.packet) else {
        return 0;
    };
    if !Kernel::peeking(&ctx, peeks != 0).challenge(&parsed.packet, &place) {
        return 0;
    }
    kernel::decide(&cookie::decision(slot, &decision));
    1
}

/// Counts what was decided last; captures and tells of it if asked. A call of its own, because it needs
/// much of the stack.
#[inline(never)]
fn account(ctx: *mut xdp_md, length: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let kernel = Kernel::new(&ctx);
    let (Some(parsed), Some(decision)) = (kernel::settled(), kernel::decision()) else {
        return 0;
    };
    kernel::count(&decision, length);
    kernel.capture(&decision, length);
    if decision.log {
        kernel.tell(&parsed, &decision, length);
    }
    if decision.listed.slot != 0 {
        kernel.tell(&parsed, &decision.beside(), length);
    }
    if decision.passed.log {
        kernel.tell(&parsed, &decision.before(), length);
    }
    let (global, own) = kernel::compared();
    if global != 0 {
        beside(ctx.ctx, global, length);
    }
    if own != 0 {
        beside(ctx.ctx, own, length);
    }
    0
}

/// Counts what a staged policy would have done, and tells of it where it is otherwise.
#[inline(never)]
fn beside(ctx: *mut xdp_md, compared: u32, length: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    let compared = Compared::unpack(compared);
    kernel::beside(compared.counter(), length);
    if compared.is_otherwise()
        && let Some(parsed) = kernel::settled()
    {
        Kernel::new(&ctx).tell_beside(&parsed, &compared.event(), compared.enforced, length);
    }
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
