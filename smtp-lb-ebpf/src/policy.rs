//! The parts of a verdict as calls of their own (see [`smtp_lb_common::verdict::Stages`]). What one leaves
//! for the next is in memory of which the verifier knows nothing.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::answer::may_be;
use smtp_lb_common::reason::Verdict;
use smtp_lb_common::staged::{Compared, Policies};
use smtp_lb_common::verdict::{
    Decision, Found, Route, Stages, by_failsafe, by_nobody, by_policies, judge, reputation, route,
};
use smtp_lb_common::walk::Match;

use crate::frame::XdpFrame;
use crate::kernel::rules::{smtp_lb_walk, token};
use crate::kernel::{self, Kernel};

/// Decides what was parsed last.
#[inline(never)]
pub(crate) fn decide(ctx: *mut xdp_md) -> u32 {
    // An image that is replaced under way is a reason to begin again, once: nobody replaces them so fast.
    if !judge(&Calls { ctx }) && !judge(&Calls { ctx }) {
        kernel::decide(&Decision::NO_IMAGE);
    }
    0
}

struct Calls {
    ctx: *mut xdp_md,
}

impl Stages for Calls {
    #[inline(always)]
    fn route(&self) -> Option<Route> {
        if find_route(self.ctx) == 0 {
            return None;
        }
        kernel::route()
    }

    #[inline(always)]
    fn walk(&self, route: &Route, cell: u32) -> Match {
        Match(smtp_lb_walk(cell, route.destination, route.token, 0))
    }

    #[inline(always)]
    fn reputation(&self, _: &Route) -> bool {
        find_reputation(self.ctx) != 0
    }

    #[inline(always)]
    fn failsafe(&self, entry: Match) {
        kernel::decide(&by_failsafe(entry));
    }

    #[inline(always)]
    fn policies(&self, _: &Route, global: Match, own: Match) {
        combine(self.ctx, global.0, own.0);
    }

    #[inline(always)]
    fn damaged(&self) {
        kernel::decide(&Decision::NO_IMAGE);
    }

    #[inline(always)]
    fn staged(&self, _: &Route, global: Match, own: Match) {
        staged(self.ctx, global.0, own.0);
    }

    #[inline(always)]
    fn answer(&self) {
        if kernel::is_decided(Verdict::Reject) {
            answerable(self.ctx);
        }
    }
}

/// Whether there is a route; else the frame is decided.
#[inline(never)]
fn find_route(_: *mut xdp_md) -> u32 {
    kernel::find(Found::NOTHING);
    kernel::compare(Compared::NEITHER);
    let Some(parsed) = kernel::settled() else {
        return 0;
    };
    let found = match kernel::image() {
        Some(image) => route(&image, &parsed),
        None => Err(Decision::NO_IMAGE),
    };
    match found {
        Ok(route) => {
            kernel::leave(&route);
            1
        }
        Err(decision) => {
            kernel::decide(&decision);
            0
        }
    }
}

/// Whether the source's reputation decides.
#[inline(never)]
fn find_reputation(ctx: *mut xdp_md) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(image), Some(route)) =
        (kernel::settled(), kernel::image(), kernel::route())
    else {
        return 0;
    };
    // Else the rules are of another image, too, and all begins again.
    if token(&image) != Some(route.token) {
        return 0;
    }
    let found = reputation(&image, &Kernel::new(&ctx), route.context, &parsed.packet);
    kernel::find(found);
    if found.decides {
        kernel::decide(&found.decision());
    }
    u32::from(found.decides)
}

/// What policies or the default decide.
#[inline(never)]
fn combine(ctx: *mut xdp_md, global: u64, own: u64) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(route), Some(found)) =
        (kernel::settled(), kernel::route(), kernel::found())
    else {
        return 0;
    };
    let (host, frame) = (Kernel::new(&ctx), XdpFrame::new(&ctx));
    let (global, own) = (Match(global), Match(own));
    let decision = by_policies(&host, &frame, &route, &parsed.packet, global, own);
    kernel::decide(&Decision {
        listed: found.listed(),
        ..decision
    });
    0
}

/// Holds staged policies against what the enforced ones have: see [`smtp_lb_common::staged`].
#[inline(never)]
fn staged(ctx: *mut xdp_md, global: u64, own: u64) -> u32 {
    if find_staged(ctx) == 0 {
        return 0;
    }
    let (Some(route), Some(policies)) = (kernel::route(), kernel::staged()) else {
        return 0;
    };
    let compared = policies.compare(
        route.context,
        [Match(global), Match(own)],
        |column, question| {
            let cell = route.cell(column);
            let question = u32::from(question);
            Match(smtp_lb_walk(cell, route.destination, route.token, question))
        },
        || match nobody(ctx) {
            0 => Verdict::Accept,
            1 => Verdict::Drop,
            _ => Verdict::Reject,
        },
    );
    kernel::compare(compared);
    0
}

/// Whether staged policies are known; leaves them.
#[inline(never)]
fn find_staged(_: *mut xdp_md) -> u32 {
    let (Some(parsed), Some(image)) = (kernel::settled(), kernel::image()) else {
        return 0;
    };
    match Policies::of(&image, &parsed.packet) {
        Some(policies) => {
            kernel::stage(policies);
            1
        }
        None => 0,
    }
}

/// The verdict on what no rule decides.
#[inline(never)]
fn nobody(ctx: *mut xdp_md) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(route)) = (kernel::settled(), kernel::route()) else {
        return 0;
    };
    let (host, frame) = (Kernel::new(&ctx), XdpFrame::new(&ctx));
    by_nobody(&host, &frame, &route, &parsed.packet).verdict as u32
}

/// Drops what is rejected and may not be answered.
#[inline(never)]
fn answerable(ctx: *mut xdp_md) -> u32 {
    let ctx = XdpContext::new(ctx);
    let (Some(parsed), Some(decision)) = (kernel::settled(), kernel::decision()) else {
        return 0;
    };
    if matches!(decision.verdict, Verdict::Reject) && !may_be(&XdpFrame::new(&ctx), &parsed.packet)
    {
        kernel::decide(&decision.dropped());
    }
    0
}
