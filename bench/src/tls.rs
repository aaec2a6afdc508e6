//! `smtp-lb-bench tls`: the scenarios with TLS, and the gateway, beside those that can do them.

use crate::compare::Bench;
use crate::compare::row::{Row, Target};
use crate::compare::subject::{Scenario, Subject};
use crate::compare::workload::{Shape, Workload};

/// The bench.
pub(crate) const BENCH: Bench = Bench {
    name: "tls",
    title: "TLS and the gateway beside their peers",
    note: "
TLS is 1.3 with X25519, AES-128-GCM and one P-256 certificate for all servers. Handshakes are full
and tickets are off where nothing else is said, which the generator checks; who connects with TLS
verifies chain and name. TLS in the sink and the generator is rustls, buffered. The HTTP server
that nginx mail asks for each session runs beside the sink and is not counted. `direct` is the
same load without a proxy.
",
    workloads: &[
        Workload {
            name: "offload",
            shape: Shape::small(2_000, 20),
            warm_up: Shape::small(200, 20),
            rows: &[
                Row::cpu_per_session(
                    "CPU, offload, full handshakes, 20 at once: s per 1,000 sessions",
                    0.75,
                ),
                Row::rate("Sessions a second, the same", None),
                Row::p50("Time of a session, the same, p50: ms", None),
                Row::proxy_share("Share of its CPU that the proxy used, the same: %"),
                Row::load_share("Share of theirs that generator and sink used, the same: %"),
            ],
            ..OFFLOAD
        },
        Workload {
            name: "offload-resumed",
            resume: true,
            shape: Shape::small(2_000, 20),
            warm_up: Shape::small(200, 20),
            rows: &[Row::cpu_per_session(
                "CPU, offload, resumed, 20 at once: s per 1,000 sessions",
                0.75,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "offload-bulk",
            shape: Shape::bulk(100),
            warm_up: Shape::bulk(10),
            rows: &[Row::cpu_per_gb(
                "CPU, offload, messages of 10 MiB, 4 at once: s per GB",
                0.9,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "passthrough-bulk",
            scenario: Scenario::Passthrough,
            subjects: STREAMS,
            shape: Shape::bulk(100),
            warm_up: Shape::bulk(10),
            rows: &[Row::cpu_per_gb(
                "CPU, passthrough, messages of 10 MiB, 4 at once: s per GB",
                0.6,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "bridge",
            scenario: Scenario::Bridge,
            subjects: STREAMS,
            shape: Shape::small(2_000, 20),
            warm_up: Shape::small(200, 20),
            rows: &[Row::cpu_per_session(
                "CPU, bridge, 20 at once: s per 1,000 sessions",
                0.8,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "encrypt-server-side",
            scenario: Scenario::EncryptServerSide,
            subjects: &[
                Subject::SmtpLb,
                Subject::HaProxy,
                Subject::Nginx,
                Subject::Nginx64k,
                Subject::Stunnel,
            ],
            shape: Shape::small(2_000, 20),
            warm_up: Shape::small(200, 20),
            rows: &[Row::cpu_per_session(
                "CPU, encrypt-server-side, 20 at once: s per 1,000 sessions",
                0.8,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "starttls-20",
            shape: Shape::small(2_000, 20),
            warm_up: Shape::small(200, 20),
            rows: &[
                Row::cpu_per_session("CPU, STARTTLS, 20 at once: s per 1,000 sessions", 0.8),
                Row::p50("Time of a session, the same, p50: ms", NEAR),
            ],
            ..STARTTLS
        },
        Workload {
            name: "starttls-200",
            shape: Shape::small(2_000, 200),
            warm_up: Shape::small(200, 200),
            rows: &[
                Row::cpu_per_session("CPU, STARTTLS, 200 at once: s per 1,000 sessions", 0.8),
                Row::p50("Time of a session, the same, p50: ms", NEAR),
            ],
            ..STARTTLS
        },
        Workload {
            name: "gateway-messages",
            scenario: Scenario::Gateway,
            // With buffers as they come nginx mail waits for a delayed acknowledgement, 40 ms,
            // in every message: that would measure nothing else.
            subjects: &[Subject::SmtpLb, Subject::NginxMail64k],
            shape: Shape::many(1_000),
            warm_up: Shape::many(100),
            rows: &[Row::cpu_per_message(
                "CPU, gateway without TLS, 1,000 messages a session, 20 at once: s per 1,000 messages",
                1.1,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "offload-idle",
            shape: Shape::idle(2_000),
            warm_up: Shape::small(20, 1),
            rows: &[Row::memory(
                "Memory of an idle session, offload, 2,000 after EHLO: KiB of RSS",
                17.0,
            )],
            ..OFFLOAD
        },
        Workload {
            name: "starttls-idle",
            subjects: &[
                Subject::SmtpLb,
                Subject::NginxMail,
                Subject::NginxMail64k,
                Subject::Stunnel,
            ],
            shape: Shape::idle(2_000),
            warm_up: Shape::small(20, 1),
            rows: &[Row::memory(
                "Memory of an idle session, STARTTLS, 2,000 after EHLO: KiB of RSS",
                17.0,
            )],
            ..STARTTLS
        },
    ],
};

const NEAR: Option<Target> = Some(Target::Direct(1.5));

/// Those that do not know SMTP and may have TLS on both sides.
const STREAMS: &[Subject] = &[
    Subject::SmtpLb,
    Subject::HaProxy,
    Subject::Nginx,
    Subject::Nginx64k,
];

/// TLS from the client only.
const OFFLOAD: Workload = Workload {
    name: "",
    scenario: Scenario::Offload,
    resume: false,
    subjects: &[
        Subject::SmtpLb,
        Subject::HaProxy,
        Subject::Nginx,
        Subject::Nginx64k,
        Subject::NginxMail,
        Subject::NginxMail64k,
        Subject::Stunnel,
    ],
    shape: Shape::small(0, 0),
    warm_up: Shape::small(0, 0),
    rows: &[],
};

/// TLS that the client asks for.
const STARTTLS: Workload = Workload {
    scenario: Scenario::StartTls,
    subjects: &[
        Subject::SmtpLb,
        Subject::NginxMail,
        Subject::NginxMail64k,
        Subject::Stunnel,
        Subject::Direct,
    ],
    ..OFFLOAD
};
