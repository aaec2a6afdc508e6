//! What a policy would do with recorded frames: the verdict of the packet path, with no host
//! around it.

use std::path::Path;

use jiff::Timestamp;
use smtp_lb_common::image::Line;
use smtp_lb_common::packet::{Flow, parse};
use smtp_lb_common::reputation::Standing;
use smtp_lb_common::verdict::{Host, NoConnections, decide};
use smtp_lb_common::walk::Meter;

use super::compile::{CompileError, compile};
use super::counters::pinned_image;
use super::label::{Label, Slots};
use super::now::Now;
use super::{FirewallError, read_names};
use crate::config::plan::Plan;

/// A compiled policy that judges frames.
pub struct Judge {
    lines: Vec<Line>,
    slots: Slots,
    /// With what the lines were compiled for, where the plan has schedules.
    scheduled: Option<(Plan, Now)>,
}

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Judgement {
    /// `accept`, `drop` or `reject`, for a host without connections.
    pub verdict: &'static str,
    /// One word.
    pub reason: &'static str,
    /// Who decides.
    pub label: Option<Label>,
    /// A host that has the connection it belongs to would let it pass: such a connection is not
    /// part of a capture.
    pub unless_answer: bool,
}

impl Judge {
    /// Of a plan, at a moment.
    pub fn new(plan: &Plan, time: Timestamp) -> Result<Self, CompileError> {
        let now = Now::at(plan, time);
        let compiled = compile(plan, &now, Slots::default(), 1)?;
        let is_scheduled = !plan.firewall.schedules.is_empty();
        Ok(Self {
            lines: compiled.lines,
            slots: compiled.slots,
            scheduled: is_scheduled.then(|| (plan.clone(), now)),
        })
    }

    /// Goes on to another moment, of a plan that has schedules.
    pub fn at(&mut self, time: Timestamp) -> Result<(), CompileError> {
        let Some((plan, before)) = &mut self.scheduled else {
            return Ok(());
        };
        let now = Now::at(plan, time);
        if now != *before {
            let compiled = compile(plan, &now, self.slots.clone(), 1)?;
            (self.lines, self.slots) = (compiled.lines, compiled.slots);
            *before = now;
        }
        Ok(())
    }

    /// Of the filter that is pinned there, whether a daemon runs or not.
    pub fn pinned(pin_path: &Path) -> Result<Self, FirewallError> {
        let lines = pinned_image(pin_path)?;
        Ok(Self {
            slots: read_names(&lines),
            lines,
            scheduled: None,
        })
    }

    /// Judges a frame, Ethernet header first. Nobody's reputation is known.
    #[must_use]
    pub fn judge(&self, frame: &[u8]) -> Judgement {
        let parsed = parse(frame);
        let lines = self.lines.as_slice();
        let decision = decide(lines, &NoConnections, frame, &parsed);
        let answering = decide(lines, &AllConnections, frame, &parsed);
        Judgement {
            verdict: decision.verdict.name(),
            reason: decision.reason.name(),
            label: self.slots.label(decision.slot),
            unless_answer: answering.verdict != decision.verdict,
        }
    }
}

/// A host that has every connection that it is asked about.
struct AllConnections;

// Of a capture nobody knows what came before: rules are within their rates.
impl Meter for AllConnections {}

impl Host for AllConnections {
    fn has_connection(&self, _: &Flow) -> bool {
        true
    }

    fn listed(&self, _: bool, _: [u64; 2]) -> Standing {
        Standing::NONE
    }

    fn added(&self, _: bool, _: [u64; 2]) -> Standing {
        Standing::NONE
    }
}
