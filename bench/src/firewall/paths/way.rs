//! Paths that a packet can take through the filter.

use std::fmt::{self, Write as _};
use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use smtp_lb::config::plan::FloodRate;
use smtp_lb::config::{Resolve, parse};
use smtp_lb::firewall::{Compiled, Now, Slots, compile};
use smtp_lb_common::packet::protocol;

use super::super::feed::{Family, Feed};
use super::super::ground::{FAILSAFE, Ground, Whose};
use super::super::rig::Pick;

const PASS: u32 = 2;
const DROP: u32 = 1;
const TX: u32 = 3;
/// Past what a file may ask for: it is not the rate that is measured.
const UNBOUND: u32 = 1_000_000_000;

/// What becomes of the packets, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Failsafe,
    Listed,
    ListedEvent,
    ListedReject,
    ListedAccept,
    ListedLog,
    Added,
    Accept,
    Drop,
    DropEvent,
    Reset,
    Unreachable,
    PastRate,
    DefaultAccept,
    DefaultDrop,
    DefaultReject,
    FloodKnown,
    FloodNew,
    FloodDrop,
}

impl Way {
    pub(crate) const ALL: [Self; 19] = [
        Self::Failsafe,
        Self::Listed,
        Self::ListedEvent,
        Self::ListedReject,
        Self::ListedAccept,
        Self::ListedLog,
        Self::Added,
        Self::Accept,
        Self::Drop,
        Self::DropEvent,
        Self::Reset,
        Self::Unreachable,
        Self::PastRate,
        Self::DefaultAccept,
        Self::DefaultDrop,
        Self::DefaultReject,
        Self::FloodKnown,
        Self::FloodNew,
        Self::FloodDrop,
    ];

    /// Who sends them.
    pub(crate) fn whose(self) -> Whose {
        match self {
            Self::Failsafe => Whose::Failsafe,
            Self::Listed
            | Self::ListedEvent
            | Self::ListedReject
            | Self::ListedAccept
            | Self::ListedLog => Whose::Listed,
            Self::Added => Whose::Added,
            Self::Accept
            | Self::Drop
            | Self::DropEvent
            | Self::Reset
            | Self::Unreachable
            | Self::PastRate => Whose::Ruled,
            Self::DefaultAccept
            | Self::DefaultDrop
            | Self::DefaultReject
            | Self::FloodKnown
            | Self::FloodNew
            | Self::FloodDrop => Whose::Stranger,
        }
    }

    /// The XDP action.
    pub(crate) fn action(self) -> u32 {
        match self {
            Self::Failsafe
            | Self::ListedAccept
            | Self::ListedLog
            | Self::Accept
            | Self::DefaultAccept
            | Self::FloodKnown
            | Self::FloodNew => PASS,
            Self::ListedReject | Self::Reset | Self::Unreachable | Self::DefaultReject => TX,
            Self::Listed
            | Self::ListedEvent
            | Self::Added
            | Self::Drop
            | Self::DropEvent
            | Self::PastRate
            | Self::DefaultDrop
            | Self::FloodDrop => DROP,
        }
    }

    /// An event for each.
    pub(crate) fn tells(self) -> bool {
        matches!(self, Self::DropEvent | Self::ListedEvent | Self::ListedLog)
    }

    pub(crate) fn pick(self) -> Pick {
        match self {
            Self::FloodKnown | Self::FloodDrop => Pick::Few,
            Self::FloodNew => Pick::InTurn,
            _ => Pick::Random,
        }
    }

    pub(crate) fn protocol(self) -> u8 {
        match self {
            Self::Unreachable => protocol::UDP,
            _ => protocol::TCP,
        }
    }

    /// The program that is run, for IPv6 frames or others.
    pub(crate) fn program(self, v6: bool) -> &'static str {
        match (self, v6) {
            // Some of them are answered.
            (Self::PastRate, _) => "bench_answer",
            _ if self.action() == TX => "bench_answer",
            (_, false) => "bench_filter_v4",
            (_, true) => "bench_filter_v6",
        }
    }

    /// Its policy as an operator would write it, compiled.
    pub(crate) fn image(self, reputation: bool) -> Result<Compiled> {
        let mut plan = parse("bench", &self.configuration(reputation)?, &Nobody)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?
            .plan;
        let firewall = &mut plan.firewall;
        (firewall.event_rate, firewall.event_burst) = (UNBOUND, UNBOUND);
        // What that has spent is soon forgotten.
        firewall.reject_rate = if self == Self::PastRate { 10 } else { UNBOUND };
        for profile in &mut firewall.flood_profiles {
            let rate = if self == Self::FloodDrop { 1 } else { UNBOUND };
            let rate = Some(FloodRate { rate, burst: rate });
            (profile.source, profile.network) = (rate, rate);
        }
        Ok(compile(&plan, &Now::default(), Slots::default(), 1)?)
    }

    fn configuration(self, reputation: bool) -> Result<String> {
        let (mode, default) = match self {
            Self::DefaultDrop => ("firewall", "drop"),
            Self::DefaultReject => ("firewall", "reject"),
            _ => ("adc", "drop"),
        };
        let mut text =
            format!("[firewall]\nmode = \"{mode}\"\nlog_default = false\nhost_policy = \"p\"\n");
        if mode == "firewall" {
            writeln!(text, "default = \"{default}\"")?;
        }
        if reputation {
            text += "reputation = \"all\"\n";
        }
        let floods = matches!(self, Self::FloodKnown | Self::FloodNew | Self::FloodDrop);
        if floods {
            text += "flood = \"all\"\n";
        }
        writeln!(
            text,
            "[[firewall.failsafe]]\nname = \"safe\"\nsource = {FAILSAFE:?}"
        )?;
        if floods {
            text += "[[firewall.flood_profile]]\nname = \"all\"\nsource_rate = 1\nnetwork_rate = 1\n\
                     log = false\n";
        }
        text += "[[firewall.policy]]\nname = \"p\"\n";
        let action = match self {
            Self::Drop | Self::DropEvent => "drop",
            Self::Reset | Self::Unreachable | Self::PastRate => "reject",
            _ => "accept",
        };
        let rules = Family::ALL.map(|family| Ground::new(family, Feed::of(0, false)));
        let [v4, v6] = rules;
        for (number, (v4, v6)) in v4?.rules().iter().zip(v6?.rules()).enumerate() {
            writeln!(
                text,
                "[[firewall.policy.rule]]\nname = \"r{number}\"\naction = \"{action}\"\n\
                 log = {}\nsource = [\"{v4}\", \"{v6}\"]",
                self == Self::DropEvent
            )?;
        }
        if reputation {
            let action = match self {
                Self::ListedAccept => "accept",
                Self::ListedLog => "log-only",
                Self::ListedReject => "reject",
                _ => "drop",
            };
            writeln!(
                text,
                "[[reputation.policy]]\nname = \"all\"\n\
                 category = [{{ name = \"bad\", action = \"{action}\", log = {} }}]",
                matches!(self, Self::ListedLog | Self::ListedEvent)
            )?;
        }
        Ok(text + SERVER)
    }
}

/// The virtual server that packets are for, with the policy `p`.
pub(crate) const SERVER: &str = "[[virtual_server]]\nname = \"mail\"\n\
    listen = [\"192.0.2.1:25\", \"[2001:db8::1]:25\"]\npool = \"p\"\nfirewall_policy = \"p\"\n\
    [[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n";

/// No name is looked up.
pub(crate) struct Nobody;

impl Resolve for Nobody {
    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failsafe => "failsafe: accepted",
            Self::Listed => "reputation: dropped",
            Self::ListedEvent => "reputation: dropped, with an event",
            Self::ListedReject => "reputation: rejected by RST",
            Self::ListedAccept => "reputation: let go on, accepted by default",
            Self::ListedLog => "reputation: told with an event, accepted by default",
            Self::Added => "reputation, added entry: dropped",
            Self::Accept => "rule: accepted",
            Self::Drop => "rule: dropped",
            Self::DropEvent => "rule: dropped, with an event",
            Self::Reset => "rule: TCP rejected by RST",
            Self::Unreachable => "rule: UDP rejected by ICMP",
            Self::PastRate => "rule: rejected past the rate of answers, so dropped",
            Self::DefaultAccept => "default: accepted",
            Self::DefaultDrop => "default: dropped",
            Self::DefaultReject => "default: rejected by RST",
            Self::FloodKnown => "floods: within the rates, known source",
            Self::FloodNew => "floods: within the rates, new source",
            Self::FloodDrop => "floods: dropped",
        })
    }
}
