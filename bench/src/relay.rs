//! `smtp-lb-bench relay`: the plain relay beside `HAProxy` and nginx stream.

use crate::compare::Bench;
use crate::compare::row::{Row, Target};
use crate::compare::subject::{Scenario, Subject};
use crate::compare::workload::{Shape, Workload};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "relay",
    title: "Relay beside its peers",
    note: "",
    workloads: &[
        Workload {
            name: "sessions-20",
            shape: Shape::small(10_000, 20),
            warm_up: Shape::small(1_000, 20),
            rows: &[
                Row::cpu_per_session(
                    "CPU, 1 message a session, 20 at once: s per 1,000 sessions",
                    1.0,
                ),
                Row::rate("Sessions a second, 20 at once", BEST),
                Row::p50("Time of a session, 20 at once, p50: ms", BEST),
                Row::p99("Time of a session, 20 at once, p99: ms", BEST),
                Row::proxy_share("Share of its CPU that the proxy used, 20 at once: %"),
                Row::load_share("Share of theirs that generator and sink used: %"),
            ],
            ..RELAY
        },
        Workload {
            name: "sessions-200",
            shape: Shape::small(10_000, 200),
            warm_up: Shape::small(1_000, 200),
            rows: &[Row::cpu_per_session(
                "CPU, 1 message a session, 200 at once: s per 1,000 sessions",
                1.0,
            )],
            ..RELAY
        },
        Workload {
            name: "messages",
            shape: Shape::many(1_000),
            warm_up: Shape::many(100),
            rows: &[Row::cpu_per_message(
                "CPU, 1,000 messages a session, 20 at once: s per 1,000 messages",
                1.0,
            )],
            ..RELAY
        },
        Workload {
            name: "bulk",
            shape: Shape::bulk(200),
            warm_up: Shape::bulk(20),
            rows: &[Row::cpu_per_gb(
                "CPU, messages of 10 MiB, 4 at once: s per GB",
                0.7,
            )],
            ..RELAY
        },
        Workload {
            name: "idle",
            shape: Shape::idle(5_000),
            // Sessions held beforehand would be taken for the proxy's own memory.
            warm_up: Shape::small(20, 1),
            rows: &[Row::memory(
                "Memory of an idle session, 5,000 after EHLO: KiB of RSS",
                3.5,
            )],
            ..RELAY
        },
    ],
};

const BEST: Option<Target> = Some(Target::Ratio(1.0));

/// What all workloads have in common.
const RELAY: Workload = Workload {
    name: "",
    scenario: Scenario::Plain,
    resume: false,
    subjects: &[
        Subject::SmtpLb,
        Subject::HaProxy,
        Subject::Nginx,
        Subject::Nginx64k,
    ],
    shape: Shape::small(0, 0),
    warm_up: Shape::small(0, 0),
    rows: &[],
};
