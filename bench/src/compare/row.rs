//! The figures of the report: what each is, and what it should be.

use super::measure::Sample;
use super::subject::Subject;

/// What a row should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// At most this, beside the best peer. Of a rate the inverse is taken.
    Ratio(f64),
    /// At most this, beside the load without any proxy.
    Direct(f64),
    /// At most this, whatever the peers do.
    Value(f64),
}

/// One figure.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Its name and unit.
    pub(crate) title: &'static str,
    /// How it is taken.
    pub(crate) value: fn(&Sample) -> f64,
    /// Whether more is better.
    pub(crate) is_rate: bool,
    /// Digits after the point.
    pub(crate) digits: usize,
    /// What it should reach; nothing, if it only helps to read the others.
    pub(crate) target: Option<Target>,
}

impl Row {
    /// Whether it says anything about this subject.
    pub(crate) fn tells_of(&self, subject: Subject) -> bool {
        subject != Subject::Direct || matches!(self.target, Some(Target::Direct(_)))
    }

    /// CPU time of the proxy, in seconds for 1,000 sessions.
    pub(crate) const fn cpu_per_session(title: &'static str, most: f64) -> Self {
        Self {
            title,
            value: |it| it.cpu * 1_000.0 / it.outcome.finished as f64,
            is_rate: false,
            digits: 4,
            target: Some(Target::Ratio(most)),
        }
    }

    /// CPU time of the proxy, in seconds for 1,000 messages.
    pub(crate) const fn cpu_per_message(title: &'static str, most: f64) -> Self {
        Self {
            value: |it| it.cpu * 1_000.0 / it.outcome.tally.messages as f64,
            ..Self::cpu_per_session(title, most)
        }
    }

    /// CPU time of the proxy, in seconds for 10⁹ bytes of messages.
    pub(crate) const fn cpu_per_gb(title: &'static str, most: f64) -> Self {
        Self {
            value: |it| it.cpu * 1e9 / it.outcome.tally.bytes as f64,
            digits: 3,
            ..Self::cpu_per_session(title, most)
        }
    }

    /// Sessions in a second.
    pub(crate) const fn rate(title: &'static str, target: Option<Target>) -> Self {
        Self {
            title,
            value: |it| it.outcome.finished as f64 / it.elapsed(),
            is_rate: true,
            digits: 0,
            target,
        }
    }

    /// Median time of a session, in milliseconds.
    pub(crate) const fn p50(title: &'static str, target: Option<Target>) -> Self {
        Self {
            title,
            value: |it| it.outcome.p50_ns as f64 / 1e6,
            is_rate: false,
            digits: 2,
            target,
        }
    }

    /// 99th percentile of the same.
    pub(crate) const fn p99(title: &'static str, target: Option<Target>) -> Self {
        Self {
            value: |it| it.outcome.p99_ns as f64 / 1e6,
            ..Self::p50(title, target)
        }
    }

    /// Share of its CPU that the proxy used, in percent.
    pub(crate) const fn proxy_share(title: &'static str) -> Self {
        Self {
            title,
            value: |it| it.cpu / it.elapsed() * 100.0,
            is_rate: false,
            digits: 0,
            target: None,
        }
    }

    /// Share of theirs that generator and sink used, in percent.
    pub(crate) const fn load_share(title: &'static str) -> Self {
        Self {
            value: |it| it.load_cpu / it.elapsed() * 100.0,
            ..Self::proxy_share(title)
        }
    }

    /// Resident memory that the proxy gained for each session held, in KiB.
    pub(crate) const fn memory(title: &'static str, most: f64) -> Self {
        Self {
            title,
            value: |it| it.gained_kib / it.outcome.opened as f64,
            is_rate: false,
            digits: 2,
            target: Some(Target::Value(most)),
        }
    }
}
