//! The fallback: the same image and the same code, asked at accept.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp_lb_common::abi::{SlotTally, Tally, Totals};
use smtp_lb_common::added::{self, Entries, Entry, Key};
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::flood;
use smtp_lb_common::image::{Header, Line, halves, rate};
use smtp_lb_common::packet::{
    Flow, NO_VLAN, Packet, Parsed, TCP_SYN, Transport, mapped, protocol, split,
};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_common::reputation::{Standing, standing};
use smtp_lb_common::staged::Compared;
use smtp_lb_common::verdict::{Decision, Host, NO_HIT, decide_staged};
use smtp_lb_common::walk::Meter;

use super::compile::Compiled;
use super::counters::{Counters, present};
use super::floods::Floods;
use super::label::{Label, Slots};
use crate::event::model::FirewallEvent;

/// Image and counters. Sessions begin some thousand times a second at most: a lock will do.
pub(crate) struct Userspace {
    state: Mutex<State>,
}

struct State {
    lines: Vec<Line>,
    slots: Slots,
    totals: Totals,
    tallies: BTreeMap<u32, SlotTally>,
    /// As in [`smtp_lb_common::bucket`], by slot.
    buckets: BTreeMap<u32, u64>,
    /// The reputation image; empty: there is none.
    reputation: Arc<[Line]>,
    /// By set and profile.
    hits: BTreeMap<u32, Tally>,
    added: HashMap<Key, Entry>,
    /// As in the map `LENGTHS`.
    lengths: u64,
    floods: Floods,
    /// What rules with a rate have used of it, by slot.
    spent: RefCell<BTreeMap<u32, u64>>,
}

/// A host without connections of its own, at one moment.
struct Moment<'a> {
    state: &'a State,
    now: u64,
}

impl Entries for State {
    fn get(&self, key: &Key) -> Option<(u64, u32)> {
        let entry = self.added.get(key)?;
        Some((entry.expires, entry.category))
    }
}

impl Meter for Moment<'_> {
    fn within(&self, slot: u32, rate: Rate, question: bool) -> bool {
        let mut spent = self.state.spent.borrow_mut();
        let state = spent.entry(slot).or_default();
        let next = rate.admit(*state, self.now);
        if let Some(next) = next
            && !question
        {
            *state = next;
        }
        next.is_some()
    }
}

impl Host for Moment<'_> {
    fn has_connection(&self, _: &Flow) -> bool {
        false
    }

    fn listed(&self, v6: bool, source: [u64; 2]) -> Standing {
        standing(&*self.state.reputation, v6, source)
    }

    fn added(&self, v6: bool, source: [u64; 2]) -> Standing {
        let (of_v6, of_v4) = halves(self.state.lengths);
        let lengths = if v6 { of_v6 } else { of_v4 };
        added::added(self.state, lengths, v6, source, self.now)
    }
}

impl Userspace {
    pub(crate) fn new(compiled: Compiled) -> Self {
        Self {
            state: Mutex::new(State {
                lines: compiled.lines,
                slots: compiled.slots,
                totals: Totals::default(),
                tallies: BTreeMap::new(),
                buckets: BTreeMap::new(),
                reputation: Arc::new([]),
                hits: BTreeMap::new(),
                added: HashMap::new(),
                lengths: 0,
                floods: Floods::default(),
                spent: RefCell::default(),
            }),
        }
    }

    // No code under the lock can panic; if one did, the counters would still be counters.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, compiled: Compiled) {
        let mut state = self.state();
        state.lines = compiled.lines;
        state.slots = compiled.slots;
    }

    pub(crate) fn slots(&self) -> Slots {
        self.state().slots.clone()
    }

    /// Decides and counts a connection, as one SYN of 0 octets, and tells of it if asked.
    /// `now` is in nanoseconds of the monotonic clock.
    pub(crate) fn allows(
        &self,
        client: SocketAddr,
        local: SocketAddr,
        now: u64,
        feeds: impl Fn(u32) -> Option<Arc<str>>,
        mut tell: impl FnMut(FirewallEvent),
    ) -> Verdict {
        let mut state = self.state();
        let packet = connection(client, local);
        let (decision, compared) = state.decide_connection(packet, now);
        let decision = state.limited(&packet, decision, now);
        state.count(decision, now);
        for compared in compared.iter().filter(|it| it.slot != 0) {
            state.beside(compared.counter(), now);
        }
        let own = decision.log.then_some(decision);
        let enforced = compared.iter().find(|it| it.slot != 0);
        let enforced = enforced.map(|it| it.enforced);
        // Of what reputation found and did not decide by.
        let beside = (decision.listed.slot != 0).then(|| decision.beside());
        let before = decision.passed.log.then(|| decision.before());
        let mut told = Vec::new();
        let staged = compared.iter().filter(|it| it.is_otherwise());
        let staged = staged.map(|it| it.event());
        for decision in [own, beside, before].into_iter().flatten().chain(staged) {
            if state.admit(decision.slot, now) {
                told.push((decision, state.slots.label(decision.slot)));
            }
        }
        drop(state);
        for (decision, label) in told {
            let listed = decision.reason == Reason::Reputation;
            let feeds = if listed {
                feeds(decision.listed.set)
            } else {
                None
            };
            let mut event = event(decision, label.as_ref(), feeds, client, local);
            if decision.reason == Reason::Staged {
                event.enforced = enforced.map(Verdict::name);
            }
            tell(event);
        }
        decision.verdict
    }

    pub(crate) fn counters(&self) -> Counters {
        let state = self.state();
        let mut tallies = state.tallies.clone();
        for (slot, _) in state.slots.iter() {
            tallies.entry(slot).or_default();
        }
        present(&state.totals, &tallies, &state.slots)
    }

    /// Decides a made-up frame without counting it.
    pub(crate) fn explain(&self, frame: &[u8], now: u64) -> (Decision, [Compared; 2]) {
        let parsed = Parsed {
            question: true,
            ..smtp_lb_common::packet::parse(frame)
        };
        let state = self.state();
        let host = Moment { state: &state, now };
        let lines = state.lines.as_slice();
        let (decision, compared) = decide_staged(lines, &host, frame, &parsed);
        if !flood::is_asked(lines, &parsed, &decision) {
            return (decision, compared);
        }
        let floods = state.floods.peek(now);
        let anew = flood::stage(lines, &floods, &parsed.packet, &decision);
        (anew.unwrap_or(decision), compared)
    }

    pub(crate) fn put_reputation(&self, lines: &[Line]) {
        let lines = lines.into();
        self.state().reputation = lines;
    }

    pub(crate) fn hits(&self) -> BTreeMap<u32, Tally> {
        self.state().hits.clone()
    }

    pub(crate) fn added(&self) -> Vec<(Key, Entry)> {
        let state = self.state();
        state
            .added
            .iter()
            .map(|(key, entry)| (*key, *entry))
            .collect()
    }

    pub(crate) fn add(&self, key: Key, entry: Entry) {
        self.state().added.insert(key, entry);
    }

    pub(crate) fn remove(&self, key: &Key) -> bool {
        self.state().added.remove(key).is_some()
    }

    pub(crate) fn set_lengths(&self, lengths: u64) {
        self.state().lengths = lengths;
    }
}

impl State {
    fn count(&mut self, decision: Decision, now: u64) {
        self.totals.received.packets += 1;
        let verdict = match decision.verdict {
            Verdict::Accept => &mut self.totals.accepted,
            Verdict::Drop => &mut self.totals.dropped,
            Verdict::Reject => &mut self.totals.rejected,
        };
        verdict.packets += 1;
        let counted = self.tallies.entry(decision.slot).or_default();
        counted.tally.packets += 1;
        counted.last = now;
        if decision.passed.slot != 0 {
            self.beside(decision.passed.slot, now);
        }
        if decision.listed.hit != NO_HIT {
            self.hits.entry(decision.listed.hit).or_default().packets += 1;
        }
    }

    fn beside(&mut self, slot: u32, now: u64) {
        let counted = self.tallies.entry(slot).or_default();
        counted.tally.packets += 1;
        counted.last = now;
    }

    fn decide_connection(&self, packet: Packet, now: u64) -> (Decision, [Compared; 2]) {
        let parsed = parsed(packet);
        let host = Moment { state: self, now };
        decide_staged(self.lines.as_slice(), &host, [].as_slice(), &parsed)
    }

    /// What new connections of a source are limited to.
    fn limited(&self, packet: &Packet, decision: Decision, now: u64) -> Decision {
        let lines = self.lines.as_slice();
        if !flood::is_asked(lines, &parsed(*packet), &decision) {
            return decision;
        }
        flood::stage(lines, &self.floods.at(now), packet, &decision).unwrap_or(decision)
    }

    /// May the slot send an event? Counted in any case, as the kernel does.
    fn admit(&mut self, slot: u32, now: u64) -> bool {
        self.totals.asked += 1;
        let lines = self.lines.as_slice();
        let rate = lines
            .first()
            .and_then(Header::unpack)
            .and_then(|header| rate(lines, &header, slot));
        let bucket = self.buckets.entry(slot).or_default();
        if let Some(next) = rate.and_then(|rate| rate.admit(*bucket, now)) {
            *bucket = next;
            self.totals.sent += 1;
            return true;
        }
        self.totals.limited += 1;
        false
    }
}

/// A connection as its SYN.
fn connection(client: SocketAddr, local: SocketAddr) -> Packet {
    Packet {
        v6: client.is_ipv6(),
        src: words(client.ip()),
        dst: words(local.ip()),
        protocol: protocol::TCP,
        hops: 64,
        transport: Transport::Tcp,
        sport: client.port(),
        dport: local.port(),
        flags: TCP_SYN,
        icmp_type: 0,
        icmp_code: 0,
        offset: 0,
    }
}

const fn parsed(packet: Packet) -> Parsed {
    Parsed {
        vlan: NO_VLAN,
        interface: 0,
        question: false,
        stop: None,
        packet,
    }
}

fn event(
    decision: Decision,
    label: Option<&Label>,
    feeds: Option<Arc<str>>,
    client: SocketAddr,
    local: SocketAddr,
) -> FirewallEvent {
    let name = |part: Option<&str>| part.unwrap_or_default().into();
    FirewallEvent {
        action: decision.verdict.name(),
        reason: decision.reason.name(),
        // A socket does not say by which interface its client came.
        interface: name(None),
        vlan: None,
        virtual_server: name(label.and_then(Label::virtual_server)),
        policy: name(label.map(Label::policy_name)),
        rule: name(label.map(|label| label.rule.as_str())),
        protocol: protocol::TCP,
        src_ip: client.ip(),
        src_port: client.port(),
        dest_ip: local.ip(),
        dest_port: local.port(),
        tcp_flags: TCP_SYN,
        length: 0,
        feeds,
        enforced: None,
    }
}

fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(ip) => mapped(ip.into()),
        IpAddr::V6(ip) => split(ip.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Resolve, parse};
    use crate::firewall::compile::compile;
    use crate::firewall::now::Now;

    struct Nobody;

    impl Resolve for Nobody {
        fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }

    const TEXT: &str = r#"
        [firewall]
        mode = "firewall"
        enforcement = "userspace"
        event_rate = 1
        event_burst = 2
        [[firewall.policy]]
        name = "edge"
        rule = [
            { name = "good", source = ["10.0.0.0/8", "2001:db8::/32"], action = "accept" },
            { name = "bad", action = "drop", log = true },
        ]
        [[virtual_server]]
        name = "mail"
        listen = ["192.0.2.1:25", "[::]:25"]
        pool = "p"
        firewall_policy = "edge"
        [[pool]]
        name = "p"
        members = ["192.0.2.9:25"]
    "#;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn connections_are_judged_counted_and_told() {
        let plan = parse("test", TEXT, &Nobody).expect("it is sound").plan;
        let userspace = Userspace::new(
            compile(&plan, &Now::default(), Slots::default(), 1).expect("it compiles"),
        );
        let mut told = Vec::new();
        let mut allows = |client: &str, local: &str| {
            let (client, local) = (address(client), address(local));
            userspace.allows(client, local, 1_000, |_| None, |event| told.push(event))
        };
        assert_eq!(allows("10.1.2.3:999", "192.0.2.1:25"), Verdict::Accept);
        assert_eq!(
            allows("[2001:db8::1]:999", "[2001:db8:f::1]:25"),
            Verdict::Accept
        );
        for _ in 0..5 {
            assert_eq!(allows("203.0.113.7:1024", "192.0.2.1:25"), Verdict::Drop);
        }
        let by_default = allows("203.0.113.7:1024", "192.0.2.1:26");
        assert_eq!(by_default, Verdict::Drop, "the default");
        assert_eq!(told.len(), 3, "the burst of one rule, and the default");
        let event = &told[0];
        assert_eq!((event.action, &*event.rule), ("drop", "bad"));
        assert_eq!((&*event.virtual_server, &*event.policy), ("mail", "edge"));
        assert_eq!(
            (event.src_ip, event.src_port),
            (address("203.0.113.7:0").ip(), 1024)
        );
        let counters = userspace.counters();
        assert_eq!(counters.received.packets, 8);
        assert_eq!(
            (counters.accepted.packets, counters.dropped.packets),
            (2, 6)
        );
        let events = counters.events;
        assert_eq!((events.asked, events.sent, events.rate_limited), (6, 3, 3));
        let hit = |row: &&crate::firewall::Row| row.count.packets > 0;
        assert!(
            counters
                .rows
                .iter()
                .filter(hit)
                .all(|row| row.last_hit_ns == Some(1_000))
        );
        let rows: u64 = counters.rows.iter().map(|row| row.count.packets).sum();
        assert_eq!(rows, 8);
    }

    #[test]
    fn sources_are_held_to_their_rate_here_too() {
        let text = TEXT.replace(
            "enforcement",
            "flood = \"f\"\nflood_profile = [{ name = \"f\", source_rate = 1, source_burst = 2 }]\nenforcement",
        );
        let plan = parse("test", &text, &Nobody).expect("it is sound").plan;
        let now = Now::default();
        let userspace =
            Userspace::new(compile(&plan, &now, Slots::default(), 1).expect("it compiles"));
        let mut told = Vec::new();
        let mut allows = |client: &str, seconds: u64| {
            let (client, local) = (address(client), address("192.0.2.1:25"));
            let now = 1_000 + seconds * 1_000_000_000;
            userspace.allows(client, local, now, |_| None, |event| told.push(event))
                == Verdict::Accept
        };
        assert!(allows("10.1.2.3:1", 0) && allows("10.1.2.3:2", 0));
        assert!(!allows("10.1.2.3:3", 0), "the third at once");
        assert!(allows("10.1.2.4:1", 0), "another one");
        assert!(
            allows("10.1.2.3:4", 1) && !allows("10.1.2.3:5", 1),
            "one in a second"
        );
        let event = &told[0];
        assert_eq!((event.action, event.reason), ("drop", "flood"));
        assert_eq!((&*event.policy, &*event.rule), ("flood(f)", "flood"));
        let counters = userspace.counters();
        assert_eq!(
            (counters.accepted.packets, counters.dropped.packets),
            (4, 2)
        );
    }

    #[test]
    fn staged_policies_are_held_against_connections_here_too() {
        let text = TEXT
            .replace("firewall_policy", "staged_policy = \"next\"\nfirewall_policy")
            .replace(
                "[[virtual_server]]",
                "[[firewall.policy]]\nname = \"next\"\nrule = [\n\
                 { name = \"ten\", source = [\"10.0.0.0/8\"], action = \"drop\" },\n]\n[[virtual_server]]",
            );
        let plan = parse("test", &text, &Nobody).expect("it is sound").plan;
        let now = Now::default();
        let userspace =
            Userspace::new(compile(&plan, &now, Slots::default(), 1).expect("it compiles"));
        let mut told = Vec::new();
        for (client, verdict) in [
            ("10.1.2.3:1", Verdict::Accept),
            ("10.1.2.3:2", Verdict::Accept),
            ("203.0.113.7:1", Verdict::Drop),
            ("[2001:db8::1]:1", Verdict::Accept),
        ] {
            let local = if client.starts_with('[') {
                "[2001:db8:f::1]:25"
            } else {
                "192.0.2.1:25"
            };
            let (client, local) = (address(client), address(local));
            let given = userspace.allows(client, local, 1_000, |_| None, |it| told.push(it));
            assert_eq!(given, verdict);
        }
        let counters = userspace.counters();
        let beside: Vec<_> = counters
            .beside
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    row.label.policy, row.label.rule, row.count.packets
                )
            })
            .collect();
        assert_eq!(
            beside,
            [
                "staged(next) default 1",
                "staged-otherwise(next) default 1",
                "staged(next) ten 0",
                "staged-otherwise(next) ten 2",
            ]
        );
        let rows: u64 = counters.rows.iter().map(|row| row.count.packets).sum();
        assert_eq!(rows, counters.received.packets);
        let staged: Vec<_> = told.iter().filter(|it| it.reason == "staged").collect();
        let said = |it: &&FirewallEvent| {
            format!("{} {} {} {:?}", it.policy, it.rule, it.action, it.enforced)
        };
        assert_eq!(
            staged.iter().map(said).collect::<Vec<_>>(),
            [
                "next ten drop Some(\"accept\")",
                "next ten drop Some(\"accept\")",
                "next default drop Some(\"accept\")",
            ]
        );
        let frame = super::super::frame(&super::super::ExplainRequest {
            src: address("10.1.2.3:1").ip(),
            dst: address("192.0.2.1:25").ip(),
            protocol: 6,
            sport: 1,
            dport: 25,
            tcp_flags: 2,
            interface: None,
            vlan: None,
            icmp: None,
        })
        .expect("one family");
        let (decision, compared) = userspace.explain(&frame, 1_000);
        assert_eq!(decision.verdict, Verdict::Accept);
        assert!(compared[1].is_otherwise() && compared[1].verdict == Verdict::Drop);
        assert_eq!(userspace.counters(), counters, "a question leaves no trace");
    }
}
