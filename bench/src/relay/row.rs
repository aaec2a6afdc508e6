//! The figures of the report: what each is, of which workload, and what it should be.

use super::measure::Sample;
use super::workload::Workload;

/// What a row should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// At most this, beside the best peer. Of a rate the inverse is taken.
    Ratio(f64),
    /// At most this, whatever the peers do.
    Value(f64),
}

/// One figure.
pub(crate) struct Row {
    /// Its name and unit.
    pub(crate) title: &'static str,
    /// The load under which it is taken.
    pub(crate) workload: Workload,
    /// How it is taken.
    pub(crate) value: fn(&Sample) -> f64,
    /// Whether more is better.
    pub(crate) is_rate: bool,
    /// Digits after the point.
    pub(crate) digits: usize,
    /// What it should reach; nothing, if it only helps to read the others.
    pub(crate) target: Option<Target>,
}

/// All of them, in the order of the report.
pub(crate) const ROWS: &[Row] = &[
    Row {
        title: "CPU, 1 message a session, 20 at once: s per 1,000 sessions",
        workload: Workload::Sessions20,
        value: |it| it.cpu * 1_000.0 / it.outcome.finished as f64,
        is_rate: false,
        digits: 4,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "CPU, 1 message a session, 200 at once: s per 1,000 sessions",
        workload: Workload::Sessions200,
        value: |it| it.cpu * 1_000.0 / it.outcome.finished as f64,
        is_rate: false,
        digits: 4,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "CPU, 1,000 messages a session, 20 at once: s per 1,000 messages",
        workload: Workload::Messages,
        value: |it| it.cpu * 1_000.0 / it.outcome.tally.messages as f64,
        is_rate: false,
        digits: 4,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "CPU, messages of 10 MiB, 4 at once: s per GB",
        workload: Workload::Bulk,
        value: |it| it.cpu * 1e9 / it.outcome.tally.bytes as f64,
        is_rate: false,
        digits: 3,
        target: Some(Target::Ratio(0.7)),
    },
    Row {
        title: "Sessions a second, 20 at once",
        workload: Workload::Sessions20,
        value: |it| it.outcome.finished as f64 / it.elapsed(),
        is_rate: true,
        digits: 0,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "Time of a session, 20 at once, p50: ms",
        workload: Workload::Sessions20,
        value: |it| it.outcome.p50_ns as f64 / 1e6,
        is_rate: false,
        digits: 2,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "Time of a session, 20 at once, p99: ms",
        workload: Workload::Sessions20,
        value: |it| it.outcome.p99_ns as f64 / 1e6,
        is_rate: false,
        digits: 2,
        target: Some(Target::Ratio(1.0)),
    },
    Row {
        title: "Share of its CPU that the proxy used, 20 at once: %",
        workload: Workload::Sessions20,
        value: |it| it.cpu / it.elapsed() * 100.0,
        is_rate: false,
        digits: 0,
        target: None,
    },
    Row {
        title: "Share of theirs that generator and sink used: %",
        workload: Workload::Sessions20,
        value: |it| it.load_cpu / it.elapsed() * 100.0,
        is_rate: false,
        digits: 0,
        target: None,
    },
    Row {
        title: "Memory of an idle session, 5,000 after EHLO: KiB of RSS",
        workload: Workload::Idle,
        value: |it| it.gained_kib / it.outcome.opened as f64,
        is_rate: false,
        digits: 2,
        target: Some(Target::Value(3.5)),
    },
];
