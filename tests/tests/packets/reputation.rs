//! Reputation in the packet path: who wins over whom, who counts, and what is told.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};
use smtp_lb::config::plan::{
    Action, CategoryAction, CategoryPlan, FirewallMode, Plan, ReputationId, ReputationPlan,
    ReputationPolicyPlan,
};
use smtp_lb::firewall::compile;
use smtp_lb::reputation::Tagged;
use smtp_lb::reputation::image::{self, Compiled};
use smtp_lb::reputation::sets::Sets;
use smtp_lb_common::added::{Entries, Entry, Key, REASON, added, key, pack_lengths};
use smtp_lb_common::image::{halves, word};
use smtp_lb_common::packet::{Flow, parse};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_common::reputation::{PROFILES, Standing, standing};
use smtp_lb_common::verdict::{Host, NO_HIT, decide};

use super::frames::{SYN, icmp, tcp, udp};
use super::plans::{empty, policy, rule, server};
use super::stand::{Bench, sums_hold};

const SPAM: u8 = 0;
const BOTS: u8 = 1;
const WATCHED: u8 = 2;
const ALLOW: u8 = 63;

const MAIL: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.77";

fn categories(actions: [(CategoryAction, bool); 3]) -> Vec<CategoryPlan> {
    let plan = |(action, log)| CategoryPlan { action, log };
    actions.map(plan).to_vec()
}

/// Spam is dropped for all, bots for the mail server only, and the watched are told of.
fn plan(mode: FirewallMode) -> Plan {
    use CategoryAction::{Accept, Drop};
    let mut plan = empty(mode);
    plan.reputation = ReputationPlan {
        categories: ["spam", "bots", "watched"].map(str::to_owned).to_vec(),
        policies: vec![
            ReputationPolicyPlan {
                name: "all".to_owned(),
                categories: categories([(Drop, true), (Accept, false), (Accept, false)]),
            },
            ReputationPolicyPlan {
                name: "strict".to_owned(),
                categories: categories([(Drop, false), (Drop, false), (Accept, true)]),
            },
        ],
        ..ReputationPlan::default()
    };
    plan.firewall.reputation = Some(ReputationId(0));
    plan.firewall.failsafe = vec![rule("office", Action::Accept, &["10.0.9.0/24"])];
    let edge = policy(
        &mut plan,
        "edge",
        vec![
            rule("worst", Action::Drop, &["10.0.7.0/24"]),
            rule("trusted", Action::Accept, &["10.0.0.0/8", "2001:db8::/32"]),
        ],
    );
    server(
        &mut plan,
        "mail",
        &["192.0.2.1:25", "[2001:db8:f::1]:25"],
        Some(edge),
    );
    server(&mut plan, "open", &["192.0.2.9:25"], None);
    plan.virtual_servers[0].reputation = Some(ReputationId(1));
    plan
}

fn feeds() -> Compiled {
    let net = |feed: &mut Tagged, tag: u8, text: &str| {
        let net: ipnet::IpNet = text.parse().expect("a network");
        feed.of(tag).add(net.network(), net.broadcast());
    };
    let (mut first, mut second) = (Tagged::default(), Tagged::default());
    for (tag, text) in [
        (SPAM, "10.0.1.0/24"),
        (BOTS, "10.0.2.0/24"),
        (SPAM, "10.0.7.0/25"),
        (SPAM, "10.0.9.0/24"),
        (WATCHED, "10.0.3.0/24"),
        (WATCHED, "10.0.7.128/25"),
        (SPAM, "2001:db8:1::/48"),
    ] {
        net(&mut first, tag, text);
    }
    for (tag, text) in [
        (BOTS, "10.0.1.0/25"),
        (SPAM, "10.0.4.4/32"),
        (ALLOW, "10.0.1.200/32"),
        (ALLOW, "2001:db8:1::5/128"),
        (WATCHED, "2001:db8:2::/64"),
    ] {
        net(&mut second, tag, text);
    }
    first.merge();
    second.merge();
    let categories: Vec<String> = ["spam", "bots", "watched"].map(str::to_owned).to_vec();
    image::compile(
        &[("a", &first), ("b", &second)],
        &categories,
        &Sets::default(),
        1,
    )
    .expect("it compiles")
}

/// The same code in userspace, with the same feeds and entries.
struct Listed<'a> {
    feeds: &'a Compiled,
    entries: &'a [(Key, Entry)],
    lengths: u64,
    now: u64,
}

impl Entries for Listed<'_> {
    fn get(&self, key: &Key) -> Option<(u64, u32)> {
        let found = self.entries.iter().find(|(own, _)| own == key)?;
        Some((found.1.expires, found.1.category))
    }
}

impl smtp_lb_common::walk::Meter for Listed<'_> {}

impl Host for Listed<'_> {
    fn has_connection(&self, _: &Flow) -> bool {
        false
    }

    fn listed(&self, v6: bool, source: [u64; 2]) -> Standing {
        standing(self.feeds.lines.as_slice(), v6, source)
    }

    fn added(&self, v6: bool, source: [u64; 2]) -> Standing {
        let (of_v6, of_v4) = halves(self.lengths);
        added(self, if v6 { of_v6 } else { of_v4 }, v6, source, self.now)
    }
}

struct Case {
    bench: Bench,
    feeds: Compiled,
    entries: Vec<(Key, Entry)>,
    lengths: u64,
}

impl Case {
    fn new(mode: FirewallMode) -> Self {
        let mut bench = Bench::new(&plan(mode));
        let feeds = feeds();
        bench
            .stand
            .reputation(&feeds.lines)
            .expect("the image is taken");
        Self {
            bench,
            feeds,
            entries: Vec::new(),
            lengths: 0,
        }
    }

    /// `verdict reason context/policy/rule`, of the kernel and of userspace, and the set and profile
    /// that counted.
    fn ask(&mut self, frame: &[u8]) -> (String, Option<u32>) {
        let numbers: Vec<u32> = (1..64)
            .chain(self.feeds.sets.iter().map(|it| it.0))
            .collect();
        let before = self.bench.stand.hits(&numbers).expect("hits");
        let kernel = self.bench.kernel_and_beside(frame);
        let after = self.bench.stand.hits(&numbers).expect("hits");
        let hit = moved(&before, &after, frame.len() as u64);

        let host = Listed {
            feeds: &self.feeds,
            entries: &self.entries,
            lengths: self.lengths,
            now: now(),
        };
        let lines = self.bench.compiled.lines.as_slice();
        let decision = decide(lines, &host, frame, &parse(frame));
        let label = self
            .bench
            .compiled
            .slots
            .label(decision.slot)
            .expect("a label");
        let beside = match decision.listed.slot {
            0 => String::new(),
            slot => {
                let label = self.bench.compiled.slots.label(slot).expect("a label");
                format!(" beside {}/{}/{}", label.context, label.policy, label.rule)
            }
        };
        let userspace = format!(
            "{} {} {}/{}/{}{}{beside}",
            decision.verdict.name(),
            decision.reason.name(),
            label.context,
            label.policy,
            label.rule,
            if decision.log { " log" } else { "" },
        );
        assert_eq!(kernel, userspace);
        assert_eq!(hit.unwrap_or(NO_HIT), decision.listed.hit);
        (kernel, hit)
    }
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).expect("after the boot") * 1_000_000_000
        + u64::try_from(now.tv_nsec).expect("after the boot")
}

type Hits = BTreeMap<u32, smtp_lb_common::abi::Tally>;

fn moved(before: &Hits, after: &Hits, octets: u64) -> Option<u32> {
    let moved: Vec<u32> = after
        .iter()
        .filter(|(number, tally)| {
            let was = before.get(number).copied().unwrap_or_default();
            let moved = **tally != was;
            assert!(!moved || tally.packets == was.packets + 1);
            assert!(!moved || tally.bytes == was.bytes + octets);
            moved
        })
        .map(|(number, _)| *number)
        .collect();
    assert!(moved.len() <= 1, "one set counts, not {moved:?}");
    moved.first().copied()
}

impl Bench {
    /// As [`Bench::kernel`], for packets of which a second event may be told: `beside` and who.
    fn kernel_and_beside(&mut self, frame: &[u8]) -> String {
        let counters = |bench: &Self| bench.stand.counters(&bench.compiled).expect("counters");
        let before = counters(self);
        let action = self.stand.run(frame).expect("the program runs");
        let after = counters(self);
        sums_hold(&after);
        let rows = after.rows.iter().filter(|row| !before.rows.contains(row));
        let [row] = rows.collect::<Vec<_>>()[..] else {
            panic!("one row counts");
        };
        let verdict = if action == 2 { "accept" } else { "drop" };
        assert_eq!(row.label.verdict.as_str(), verdict);
        let answer = self.stand.explain(frame).expect("the program explains");
        assert_eq!(counters(self), after, "explaining leaves no trace");
        assert_eq!(
            Verdict::from_u8(answer.verdict).map(Verdict::name),
            Some(verdict)
        );
        let reason = Reason::from_u8(answer.reason).expect("a reason");
        let mut said = format!(
            "{verdict} {} {}/{}/{}",
            reason.name(),
            row.label.context,
            row.label.policy,
            row.label.rule
        );
        let mut asked = 0;
        while let Some(event) = self.event() {
            asked += 1;
            let own = event.slot == answer.slot;
            assert_eq!(event.set > 0, event.reason == Reason::Reputation as u8);
            assert!(event.set == 0 || event.set == answer.set);
            if own {
                assert_eq!(
                    (event.reason, event.verdict),
                    (answer.reason, answer.verdict)
                );
                said += " log";
                continue;
            }
            let label = self.compiled.slots.label(event.slot).expect("a label");
            assert_eq!(event.verdict, Verdict::Accept as u8);
            let who = [label.context, label.policy, label.rule].join("/");
            said = format!("{said} beside {who}");
        }
        assert_eq!(after.events.asked - before.events.asked, asked);
        said
    }
}

const STRICT: &str = "virtual-server:mail/reputation(strict)";
const GLOBAL: &str = "virtual-server:mail/reputation(all)";
const TRUSTED: &str = "accept policy virtual-server:mail/edge/trusted log";

#[test]
fn failsafe_then_reputation_then_policy() {
    let watched = format!("{TRUSTED} beside {STRICT}/watched");
    let global = format!("drop reputation {GLOBAL}/spam log");
    let strict = format!("drop reputation {STRICT}/bots");
    let table = [
        // Source, where, what, does a set count.
        ("10.0.1.130", MAIL, global.as_str(), true),
        ("10.0.1.3", MAIL, global.as_str(), true),
        ("10.0.1.200", MAIL, TRUSTED, true),
        ("10.0.2.0", MAIL, strict.as_str(), true),
        ("10.0.2.255", MAIL, strict.as_str(), true),
        ("10.0.3.1", MAIL, watched.as_str(), true),
        ("10.0.4.3", MAIL, TRUSTED, false),
        ("10.0.4.4", MAIL, global.as_str(), true),
        ("10.0.4.5", MAIL, TRUSTED, false),
        ("10.0.7.5", MAIL, global.as_str(), true),
        (
            "10.0.9.5",
            MAIL,
            "accept failsafe failsafe//office log",
            false,
        ),
        ("10.0.2.9", OTHER, "accept default host//default", true),
        (
            "10.0.1.9",
            OTHER,
            "drop reputation host/reputation(all)/spam log",
            true,
        ),
        (
            "10.0.1.9",
            "192.0.2.9",
            "drop reputation virtual-server:open/reputation(all)/spam log",
            true,
        ),
        (
            "10.0.2.9",
            "192.0.2.9",
            "accept default virtual-server:open//default",
            true,
        ),
        ("2001:db8:1::1", "2001:db8:f::1", global.as_str(), true),
        ("2001:db8:1::5", "2001:db8:f::1", TRUSTED, true),
        ("2001:db8:2::5", "2001:db8:f::1", watched.as_str(), true),
        ("2001:db8:2:1::5", "2001:db8:f::1", TRUSTED, false),
    ];
    let mut case = Case::new(FirewallMode::Adc);
    for (src, dst, expected, counts) in table {
        let (said, hit) = case.ask(&tcp(src, dst, 25, SYN).bytes());
        assert_eq!(said, expected, "{src} to {dst}");
        assert_eq!(hit.is_some(), counts, "{src} to {dst}");
    }
    // Whatever the protocol, in whatever frame.
    let spam = "drop reputation host/reputation(all)/spam log";
    for frame in [
        udp("10.0.1.130", OTHER, 5, 53),
        icmp("10.0.1.130", OTHER, 8, 0, b"ping"),
        tcp("10.0.1.130", OTHER, 25, SYN).fragment(5, false),
        tcp("10.0.1.130", OTHER, 25, SYN).qinq(7, 8).options(3),
    ] {
        assert_eq!(case.ask(&frame.bytes()).0, spam);
    }
    // Two profiles, of one set.
    let (_, at_mail) = case.ask(&tcp("10.0.1.130", MAIL, 25, SYN).bytes());
    let (_, at_host) = case.ask(&tcp("10.0.1.130", OTHER, 25, SYN).bytes());
    let (at_mail, at_host) = (at_mail.expect("a set"), at_host.expect("a set"));
    assert_eq!(at_mail / PROFILES, at_host / PROFILES);
    assert_ne!(at_mail, at_host);
}

#[test]
fn nothing_is_listed_without_an_image_or_by_a_damaged_one() {
    let mut bench = Bench::new(&plan(FirewallMode::Adc));
    let frame = tcp("10.0.1.130", MAIL, 25, SYN).bytes();
    assert_eq!(bench.kernel_and_beside(&frame), TRUSTED);
    let mut lines = feeds().lines;
    lines[0][0] ^= 1;
    bench.stand.reputation(&lines).expect("the image is taken");
    assert_eq!(bench.kernel_and_beside(&frame), TRUSTED);
    bench
        .stand
        .reputation(&lines[..3])
        .expect("the image is taken");
    assert_eq!(bench.kernel_and_beside(&frame), TRUSTED);
    bench
        .stand
        .reputation(&feeds().lines)
        .expect("the image is taken");
    assert!(
        bench
            .kernel_and_beside(&frame)
            .starts_with("drop reputation")
    );
}

#[test]
fn added_entries_hold_until_they_end() {
    let mut case = Case::new(FirewallMode::Adc);
    let hour = now() + 3_600_000_000_000;
    let soon = now() + 300_000_000;
    let entry = |category: u8, expires| Entry {
        expires,
        since: 0,
        category: category.into(),
        origin: 0,
        reason: [0; REASON],
    };
    let v4 = |last: u64, length| key(false, [0, 0xffff_0a00_0000 | last], length);
    case.entries = vec![
        (v4(0x0505, 32), entry(BOTS, hour)),
        (v4(0x0600, 24), entry(SPAM, soon)),
        // An allow entry of a feed wins; so does the failsafe list.
        (v4(0x01c8, 32), entry(SPAM, hour)),
        (v4(0x0905, 32), entry(SPAM, hour)),
        // A feed's word that acts is counted before it, one that does not after it.
        (v4(0x0201, 32), entry(SPAM, hour)),
        (v4(0x0301, 32), entry(BOTS, hour)),
        (key(true, [0x2001_0db8_0009_0000, 0], 64), entry(BOTS, hour)),
    ];
    case.lengths = word(
        pack_lengths([64].into_iter()),
        pack_lengths([24, 32].into_iter()),
    );
    case.bench
        .stand
        .add(&case.entries, case.lengths)
        .expect("entries");
    let added = |category: u8| Some((u32::from(category) + 1) * PROFILES);
    let bots = format!("drop reputation {STRICT}/bots");
    let spam = format!("drop reputation {GLOBAL}/spam log");
    let table = [
        ("10.0.5.5", bots.as_str(), Some(added(BOTS))),
        ("10.0.5.6", TRUSTED, Some(None)),
        ("10.0.6.77", spam.as_str(), Some(added(SPAM))),
        ("10.0.1.200", TRUSTED, None),
        (
            "10.0.9.5",
            "accept failsafe failsafe//office log",
            Some(None),
        ),
        ("10.0.2.1", bots.as_str(), None),
        ("10.0.3.1", bots.as_str(), Some(added(BOTS))),
        ("2001:db8:9::77", bots.as_str(), Some(added(BOTS))),
        ("2001:db8:9:1::77", TRUSTED, Some(None)),
    ];
    for (src, expected, counted) in table {
        let dst = if src.contains(':') {
            "2001:db8:f::1"
        } else {
            MAIL
        };
        let (said, hit) = case.ask(&tcp(src, dst, 25, SYN).bytes());
        assert_eq!(said, expected, "{src}");
        if let Some(counted) = counted {
            let set = |hit: Option<u32>| hit.map(|hit| hit / PROFILES * PROFILES);
            assert_eq!(set(hit), counted, "{src}");
        }
    }
    while now() < soon {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(
        case.ask(&tcp("10.0.6.77", MAIL, 25, SYN).bytes()).0,
        TRUSTED
    );
}

#[test]
fn names_of_an_image_are_read_back() {
    let mut feeds = feeds();
    let json = br#"{"a":"b, and more than a line of it, so that it takes two or three of them"}"#;
    feeds.name(json);
    assert_eq!(image::read_names(&feeds.lines), json);
    // The plan's slots have the labels that reputation decides by.
    let plan = plan(FirewallMode::Firewall);
    let compiled = compile(
        &plan,
        &smtp_lb::firewall::Now::default(),
        smtp_lb::firewall::Slots::default(),
        1,
    )
    .expect("it compiles");
    let labels = compiled
        .slots
        .iter()
        .filter(|it| it.1.policy.starts_with("reputation("));
    assert_eq!(labels.count(), 5);
}

#[test]
fn a_category_is_rejected_and_what_may_not_be_answered_dropped() {
    let mut plan = plan(FirewallMode::Firewall);
    plan.reputation.policies[1].categories[usize::from(BOTS)].action = CategoryAction::Reject;
    let mut bench = Bench::new(&plan);
    bench.stand.reputation(&feeds().lines).expect("an image");
    for (flags, verdict) in [(super::frames::SYN, 2), (super::frames::RST, 1)] {
        let frame = tcp("10.0.2.9", MAIL, 25, flags).bytes();
        let action = bench.stand.run(&frame).expect("runs");
        assert_eq!(action, if verdict == 2 { 3 } else { 1 });
        let answer = bench.stand.explain(&frame).expect("explains");
        assert_eq!(answer.verdict, verdict);
        assert_eq!(Reason::from_u8(answer.reason), Some(Reason::Reputation));
    }
    let counters = bench.stand.counters(&bench.compiled).expect("counters");
    sums_hold(&counters);
    let rows = counters
        .rows
        .iter()
        .filter(|row| row.label.rule == "bots" && row.count.packets > 0);
    let words: Vec<_> = rows.map(|row| row.label.verdict.as_str()).collect();
    assert_eq!(words, ["reject", "drop"]);
}
