//! What is offered to every subject.

use super::row::Row;
use super::subject::{Scenario, Subject};

/// A load, and what is told of it.
pub(crate) struct Workload {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What the subjects have to do.
    pub(crate) scenario: Scenario,
    /// Whether the client takes up earlier TLS sessions.
    pub(crate) resume: bool,
    /// Those that can do it.
    pub(crate) subjects: &'static [Subject],
    /// What is measured: about a second of the proxy's CPU.
    pub(crate) shape: Shape,
    /// What goes before, unmeasured: a tenth of it, as wide.
    pub(crate) warm_up: Shape,
    /// The figures.
    pub(crate) rows: &'static [Row],
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) sessions: u64,
    pub(crate) at_once: u64,
    pub(crate) messages: u64,
    pub(crate) size: usize,
    pub(crate) hold: bool,
}

impl Shape {
    /// One message of the usual size in each session.
    pub(crate) const fn small(sessions: u64, at_once: u64) -> Self {
        Self {
            sessions,
            at_once,
            messages: 1,
            size: 4 << 10,
            hold: false,
        }
    }

    /// Many messages in each of 40 sessions, 20 at once.
    pub(crate) const fn many(messages: u64) -> Self {
        Self {
            messages,
            ..Self::small(40, 20)
        }
    }

    /// Messages of 10 MiB, 4 at once.
    pub(crate) const fn bulk(sessions: u64) -> Self {
        Self {
            size: 10 << 20,
            ..Self::small(sessions, 4)
        }
    }

    /// Sessions that say EHLO and no more.
    pub(crate) const fn idle(sessions: u64) -> Self {
        Self {
            hold: true,
            ..Self::small(sessions, 100)
        }
    }
}
