//! Limits of new connections and cookies to their lines in the image: what each context allows.

use std::cell::RefCell;
use std::collections::HashMap;

use smtp_lb_common::bucket::Rate;
use smtp_lb_common::cookie::{Protection, Watch, Watcher};
use smtp_lb_common::flood::{Gate, Key, Limits, SOURCES};
use smtp_lb_common::image::Line;
use smtp_lb_common::reason::Reason;

use super::compile::{CompileError, Rates};
use super::label::{Allocator, FAILSAFE, Label, VIRTUAL_SERVER, Word};
use crate::config::plan::{FloodPlan, FloodRate, Plan, SynProtectionPlan, VirtualServerPlan};

/// Policy of the labels of a profile, so that no firewall policy can share them.
#[must_use]
pub(crate) fn policy_label(profile: &str) -> String {
    format!("flood({profile})")
}

/// Policy of the labels of cookies. A name in parentheses as above is no firewall policy's.
const COOKIES: &str = "syn_protection()";

/// Label of the SYNs of a virtual server that cookies answer.
pub(crate) fn cookie_label(server: &str) -> Label {
    Label {
        context: format!("{VIRTUAL_SERVER}{server}"),
        policy: COOKIES.to_owned(),
        rule: Reason::SynCookie.name().to_owned(),
        verdict: Word::Accept,
    }
}

/// Whether any context has limits or cookies.
pub(crate) fn are_used(plan: &Plan) -> bool {
    let mut servers = plan.virtual_servers.iter();
    plan.firewall.flood.is_some()
        || servers.any(|it| it.flood.is_some() || it.syn_protection.is_some())
}

/// A line to each column: `columns` are names of contexts.
pub(crate) fn lines(
    plan: &Plan,
    columns: &[&str],
    allocator: &mut Allocator,
    rates: &mut Rates,
) -> Result<Vec<Line>, CompileError> {
    let limits = columns.iter().map(|context| {
        let syn = protection(plan, context, allocator, rates)?;
        let Some(profile) = of(plan, context) else {
            return Ok(Limits {
                syn,
                ..Limits::NONE
            }
            .pack());
        };
        let label = Label {
            context: (*context).to_owned(),
            policy: policy_label(&profile.name),
            rule: Reason::Flood.name().to_owned(),
            verdict: Word::Drop,
        };
        let limits = Limits {
            source: profile.source.map(rate),
            network: profile.network.map(rate),
            log: profile.log,
            slot: rates.add(allocator, label, None)?,
            syn,
        };
        Ok(limits.pack())
    });
    limits.collect()
}

const fn rate(plan: FloodRate) -> Rate {
    Rate::new(plan.rate, plan.burst)
}

/// The profile of a context; of failsafe there is none.
fn of<'a>(plan: &'a Plan, context: &str) -> Option<&'a FloodPlan> {
    let firewall = &plan.firewall;
    let id = server(plan, context)
        .and_then(|server| server.flood)
        .or(firewall.flood)?;
    firewall
        .flood_profiles
        .get(id.0)
        .filter(|_| context != FAILSAFE)
}

fn server<'a>(plan: &'a Plan, context: &str) -> Option<&'a VirtualServerPlan> {
    let name = context.strip_prefix(VIRTUAL_SERVER)?;
    let mut servers = plan.virtual_servers.iter();
    servers.find(|server| server.name == name)
}

/// How the SYNs of a context are answered, if it is a virtual server that is protected.
fn protection(
    plan: &Plan,
    context: &str,
    allocator: &mut Allocator,
    rates: &mut Rates,
) -> Result<Option<Protection>, CompileError> {
    let Some((server, plan)) = server(plan, context).and_then(|it| Some((it, it.syn_protection?)))
    else {
        return Ok(None);
    };
    Ok(Some(Protection {
        mark: match plan {
            SynProtectionPlan::Always => None,
            // What comes in a second may come at once.
            SynProtectionPlan::Auto { rate, .. } => Some(Rate::new(rate, rate)),
        },
        slot: rates.add(allocator, cookie_label(&server.name), None)?,
    }))
}

/// What sources were let do, where the filter is not in the kernel.
#[derive(Debug, Default)]
pub(crate) struct Floods {
    kept: RefCell<HashMap<Key, u64>>,
    /// What is known of the SYNs of virtual servers, by slot, if those are seen.
    watches: Option<RefCell<HashMap<u32, Watch>>>,
}

impl Floods {
    /// Of packets, and not of connections that the host has accepted.
    pub(crate) fn of_packets() -> Self {
        Self {
            watches: Some(RefCell::default()),
            ..Self::default()
        }
    }

    pub(crate) const fn at(&self, now: u64) -> FloodsAt<'_> {
        FloodsAt {
            kept: self,
            now,
            peeks: false,
        }
    }

    /// As [`Self::at`], but nothing is kept of what is asked.
    pub(crate) const fn peek(&self, now: u64) -> FloodsAt<'_> {
        FloodsAt {
            kept: self,
            now,
            peeks: true,
        }
    }
}

/// See [`Floods`], at a time of the monotonic clock.
pub(crate) struct FloodsAt<'a> {
    kept: &'a Floods,
    now: u64,
    peeks: bool,
}

impl Gate for FloodsAt<'_> {
    fn admit(&self, key: &Key, rate: Rate) -> bool {
        let mut kept = self.kept.kept.borrow_mut();
        if self.peeks {
            let state = kept.get(key).copied().unwrap_or_default();
            return rate.admit(state, self.now).is_some();
        }
        if kept.len() >= SOURCES as usize && !kept.contains_key(key) {
            // Whoever has its whole burst again is as good as forgotten; if nobody has, all are.
            kept.retain(|_, state| *state > self.now);
            if kept.len() >= SOURCES as usize {
                kept.clear();
            }
        }
        let state = kept.entry(*key).or_default();
        rate.admit(*state, self.now)
            .map(|next| *state = next)
            .is_some()
    }
}

/// As the packet path keeps account, but for the accept queue, of which no packet tells.
impl Watcher for FloodsAt<'_> {
    fn is_on(&self, protection: &Protection) -> bool {
        let Some(watches) = &self.kept.watches else {
            return false;
        };
        let Some(mark) = protection.mark else {
            return true;
        };
        let mut watches = watches.borrow_mut();
        let watch = watches.entry(protection.slot).or_default();
        let seen = watch.see(mark, 0, self.now);
        watch.bucket = seen.bucket.unwrap_or(watch.bucket);
        watch.until = seen.until.unwrap_or(watch.until);
        watch.since = seen.since.unwrap_or(watch.since);
        seen.on
    }
}
