//! What a policy would do with recorded frames: the verdict of the packet path, with no host
//! around it.

use std::path::Path;

use jiff::Timestamp;
use smtp_lb_common::image::Line;
use smtp_lb_common::packet::{Flow, Parsed, parse};
use smtp_lb_common::reason::Reason;
use smtp_lb_common::reputation::Standing;
use smtp_lb_common::verdict::{Decision, Host, NoConnections, decide, decide_staged};
use smtp_lb_common::walk::Meter;
use smtp_lb_common::{cookie, flood};

use super::compile::{CompileError, compile};
use super::counters::pinned_image;
use super::floods::Floods;
use super::label::{Label, Slots};
use super::now::Now;
use super::staged::Staged;
use super::{FirewallError, read_names};
use crate::config::plan::Plan;

/// A compiled policy that judges frames.
pub struct Judge {
    lines: Vec<Line>,
    slots: Slots,
    /// With what the lines were compiled for, where the plan has schedules.
    scheduled: Option<(Plan, Now)>,
    /// What the frames so far have begun,
    floods: Floods,
    /// up to this moment, if the time of frames is known.
    clock: Option<u64>,
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
            floods: Floods::of_packets(),
            clock: None,
        })
    }

    /// Goes on to another moment.
    pub fn at(&mut self, time: Timestamp) -> Result<(), CompileError> {
        let time_ns = u64::try_from(time.as_nanosecond()).unwrap_or(0);
        // Frames of several interfaces need not be in order.
        self.clock = Some(self.clock.unwrap_or(0).max(time_ns));
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
            floods: Floods::of_packets(),
            clock: None,
        })
    }

    /// Judges a frame, Ethernet header first, which counts among those that its source has begun. Nobody's
    /// reputation is known.
    #[must_use]
    pub fn judge(&self, frame: &[u8]) -> Judgement {
        let parsed = parse(frame);
        let lines = self.lines.as_slice();
        let decision = decide(lines, &NoConnections, frame, &parsed);
        let answering = decide(lines, &AllConnections, frame, &parsed);
        let unless_answer = answering.verdict != decision.verdict;
        let decision = self.limited(frame, &parsed, decision);
        Judgement {
            verdict: decision.verdict.name(),
            reason: decision.reason.name(),
            label: self.slots.label(decision.slot),
            unless_answer,
        }
    }

    /// What staged policies would have decided of a frame, for a host without connections.
    #[must_use]
    pub fn staged(&self, frame: &[u8]) -> Vec<Staged> {
        let lines = self.lines.as_slice();
        let (_, compared) = decide_staged(lines, &NoConnections, frame, &parse(frame));
        Staged::of(compared, &self.slots)
    }

    /// What limits of new connections and SYN cookies make of a decision. Where the time is not known, neither
    /// is a rate.
    fn limited(&self, frame: &[u8], parsed: &Parsed, decision: Decision) -> Decision {
        let lines = self.lines.as_slice();
        let Some(now) = self.clock else {
            return decision;
        };
        if !flood::is_asked(lines, parsed, &decision) {
            return decision;
        }
        let anew = flood::stage(lines, &self.floods.at(now), &parsed.packet, &decision);
        let answered = |anew: &Decision| {
            anew.reason != Reason::SynCookie || cookie::place(frame, &parsed.packet).is_some()
        };
        anew.filter(answered).unwrap_or(decision)
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
