//! What a policy would do with recorded frames: the verdict of the packet path, with no host
//! around it.

use std::path::Path;

use smtp_lb_common::image::Line;
use smtp_lb_common::packet::{Flow, parse};
use smtp_lb_common::reputation::Standing;
use smtp_lb_common::verdict::{Host, NoConnections, decide};

use super::compile::{CompileError, compile};
use super::counters::pinned_image;
use super::label::{Label, Slots};
use super::{FirewallError, read_names};
use crate::config::plan::Plan;

/// A compiled policy that judges frames.
pub struct Judge {
    lines: Vec<Line>,
    slots: Slots,
}

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Judgement {
    /// `accept` or `drop`, for a host without connections.
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
    /// Of a plan.
    pub fn new(plan: &Plan) -> Result<Self, CompileError> {
        let compiled = compile(plan, Slots::default(), 1)?;
        Ok(Self {
            lines: compiled.lines,
            slots: compiled.slots,
        })
    }

    /// Of the filter that is pinned there, whether a daemon runs or not.
    pub fn pinned(pin_path: &Path) -> Result<Self, FirewallError> {
        let lines = pinned_image(pin_path)?;
        Ok(Self {
            slots: read_names(&lines),
            lines,
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
