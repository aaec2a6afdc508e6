//! A stand whose pins are its test's own, and what can be asked of it about one packet.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use aya::maps::{MapData, RingBuf};
use smtp_lb::config::plan::Plan;
use smtp_lb::firewall::{Compiled, Count, Counters, Label, Now, Row, Slots, Stand, Word, compile};
use smtp_lb_common::event::RawEvent;
use smtp_lb_common::packet::{Parsed, parse};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_common::staged::Compared;
use smtp_lb_common::verdict::{NoConnections, decide_staged};
use smtp_lb_tests::bpffs::{ROOT, mount};
use zerocopy::FromBytes as _;

use super::oracle::INTERFACE;

/// A loaded program with a plan in force.
pub(crate) struct Bench {
    pub(crate) stand: Stand,
    pub(crate) compiled: Compiled,
    rings: Vec<RingBuf<MapData>>,
    before: Counters,
    /// What the last frame was behind the program.
    pub(crate) answer: Vec<u8>,
    /// What staged policies said of it where it was decided last, in the kernel or in userspace, each as `context/policy/rule verdict`, and `otherwise` behind it.
    pub(crate) staged: Vec<String>,
}

/// A folder for pins that no other test uses.
pub(crate) fn pin_path() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Under a lock: tests that start together must not mount it one over the other.
    mount().expect("bpffs");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // A name that the harness knows for a leftover, should this process be killed.
    let name = format!("slb-{}-t{number}", std::process::id());
    Path::new(ROOT).join(name)
}

/// Index of the interface that frames of a test run come in by.
const LOOPBACK: u32 = 1;

/// No schedules, and two interfaces, one of which frames come in by.
pub(crate) fn now() -> Now {
    let interfaces = [(INTERFACE.to_owned(), LOOPBACK), ("eth9".to_owned(), 77)];
    Now {
        interfaces: interfaces.into(),
        ..Now::default()
    }
}

impl Bench {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut stand = Stand::load(&pin_path())
            .expect("the program loads: as root, after `cargo xtask build`");
        let compiled = compile(plan, &now(), Slots::default(), 1).expect("the plan compiles");
        stand.image(&compiled).expect("the image is taken");
        let rings = stand.rings().expect("rings");
        let before = stand.counters(&compiled).expect("counters");
        Self {
            stand,
            compiled,
            rings,
            before,
            answer: Vec::new(),
            staged: Vec::new(),
        }
    }

    /// Puts another plan in force, going on with the slots of the last.
    pub(crate) fn replan(&mut self, plan: &Plan) {
        self.compiled =
            compile(plan, &now(), self.compiled.slots.clone(), 2).expect("the plan compiles");
        self.stand
            .image(&self.compiled)
            .expect("the image is taken");
        self.before = self.stand.counters(&self.compiled).expect("counters");
    }

    /// What the loaded program does with a frame: verdict by its action, reason by explaining,
    /// who by the one counter that moved, `log` by the event that came. Panics where these
    /// contradict each other.
    pub(crate) fn kernel(&mut self, frame: &[u8]) -> String {
        let (action, answer) = self.stand.answer(frame).expect("the program runs");
        self.answer = answer;
        let after = self.stand.counters(&self.compiled).expect("counters");
        let octets = frame.len() as u64;
        assert_eq!(
            after.answers, self.before.answers,
            "answers are made, and within the rate"
        );
        let who = moved(&self.before.rows, &after.rows, octets);
        let who = who.unwrap_or_else(|| panic!("a counter moves"));
        let [beside_before, beside] = [&self.before, &after].map(|it| apart(&it.beside));
        let passed = moved(&beside_before.0, &beside.0, octets);
        sums_hold(&after);
        let dropped = after.dropped.packets - self.before.dropped.packets;
        let rejected = after.rejected.packets - self.before.rejected.packets;
        let asked = after.events.asked - self.before.events.asked;
        let verdict = match (action, dropped, rejected) {
            (2, 0, 0) => "accept",
            (1, 1, 0) => "drop",
            (3, 0, 1) => "reject",
            other => panic!("action and counter disagree: {other:?}"),
        };
        if verdict != "reject" {
            assert_eq!(self.answer, frame, "only an answer is another frame");
        }
        self.before = after;
        let answer = self.stand.explain(frame).expect("the program explains");
        assert_eq!(
            self.stand.counters(&self.compiled).expect("counters"),
            self.before,
            "explaining must leave no trace"
        );
        assert_eq!(
            Verdict::from_u8(answer.verdict).map(Verdict::name),
            Some(verdict)
        );
        let reason = Reason::from_u8(answer.reason).expect("a reason").name();
        let (mut log, mut log_passed) = ("", "");
        let compared = answer.staged.map(Compared::unpack);
        let compared: Vec<_> = compared.iter().filter(|it| it.slot != 0).collect();
        let counted: Vec<_> = changed(&beside_before.1, &beside.1).collect();
        assert_eq!(counted.len(), compared.len(), "staged: {counted:?}");
        for it in &compared {
            let label = self.compiled.slots.label(it.counter());
            let row = counted
                .iter()
                .find(|row| Some(&row.label) == label.as_ref());
            assert!(row.is_some(), "{label:?} counts, not {counted:?}");
        }
        self.staged = compared.iter().map(|it| self.staged_name(**it)).collect();
        let mut events = 0;
        let mut staged_events = 0;
        while let Some(event) = self.event() {
            events += 1;
            if event.reason == Reason::Staged as u8 {
                staged_events += 1;
                let mut told = compared.iter();
                let told = told.find(|it| it.is_otherwise() && it.counter() == event.slot);
                let told = told.expect("only what is otherwise is told");
                event_agrees(&event, frame, told.counter(), told.verdict.name(), "staged");
                assert_eq!(event.enforced, told.enforced as u8);
            } else if event.slot == answer.slot {
                event_agrees(&event, frame, answer.slot, verdict, reason);
                assert_eq!(event.enforced, event.verdict);
                log = " log";
            } else {
                event_agrees(&event, frame, answer.passed, "accept", "policy");
                log_passed = " log";
            }
        }
        assert_eq!(asked, events, "asked = sent");
        let otherwise = compared.iter().filter(|it| it.is_otherwise()).count();
        assert_eq!(staged_events, otherwise, "all that is otherwise is told");
        assert_eq!(passed.is_some(), answer.passed != 0);
        let passed = passed.map_or(String::new(), |who| format!(" passed {who}{log_passed}"));
        format!("{verdict} {reason} {who}{log}{passed}")
    }

    /// The next event, if one waits.
    pub(crate) fn event(&mut self) -> Option<RawEvent> {
        self.rings.iter_mut().find_map(|ring| {
            let item = ring.next()?;
            Some(RawEvent::read_from_bytes(&item).expect("an event"))
        })
    }

    /// What the same code says in userspace.
    pub(crate) fn userspace(&mut self, frame: &[u8]) -> String {
        let lines = self.compiled.lines.as_slice();
        let parsed = Parsed {
            interface: LOOPBACK,
            ..parse(frame)
        };
        let (decision, compared) = decide_staged(lines, &NoConnections, frame, &parsed);
        let said: Vec<_> = compared.iter().filter(|it| it.slot != 0).collect();
        self.staged = said.iter().map(|it| self.staged_name(**it)).collect();
        let label = self.compiled.slots.label(decision.slot).expect("a label");
        assert_eq!(label.verdict, Word::from(decision.verdict));
        let log = |log| if log { " log" } else { "" };
        let beside = match decision.passed.slot {
            0 => String::new(),
            slot => {
                let label = self.compiled.slots.label(slot).expect("a label");
                assert!(label.is_beside());
                let log = log(decision.passed.log);
                format!(" passed {}{log}", name(&label))
            }
        };
        format!(
            "{} {} {}{}{beside}",
            decision.verdict.name(),
            decision.reason.name(),
            name(&label),
            log(decision.log)
        )
    }
}

impl Bench {
    fn staged_name(&self, it: Compared) -> String {
        let label = self.compiled.slots.label(it.slot).expect("a label");
        assert!(label.is_beside());
        let otherwise = if it.is_otherwise() { " otherwise" } else { "" };
        format!("{} {}{otherwise}", name(&label), it.verdict.name())
    }
}

/// Rows of what a global rule let go on, and of staged policies.
fn apart(rows: &[Row]) -> (Vec<Row>, Vec<Row>) {
    let rows = rows.iter().cloned();
    rows.partition(|row| row.label.policy.starts_with("passed-on("))
}

fn event_agrees(event: &RawEvent, frame: &[u8], slot: u32, verdict: &str, reason: &str) {
    let parsed = parse(frame);
    let packet = &parsed.packet;
    let words = |octets: [u8; 16]| smtp_lb_common::packet::split(octets);
    assert_eq!(event.slot, slot);
    assert_eq!(
        Verdict::from_u8(event.verdict).map(Verdict::name),
        Some(verdict)
    );
    assert_eq!(
        Reason::from_u8(event.reason).map(Reason::name),
        Some(reason)
    );
    assert_eq!(
        (words(event.src), words(event.dst)),
        (packet.src, packet.dst)
    );
    assert_eq!(
        (event.src_port, event.dst_port),
        (packet.sport, packet.dport)
    );
    assert_eq!(
        (event.protocol, event.tcp_flags),
        (packet.protocol, packet.flags)
    );
    assert_eq!(event.vlan, parsed.vlan);
    assert_eq!(event.length as usize, frame.len());
    assert_eq!(event.family, if packet.v6 { 6 } else { 4 });
    assert!(event.time > 0);
}

fn name(label: &Label) -> String {
    format!("{}/{}/{}", label.context, label.policy_name(), label.rule)
}

/// The one row, if any, that counted one packet of so many octets.
fn moved(before: &[Row], after: &[Row], octets: u64) -> Option<String> {
    let moved: Vec<_> = changed(before, after).collect();
    let row = match moved.as_slice() {
        [] => return None,
        [row] => row,
        more => panic!("one counter moves, not {more:?}"),
    };
    let old = was(before, row);
    assert_eq!(row.count.packets, old.packets + 1);
    assert_eq!(row.count.bytes, old.bytes + octets);
    Some(name(&row.label))
}

fn was(before: &[Row], row: &Row) -> Count {
    let old = before.iter().find(|old| old.label == row.label);
    old.map(|old| old.count).unwrap_or_default()
}

fn changed<'a>(before: &'a [Row], after: &'a [Row]) -> impl Iterator<Item = &'a Row> {
    let mut rows = after.iter();
    std::iter::from_fn(move || rows.find(|row| row.count != was(before, row)))
}

/// `received = Σ verdicts = Σ rows`, `asked = sent + each loss`.
pub(crate) fn sums_hold(counters: &Counters) {
    let received = counters.received;
    let verdicts = [counters.accepted, counters.dropped, counters.rejected];
    let sum = |part: fn(&Count) -> u64| verdicts.iter().map(part).sum::<u64>();
    assert_eq!(received.packets, sum(|count| count.packets));
    assert_eq!(received.bytes, sum(|count| count.bytes));
    let packets: u64 = counters.rows.iter().map(|row| row.count.packets).sum();
    let bytes: u64 = counters.rows.iter().map(|row| row.count.bytes).sum();
    assert_eq!((received.packets, received.bytes), (packets, bytes));
    let events = counters.events;
    assert_eq!(
        events.asked,
        events.sent + events.rate_limited + events.ring_full
    );
}
