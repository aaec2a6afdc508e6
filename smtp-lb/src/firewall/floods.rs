//! Limits of new connections to their lines in the image: what each context allows.

use std::cell::RefCell;
use std::collections::HashMap;

use smtp_lb_common::bucket::Rate;
use smtp_lb_common::flood::{Gate, Key, Limits, SOURCES};
use smtp_lb_common::image::Line;
use smtp_lb_common::reason::Reason;

use super::compile::{CompileError, Rates};
use super::label::{Allocator, FAILSAFE, Label, VIRTUAL_SERVER, Word};
use crate::config::plan::{FloodPlan, FloodRate, Plan};

/// Policy of the labels of a profile, so that no firewall policy can share them.
#[must_use]
pub(crate) fn policy_label(profile: &str) -> String {
    format!("flood({profile})")
}

/// Whether any context has limits.
pub(crate) fn are_used(plan: &Plan) -> bool {
    plan.firewall.flood.is_some() || plan.virtual_servers.iter().any(|it| it.flood.is_some())
}

/// A line to each column: `columns` are names of contexts.
pub(crate) fn lines(
    plan: &Plan,
    columns: &[&str],
    allocator: &mut Allocator,
    rates: &mut Rates,
) -> Result<Vec<Line>, CompileError> {
    let limits = columns.iter().map(|context| {
        let Some(profile) = of(plan, context) else {
            return Ok(Limits::NONE.pack());
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
    let server = context.strip_prefix(VIRTUAL_SERVER).and_then(|name| {
        let mut servers = plan.virtual_servers.iter();
        servers.find(|server| server.name == name)
    });
    let id = server.and_then(|server| server.flood).or(firewall.flood)?;
    firewall
        .flood_profiles
        .get(id.0)
        .filter(|_| context != FAILSAFE)
}

/// What sources were let do, where the filter is in userspace.
#[derive(Debug, Default)]
pub(crate) struct Floods(RefCell<HashMap<Key, u64>>);

impl Floods {
    pub(crate) const fn at(&self, now: u64) -> FloodsAt<'_> {
        FloodsAt { kept: self, now }
    }
}

/// See [`Floods`], at a time of the monotonic clock.
pub(crate) struct FloodsAt<'a> {
    kept: &'a Floods,
    now: u64,
}

impl Gate for FloodsAt<'_> {
    fn admit(&self, key: &Key, rate: Rate) -> bool {
        let mut kept = self.kept.0.borrow_mut();
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
