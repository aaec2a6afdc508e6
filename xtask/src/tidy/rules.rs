//! "What must never be", as a table. The numbers are those of `ARCHITECTURE.md`.

/// Files that may not name some paths.
pub(crate) struct Layer {
    /// Number of the invariant.
    pub(crate) rule: u8,
    /// What is kept by it.
    pub(crate) why: &'static str,
    /// Files, or folders that end in `/`.
    pub(crate) files: &'static [&'static str],
    /// Exceptions.
    pub(crate) except: &'static [&'static str],
    /// Paths, each matching wherever its segments stand in a row.
    pub(crate) never: &'static [&'static str],
}

/// Who may name what.
pub(crate) const LAYERS: &[Layer] = &[
    Layer {
        rule: 1,
        why: "config imports no running component",
        files: &["smtp-lb/src/config.rs", "smtp-lb/src/config/"],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::event",
            "crate::firewall",
            "crate::health",
            "crate::pool",
            "crate::proxy",
            "crate::reload",
            "crate::shutdown",
            "crate::smtp",
            "crate::tls",
            "tokio",
        ],
    },
    Layer {
        rule: 1,
        why: "components read the plan, never the raw TOML",
        files: &["smtp-lb/src/"],
        except: &["smtp-lb/src/config.rs", "smtp-lb/src/config/"],
        never: &["crate::config::raw", "toml"],
    },
    Layer {
        rule: 2,
        why: "pure parts get time and chance as arguments",
        files: &[
            "smtp-lb/src/smtp.rs",
            "smtp-lb/src/smtp/",
            "smtp-lb/src/pool/balance.rs",
            "smtp-lb/src/pool/balance/",
            "smtp-lb/src/pool/limit.rs",
            "smtp-lb/src/pool/line.rs",
            "smtp-lb/src/proxy_protocol.rs",
            "smtp-lb/src/proxy_protocol/",
            "smtp-lb/src/proxy/gateway/machine.rs",
            "smtp-lb/src/proxy/gateway/machine/",
            "smtp-lb-common/src/",
        ],
        except: &[],
        never: &[
            "tokio",
            "rustls",
            "aya",
            "aya_ebpf",
            "rand",
            "getrandom",
            "Instant::now",
            "SystemTime::now",
        ],
    },
    Layer {
        rule: 4,
        why: "the data plane never imports admin, cli or firewall",
        files: &[
            "smtp-lb/src/proxy.rs",
            "smtp-lb/src/proxy/",
            "smtp-lb/src/pool.rs",
            "smtp-lb/src/pool/",
            "smtp-lb/src/health.rs",
            "smtp-lb/src/health/",
            "smtp-lb/src/smtp.rs",
            "smtp-lb/src/smtp/",
        ],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::firewall",
            "crate::reload",
        ],
    },
    Layer {
        rule: 4,
        why: "firewall never imports proxy; they meet in app",
        files: &["smtp-lb/src/firewall.rs", "smtp-lb/src/firewall/"],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::pool",
            "crate::proxy",
            "crate::reload",
        ],
    },
    Layer {
        rule: 4,
        why: "tls makes configurations, and knows nobody who shakes hands with them",
        files: &["smtp-lb/src/tls.rs", "smtp-lb/src/tls/"],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::firewall",
            "crate::health",
            "crate::pool",
            "crate::proxy",
            "crate::reload",
            "crate::shutdown",
        ],
    },
    Layer {
        rule: 4,
        why: "dns answers whoever asks, and knows nobody",
        files: &["smtp-lb/src/dns.rs", "smtp-lb/src/dns/"],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::config",
            "crate::event",
            "crate::firewall",
            "crate::health",
            "crate::pool",
            "crate::proxy",
            "crate::reload",
            "crate::shutdown",
            "crate::smtp",
            "crate::tls",
        ],
    },
    Layer {
        rule: 2,
        why: "what is known of names, and when they are asked, gets time as an argument",
        files: &["smtp-lb/src/dns/schedule.rs", "smtp-lb/src/dns/table.rs"],
        except: &[],
        never: &[
            "tokio",
            "hickory_resolver",
            "Instant::now",
            "SystemTime::now",
        ],
    },
    Layer {
        rule: 5,
        why: "event knows only common and its part of the plan",
        files: &["smtp-lb/src/event.rs", "smtp-lb/src/event/"],
        except: &[],
        never: &[
            "crate::admin",
            "crate::app",
            "crate::cli",
            "crate::firewall",
            "crate::health",
            "crate::pool",
            "crate::proxy",
            "crate::reload",
            "crate::shutdown",
            "crate::smtp",
        ],
    },
    Layer {
        rule: 6,
        why: "only health writes member state, by the one hand that app lends it",
        files: &["smtp-lb/src/"],
        except: &[
            "smtp-lb/src/app/members.rs",
            "smtp-lb/src/pool/member.rs",
            "smtp-lb/src/pool/tests.rs",
            "smtp-lb/src/proxy/tests/",
        ],
        never: &["set_state"],
    },
    Layer {
        rule: 6,
        why: "what operators say of members is written in one place",
        files: &["smtp-lb/src/"],
        except: &[
            "smtp-lb/src/app/administration.rs",
            "smtp-lb/src/app/administration/tests.rs",
            "smtp-lb/src/pool/member.rs",
            "smtp-lb/src/pool/tests.rs",
            "smtp-lb/src/proxy/tests/",
        ],
        never: &["set_administration"],
    },
];

/// Files that may name aya.
pub(crate) const AYA: &[&str] = &[
    "smtp-lb/src/event/ring.rs",
    "smtp-lb/src/firewall/counters.rs",
    "smtp-lb/src/firewall/image_map.rs",
    "smtp-lb/src/firewall/loader.rs",
    "tests/",
    "bench/src/firewall/",
];

/// Files that may have `unsafe`.
pub(crate) const UNSAFE: &[&str] = &[
    "smtp-lb/src/firewall/image_map.rs",
    "smtp-lb-ebpf/src/frame.rs",
    "smtp-lb-ebpf/src/kernel.rs",
];
