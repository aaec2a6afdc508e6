//! Deadlines. What is waited for has one each: the client's command and message, and the
//! member's reply.

use std::time::Duration;

use super::leg::{Leg, State};
use super::phase::{Held, Phase};
use super::{Act, Count, Machine, Output, World, replies};

/// Over how long the rate is averaged.
const WINDOW: Duration = Duration::from_mins(1);

/// How fast a client sends a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// Octets since then.
    since: Duration,
    octets: u64,
}

impl Pace {
    pub(super) fn add(&mut self, octets: usize) {
        self.octets += octets as u64;
    }
}

impl Machine {
    /// When [`timed_out`](Self::timed_out) is to be called, by the clock of [`World::now`].
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.is_closed() {
            return None;
        }
        let slow = self.slow_until;
        slow.into_iter()
            .chain(self.greet_at)
            .chain(self.client_deadline())
            .chain(self.member_deadline())
            .min()
    }

    fn client_deadline(&self) -> Option<Duration> {
        if !self.is_clients_turn() {
            return None;
        }
        let plan = &self.settings.plan;
        if !self.is_in_message() {
            return Some(self.client_since + plan.command_timeout);
        }
        let silence = self.client_since + plan.data_timeout;
        if plan.min_rate == 0 {
            return Some(silence);
        }
        Some(silence.min(self.pace.since + WINDOW))
    }

    fn member_deadline(&self) -> Option<Duration> {
        let Leg::Open(open) = &self.leg else {
            return None;
        };
        let plan = &self.settings.plan;
        match open.state {
            State::TextEnded => Some(self.member_since + plan.data_reply_timeout),
            state if state.awaits() => Some(self.member_since + plan.reply_timeout),
            _ => None,
        }
    }

    fn is_in_message(&self) -> bool {
        matches!(self.phase, Phase::Text(_) | Phase::Chunk(_)) || self.is_swallowing()
    }

    /// The deadline has come. Early or needless calls do nothing.
    pub(crate) fn timed_out(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        if self.is_closed() {
            return;
        }
        let now = self.now;
        let over = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if over(self.slow_until) {
            self.slow_until = None;
        }
        if over(self.greet_at) {
            self.waited(out);
        }
        if over(self.member_deadline()) {
            out.acts.push_back(Act::Count(Count::MemberTimeout));
            self.abort(out);
        } else if over(self.client_deadline()) {
            self.client_is_late(out);
        }
        self.settle(world, out);
    }

    fn client_is_late(&mut self, out: &mut Output) {
        let plan = &self.settings.plan;
        let silent = self.client_since + plan.data_timeout <= self.now;
        if self.is_in_message() {
            let stuck = out.is_behind();
            if stuck && silent {
                // It is the member who takes nothing.
                out.acts.push_back(Act::Count(Count::MemberTimeout));
                self.abort(out);
                self.client_since = self.now;
                return self.begin_pace();
            }
            let least = u64::from(plan.min_rate) * WINDOW.as_secs();
            if !silent && (stuck || self.pace.octets >= least) {
                return self.begin_pace();
            }
        }
        debug_assert!(!matches!(self.held, Held::For(_)));
        out.acts.push_back(Act::Count(Count::ClientTimeout));
        self.close(replies::TOO_SLOW, out);
    }

    /// The rate is measured anew.
    pub(super) fn begin_pace(&mut self) {
        self.pace = Pace {
            since: self.now,
            octets: 0,
        };
    }
}
