//! What is offered to every subject.

use std::fmt;

use clap::ValueEnum;

/// A shape of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// One message of 4 KiB a session, 20 sessions at once.
    #[value(name = "sessions-20")]
    Sessions20,
    /// One message of 4 KiB a session, 200 sessions at once.
    #[value(name = "sessions-200")]
    Sessions200,
    /// 1,000 messages of 4 KiB a session, 20 sessions at once.
    Messages,
    /// Messages of 10 MiB, one a session, 4 at once.
    Bulk,
    /// 5,000 sessions that say EHLO and no more.
    Idle,
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

/// The usual size of a message.
const SMALL: usize = 4 << 10;

impl Workload {
    /// In the order of the report.
    pub(crate) const ALL: &[Self] = &[
        Self::Sessions20,
        Self::Sessions200,
        Self::Messages,
        Self::Bulk,
        Self::Idle,
    ];

    /// What is measured: about a second of the proxy's CPU.
    pub(crate) fn shape(self) -> Shape {
        let small = Shape {
            sessions: 10_000,
            at_once: 20,
            messages: 1,
            size: SMALL,
            hold: false,
        };
        match self {
            Self::Sessions20 => small,
            Self::Sessions200 => Shape {
                at_once: 200,
                ..small
            },
            Self::Messages => Shape {
                sessions: 40,
                messages: 1_000,
                ..small
            },
            Self::Bulk => Shape {
                sessions: 200,
                at_once: 4,
                size: 10 << 20,
                ..small
            },
            Self::Idle => Shape {
                sessions: 5_000,
                at_once: 100,
                hold: true,
                ..small
            },
        }
    }

    /// What goes before, unmeasured: a tenth of it, as wide.
    pub(crate) fn warm_up(self) -> Shape {
        let shape = self.shape();
        match self {
            Self::Sessions20 | Self::Sessions200 => Shape {
                sessions: 1_000,
                ..shape
            },
            Self::Messages => Shape {
                messages: 100,
                ..shape
            },
            Self::Bulk => Shape {
                sessions: 20,
                ..shape
            },
            // Sessions held beforehand would be taken for the proxy's own memory.
            Self::Idle => Shape {
                sessions: 20,
                at_once: 1,
                hold: false,
                ..shape
            },
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sessions20 => "sessions-20",
            Self::Sessions200 => "sessions-200",
            Self::Messages => "messages",
            Self::Bulk => "bulk",
            Self::Idle => "idle",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_those_shown() {
        for workload in Workload::value_variants() {
            assert!(Workload::ALL.contains(workload));
            let name = workload
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            assert_eq!(name, Some(workload.to_string()));
        }
    }
}
