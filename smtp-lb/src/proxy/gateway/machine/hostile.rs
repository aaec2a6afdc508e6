//! A session whose peers are both hostile, and what must hold of it whatever they do.
//!
//! A script decides what happens. What the machine says and does is watched by a [`Client`] and by
//! one [`Member`] for each leg, which know SMTP in their own, naive way.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "to panic is how a fuzz target tells that something does not hold"
)]

mod client;
mod member;
mod script;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Act, BULK, Count, INBOX, Machine, MemberGone, Output, Settings, World};
use crate::config::plan::{Activation, Start};
use crate::smtp::ehlo::Offer;

use client::Client;
use member::{Member, Rules};
use script::Step;

/// Octets that one call may have a peer sent, besides twice those that it was given: an
/// envelope, or replies to a full inbox.
const MOST: usize = 1024 * 1024;

/// Plays one session by a script. Returns how many messages members took.
pub(crate) fn hostile(input: &[u8]) -> usize {
    let Some((settings, offer, steps)) = script::read(input) else {
        return 0;
    };
    let mut play = Play::new(settings, offer);
    play.call(Machine::start);
    for step in steps {
        play.step(&step);
        play.pump();
    }
    play.counted
}

struct Clock {
    now: Cell<Duration>,
    offer: Option<Offer>,
}

impl World for Clock {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn pool_offer(&self) -> Option<Offer> {
        self.offer.clone()
    }
}

/// A machine, its driver and its peers.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is under way is apart from each other"
)]
struct Play {
    settings: Arc<Settings>,
    machine: Machine,
    world: Clock,
    out: Output,
    /// Sent by the client and not read yet.
    unread: Vec<u8>,
    client: Client,
    leg: Option<Member>,
    parked: BTreeMap<usize, Member>,
    /// Members that were connected to so far.
    connected: usize,
    /// What the machine waits for of its driver.
    picking: bool,
    client_handshake: bool,
    member_handshake: bool,
    asking: bool,
    closed: bool,
    /// Messages that ended at members.
    ends: usize,
    /// What the member said to the last one, if it did.
    answer: Option<u16>,
    accepted: usize,
    counted: usize,
}

impl Play {
    fn new(settings: Settings, offer: Option<Offer>) -> Self {
        let settings = Arc::new(settings);
        Self {
            machine: Machine::new(Arc::clone(&settings)),
            world: Clock {
                now: Cell::new(Duration::from_secs(1000)),
                offer,
            },
            out: Output::default(),
            unread: Vec::new(),
            client: Client::new(settings.implicit_tls),
            leg: None,
            parked: BTreeMap::new(),
            connected: 0,
            picking: false,
            client_handshake: false,
            member_handshake: false,
            asking: false,
            closed: false,
            ends: 0,
            answer: None,
            accepted: 0,
            counted: 0,
            settings,
        }
    }

    /// What cannot happen now does not.
    fn step(&mut self, step: &Step<'_>) {
        match *step {
            Step::Client(octets) => self.unread.extend_from_slice(octets),
            Step::Member(octets) => self.member_says(octets),
            Step::Connect { parked } => self.connect(parked),
            Step::NoMember if std::mem::take(&mut self.picking) => {
                self.call(Machine::no_member);
            }
            Step::Gone(why) if self.leg.is_some() && self.may_be_gone(why) => {
                self.leg = None;
                self.member_handshake = false;
                self.call(|machine, world, out| machine.member_gone(why, world, out));
            }
            Step::Left(left) if self.leg.is_some() => {
                self.call(|machine, world, out| machine.member_left(left, world, out));
            }
            Step::Withdrawn if self.leg.is_some() => {
                self.leg = None;
                self.member_handshake = false;
                self.call(Machine::member_withdrawn);
            }
            Step::ClientTls if std::mem::take(&mut self.client_handshake) => {
                self.client.secured();
                self.call(Machine::client_tls);
            }
            Step::MemberTls if std::mem::take(&mut self.member_handshake) => {
                if let Some(leg) = &mut self.leg {
                    leg.secured();
                    self.call(Machine::member_tls);
                }
            }
            Step::ClientEnded => {
                self.unread.clear();
                self.call(Machine::client_ended);
            }
            Step::Timer => self.timer(),
            Step::Pass(time) => {
                let now = self.world.now();
                let due = self.machine.deadline().unwrap_or(now + time);
                // The driver's timer does not let a deadline pass.
                self.world.now.set(due.clamp(now, now + time));
            }
            Step::Judged(ref answer) if std::mem::take(&mut self.asking) => {
                let answer = answer.clone();
                self.call(|machine, world, out| machine.judged(answer, world, out));
            }
            Step::ShutDown => self.call(Machine::shut_down),
            _ => {}
        }
    }

    fn may_be_gone(&self, why: MemberGone) -> bool {
        self.member_handshake || why == MemberGone::Closed
    }

    /// The client's octets, as the machine wants them.
    fn pump(&mut self) {
        loop {
            let count = self.machine.client_appetite().min(self.unread.len());
            if count == 0 {
                return;
            }
            assert!(
                !self.closed && !self.client_handshake,
                "reads when it may not"
            );
            let piece: Vec<u8> = self.unread.drain(..count).collect();
            self.client.sends(&piece);
            self.call(|machine, world, out| machine.client_input(&piece, world, out));
        }
    }

    fn member_says(&mut self, octets: &[u8]) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        if !self.machine.member_wanted() {
            return;
        }
        if let Some(code) = leg.says(octets) {
            self.answer = Some(code);
            self.accepted += usize::from(code / 100 == 2);
        }
        self.call(|machine, world, out| machine.member_input(octets, world, out));
        let due = self.answer.is_some_and(|code| code / 100 == 2);
        assert!(
            self.closed || !due,
            "a message was taken, and nobody was told"
        );
    }

    fn connect(&mut self, parked: bool) {
        if !std::mem::take(&mut self.picking) {
            return;
        }
        let known = if parked {
            self.parked.pop_first()
        } else {
            None
        };
        let parked = known.is_some();
        let (index, leg) = known.unwrap_or_else(|| {
            self.connected += 1;
            let secure = self.settings.member_tls != Some(Start::StartTls);
            let rules = Rules {
                needs_tls: self.settings.starttls == Activation::Require,
                clear_auth: self.settings.plan.clear_auth,
            };
            (self.connected, Member::new(self.connected, rules, secure))
        });
        assert!(self.leg.is_none(), "two legs at once");
        self.leg = Some(leg);
        self.call(|machine, world, out| machine.member_connected(index, parked, world, out));
    }

    fn timer(&mut self) {
        let Some(due) = self.machine.deadline() else {
            return;
        };
        let now = self.world.now().max(due);
        self.world.now.set(now);
        // Client and member may be late at the same time, and each is seen to on its own.
        for _ in 0..4 {
            self.call(Machine::timed_out);
            if self.machine.deadline().is_none_or(|next| next > now) {
                return;
            }
        }
        panic!("the timer fires for ever");
    }

    /// Has the machine do something, does what it wants, and looks at it.
    fn call(&mut self, call: impl FnOnce(&mut Machine, &Clock, &mut Output)) {
        let was_closed = self.closed;
        call(&mut self.machine, &self.world, &mut self.out);
        let to_client = std::mem::take(&mut self.out.to_client);
        let to_member = std::mem::take(&mut self.out.to_member);
        assert!(to_client.len() < MOST && to_member.len() < MOST);
        assert!(!was_closed || to_client.is_empty() && to_member.is_empty());
        self.client_hears(&to_client);
        self.member_hears(&to_member);
        for act in std::mem::take(&mut self.out.acts) {
            self.act(&act);
        }
        assert!(self.counted <= self.accepted, "counts what no member took");
        assert!(self.machine.inbox.len() <= INBOX + BULK, "keeps too much");
        // Those that are left at the end are the driver's to close.
        assert!(self.closed || self.machine.parked.len() <= self.parked.len());
        let handed = self.picking || self.client_handshake || self.member_handshake || self.asking;
        let awake = self.closed || handed || self.machine.deadline().is_some();
        assert!(awake, "waits for nothing, for ever");
        assert!(!self.closed || self.machine.client_appetite() == 0);
    }

    fn client_hears(&mut self, octets: &[u8]) {
        for code in self.client.hears(octets) {
            if std::mem::take(&mut self.client.awaits) {
                let answer = self.answer.take().map(|code| code / 100);
                assert!(matches!(code / 100, 2 | 4 | 5), "{code} to a message's end");
                assert_eq!(
                    code / 100 == 2,
                    answer == Some(2),
                    "{code} to a message's end, when the member said {answer:?}"
                );
            }
            if code == 354 {
                let leg = self.leg.as_mut().expect("354, and no member");
                leg.begin_text();
                self.client.begin_text();
            }
        }
    }

    fn member_hears(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        let leg = self.leg.as_mut().expect("octets, and no leg");
        let ends = leg.hears(octets, &self.client);
        if ends > 0 {
            self.ends += ends;
            self.answer = None;
            self.client.awaits = true;
            let own = self.client.ends();
            assert!(
                self.ends <= own,
                "{} ends at members, {own} sent",
                self.ends
            );
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Pick { .. } => {
                assert!(self.leg.is_none() && !self.picking && !self.closed);
                self.picking = true;
            }
            Act::Park => {
                let leg = self.leg.take().expect("nothing to park");
                assert!(leg.is_idle(), "parked in the middle of something");
                let index = leg.index;
                assert!(self.parked.insert(index, leg).is_none());
            }
            Act::Quit => {
                let leg = self.leg.take().expect("nothing to quit");
                assert!(leg.has_quit(), "QUIT was not the last thing");
            }
            Act::Abort => {
                self.leg = None;
                self.member_handshake = false;
            }
            Act::ClientTls => {
                assert!(!self.client.tls && !self.closed);
                assert!(
                    self.machine.inbox.is_empty(),
                    "keeps what came in the clear"
                );
                self.client_handshake = true;
            }
            Act::MemberTls => {
                assert!(self.leg.is_some());
                self.member_handshake = true;
            }
            Act::CloseClient | Act::AbortClient => {
                assert!(!self.closed, "closed twice");
                self.closed = true;
            }
            Act::Count(Count::MessageAccepted) => self.counted += 1,
            Act::Ask(_) => {
                assert!(self.settings.asks && !self.asking && !self.closed);
                self.asking = true;
            }
            Act::Note(_) => assert!(self.settings.asks),
            Act::Count(_) | Act::Learned(_) => {}
        }
    }
}

/// The scripts of seeds get as far as they mean to.
#[cfg(test)]
#[test]
fn ordinary_sessions() {
    let table: [(&[u8], usize); 6] = [
        (
            include_bytes!("../../../../../fuzz/seeds/machine/message"),
            1,
        ),
        (
            include_bytes!("../../../../../fuzz/seeds/machine/two-messages"),
            2,
        ),
        (
            include_bytes!("../../../../../fuzz/seeds/machine/normalized"),
            1,
        ),
        (
            include_bytes!("../../../../../fuzz/seeds/machine/chunks"),
            1,
        ),
        (
            include_bytes!("../../../../../fuzz/seeds/machine/starttls"),
            1,
        ),
        (
            include_bytes!("../../../../../fuzz/seeds/machine/starttls-members"),
            1,
        ),
    ];
    for (at, (script, messages)) in table.into_iter().enumerate() {
        assert_eq!(hostile(script), messages, "{at}");
    }
}
