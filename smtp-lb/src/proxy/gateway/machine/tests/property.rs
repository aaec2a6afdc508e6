//! Two hostile sides, cut anywhere, in any order of happenings.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Act, BULK, Count, INBOX, Machine, MemberGone, Output, Settings, World};
use super::stage::{EHLO, Fake, offer, settings};
use crate::config::plan::{Activation, BalanceUnit, LineEndings, Start};
use crate::smtp::reply::ReplyParser;

/// What may happen.
#[derive(Debug, Clone)]
enum Happening {
    Client(Vec<u8>),
    Member(Vec<u8>),
    /// A member as it should be answers what it was asked, in order.
    Good,
    Connected(usize),
    NoMember,
    Tls,
    Gone,
    ClientEnded,
    Time(u64),
    ShutDown,
}

fn client_words() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"EHLO c\r\n",
        b"HELO c\r\n",
        b"MAIL FROM:<a@a>\r\n",
        b"MAIL FROM:<a@a> SIZE=9\r\n",
        b"RCPT TO:<b@b>\r\n",
        b"RCPT TO:<c@c> NOTIFY=NEVER\r\n",
        b"DATA\r\n",
        b"text\r\n",
        b"..\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r",
        b"\n",
        b"\0",
        b"BDAT 4\r\nabcd",
        b"BDAT 2 LAST\r\n\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 99999\r\n",
        b"AUTH PLAIN AAAA\r\n",
        b"AUTH LOGIN\r\n",
        b"*\r\n",
        b"QUIT\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"STARTTLS\r\n",
        b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n",
        b"what\r\n",
    ];
    prop_oneof![
        12 => vec(select(words), 1..4).prop_map(|words| words.concat()),
        1 => vec(any::<u8>(), 1..40),
        1 => (1..70_000_usize).prop_map(|count| vec![b'x'; count]),
    ]
}

fn member_words() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"220 m\r\n",
        b"250 ok\r\n",
        EHLO.as_bytes(),
        b"250 m\r\n",
        b"354 go\r\n",
        b"334 x\r\n",
        b"235 in\r\n",
        b"421 bye\r\n",
        b"450 no\r\n",
        b"550 no\r\n",
        b"250-a\r\n550 b\r\n",
        b"25",
        b"\r\n",
        b"250 ok\r\n250 ok\r\n",
        b"354 go\r\n250 ok\r\n",
        b"\n",
        b"999 x\r\n",
    ];
    prop_oneof![
        12 => select(words).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..40),
        1 => (1..9_000_usize).prop_map(|count| vec![b'2'; count]),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => client_words().prop_map(Happening::Client),
        3 => member_words().prop_map(Happening::Member),
        12 => Just(Happening::Good),
        5 => (0..3_usize).prop_map(Happening::Connected),
        1 => Just(Happening::NoMember),
        2 => Just(Happening::Tls),
        1 => Just(Happening::Gone),
        1 => prop_oneof![Just(Happening::ClientEnded), Just(Happening::ShutDown)],
        1 => (0..400_u64).prop_map(Happening::Time),
    ]
}

fn any_settings() -> impl Strategy<Value = (Settings, bool)> {
    let starts = vec![None, Some(Start::Implicit), Some(Start::StartTls)];
    let activations = vec![Activation::None, Activation::Allow, Activation::Require];
    (any::<[bool; 6]>(), select(starts), select(activations)).prop_map(
        |([session, normalize, auth, banner, implicit, known], member_tls, starttls)| {
            let mut settings = settings();
            if session {
                settings.plan.balance_unit = BalanceUnit::Session;
            }
            if normalize {
                settings.plan.line_endings = LineEndings::Normalize;
            }
            if banner {
                settings.plan.banner = "{member}".into();
            }
            settings.plan.clear_auth = auth;
            settings.plan.bad_commands = 1000;
            settings.member_tls = member_tls;
            settings.implicit_tls = implicit;
            settings.starttls = if implicit { Activation::None } else { starttls };
            (settings, known)
        },
    )
}

/// What a leg heard and said, read by itself: what its member believes.
#[derive(Default)]
struct Leg {
    heard: Vec<u8>,
    /// Read up to here.
    read: usize,
    text: bool,
    greeted: bool,
    secure: bool,
    chunk: usize,
    /// Replies owed by a good member.
    owed: Vec<&'static [u8]>,
    replies: ReplyParser,
    /// Ends of messages that it heard, and those it took.
    ends: usize,
    /// The next replies but so many is to an end.
    awaited: Vec<bool>,
}

impl Leg {
    /// Reads what it heard, as a strict member would.
    fn listen(&mut self) {
        loop {
            let rest = &self.heard[self.read..];
            if self.chunk > 0 {
                let used = self.chunk.min(rest.len());
                self.read += used;
                self.chunk -= used;
                if used == 0 {
                    return;
                }
                continue;
            }
            let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
                return;
            };
            let line = rest[..end].to_vec();
            assert!(!line.contains(&0) && !line.contains(&b'\r') && !line.contains(&b'\n'));
            self.read += end + 2;
            if self.text {
                if line == b"." {
                    self.text = false;
                    self.ends += 1;
                    self.owe(b"250 taken\r\n", true);
                }
                continue;
            }
            let word = line.split(|&c| c == b' ').next().unwrap_or_default();
            match word.to_ascii_uppercase().as_slice() {
                b"EHLO" => self.owe(EHLO.as_bytes(), false),
                b"DATA" => self.owe(b"354 go\r\n", false),
                b"STARTTLS" => self.owe(b"220 go\r\n", false),
                b"AUTH" => self.owe(b"235 in\r\n", false),
                b"BDAT" => {
                    let words = String::from_utf8(line).unwrap();
                    let mut words = words.split(' ').skip(1);
                    self.chunk = words.next().unwrap().parse().unwrap();
                    let last = words.next().is_some();
                    self.ends += usize::from(last);
                    self.owe(b"250 chunk\r\n", last);
                }
                _ => self.owe(b"250 ok\r\n", false),
            }
        }
    }

    fn owe(&mut self, reply: &'static [u8], end: bool) {
        self.owed.push(reply);
        self.awaited.push(end);
    }
}

/// The driver, and what it has seen.
struct Run {
    machine: Machine,
    world: Fake,
    out: Output,
    leg: Option<Leg>,
    /// Legs that are kept, by member.
    parked: Vec<(usize, Leg)>,
    index: usize,
    seeking: bool,
    shaking: bool,
    member_shaking: bool,
    /// All that the client was told, and lines that it sent.
    told: Vec<u8>,
    sent: usize,
    taken: usize,
    member_ends: usize,
    accepted: usize,
    closed: bool,
}

impl Run {
    fn call(&mut self, call: impl FnOnce(&mut Machine, &Fake, &mut Output)) {
        call(&mut self.machine, &self.world, &mut self.out);
        self.told.append(&mut self.out.to_client);
        let to_member = std::mem::take(&mut self.out.to_member);
        match &mut self.leg {
            Some(leg) => {
                leg.heard.extend_from_slice(&to_member);
                leg.listen();
            }
            None => assert!(to_member.is_empty(), "said to nobody"),
        }
        for act in std::mem::take(&mut self.out.acts) {
            assert!(!self.closed, "{act:?} after the end");
            self.act(act);
        }
        assert!(self.machine.inbox.len() <= INBOX + BULK);
        assert!(self.machine.client_appetite() <= BULK);
        assert!(self.machine.parked.len() <= 3);
        assert!(!self.machine.member_wanted() || self.leg.is_some());
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Pick { .. } => {
                assert!(self.leg.is_none() && !self.seeking, "two legs");
                self.seeking = true;
            }
            Act::Learned(_) => assert!(self.leg.is_some()),
            Act::Park => {
                let leg = self.leg.take().unwrap();
                assert!(
                    leg.awaited.is_empty() && !leg.text,
                    "parked with something under way"
                );
                self.parked.push((self.index, leg));
            }
            Act::Quit => {
                let leg = self.end_leg();
                assert!(leg.heard.ends_with(b"QUIT\r\n") && !leg.text);
            }
            Act::Abort => _ = self.end_leg(),
            Act::ClientTls => self.shaking = true,
            Act::MemberTls => self.member_shaking = true,
            Act::CloseClient | Act::AbortClient => self.closed = true,
            Act::Count(Count::MessageAccepted) => self.accepted += 1,
            Act::Count(_) => {}
        }
    }

    fn end_leg(&mut self) -> Leg {
        let leg = self.leg.take().unwrap();
        self.member_shaking = false;
        self.member_ends += leg.ends;
        leg
    }

    /// What a member says, and what it then has said.
    fn say(&mut self, octets: &[u8]) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        let mut rest = octets;
        while !rest.is_empty() {
            let Ok(fed) = leg.replies.feed(rest) else {
                break;
            };
            rest = &rest[fed.consumed..];
            let Some(reply) = fed.reply else {
                break;
            };
            if !leg.greeted {
                leg.greeted = true;
            } else if !leg.awaited.is_empty() {
                let end = leg.awaited.remove(0);
                self.taken += usize::from(end && reply.is_positive());
                leg.text |= reply.code == 354 && leg.heard.ends_with(b"DATA\r\n");
            }
            if !leg.owed.is_empty() {
                leg.owed.remove(0);
            }
        }
        self.call(|m, w, o| m.member_input(octets, w, o));
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Client(octets) => {
                let count = self.machine.client_appetite().min(octets.len());
                if count > 0 {
                    let octets = &octets[..count];
                    self.sent += octets.iter().filter(|&&c| c == b'\n').count();
                    self.call(|m, w, o| m.client_input(octets, w, o));
                }
            }
            Happening::Member(octets) => {
                if self.machine.member_wanted() {
                    self.say(octets);
                }
            }
            Happening::Good => self.good(),
            Happening::Connected(index) => self.connect(*index),
            Happening::NoMember => {
                if std::mem::take(&mut self.seeking) {
                    self.call(Machine::no_member);
                }
            }
            Happening::Tls => {
                if std::mem::take(&mut self.shaking) {
                    self.call(Machine::client_tls);
                } else if std::mem::take(&mut self.member_shaking) {
                    self.leg.as_mut().unwrap().secure = true;
                    self.call(Machine::member_tls);
                }
            }
            Happening::Gone => {
                if self.leg.is_some() {
                    self.end_leg();
                    self.call(|m, w, o| m.member_gone(MemberGone::Closed, w, o));
                }
            }
            Happening::ClientEnded => self.call(Machine::client_ended),
            Happening::ShutDown => self.call(Machine::shut_down),
            Happening::Time(seconds) => {
                self.world.pass(Duration::from_secs(*seconds));
                if self
                    .machine
                    .deadline()
                    .is_some_and(|at| at <= self.world.now())
                {
                    self.call(Machine::timed_out);
                }
            }
        }
    }

    fn good(&mut self) {
        if self.member_shaking {
            return self.happen(&Happening::Tls);
        }
        if self.seeking {
            return self.connect(0);
        }
        let Some(leg) = &self.leg else {
            return;
        };
        let reply = if leg.greeted {
            leg.owed.first().copied().unwrap_or_default()
        } else {
            b"220 m\r\n"
        };
        if !reply.is_empty() && self.machine.member_wanted() && leg.chunk == 0 {
            self.say(reply);
        }
    }

    fn connect(&mut self, index: usize) {
        if std::mem::take(&mut self.seeking) {
            let parked = self.parked.iter().position(|(at, _)| *at == index);
            let leg = parked.map(|at| self.parked.swap_remove(at).1);
            self.index = index;
            let was_parked = leg.is_some();
            self.leg = Some(leg.unwrap_or_default());
            self.call(|m, w, o| m.member_connected(index, was_parked, w, o));
        }
    }
}

/// Replies that a client was told; panics where it was told nonsense.
fn replies(told: &[u8]) -> Vec<u16> {
    let mut parser = ReplyParser::default();
    let mut rest = told;
    let mut codes = Vec::new();
    while !rest.is_empty() {
        let fed = parser.feed(rest).expect("the client is told replies");
        rest = &rest[fed.consumed..];
        codes.extend(fed.reply.map(|reply| reply.code));
    }
    assert!(!parser.is_mid_reply());
    codes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature="never") {1} else {std::env::var("MCASES").map_or(1024, |c| c.parse().unwrap())}))]

    #[test]
    fn hostile_on_both_sides(
        (settings, known) in any_settings(),
        happenings in vec(happening(), 1..120),
    ) {
        let member_tls = settings.member_tls == Some(Start::StartTls);
        let mut run = Run {
            machine: Machine::new(Arc::new(settings)),
            world: Fake::new(known.then(|| offer(EHLO))),
            out: Output::default(),
            leg: None,
            parked: Vec::new(),
            index: 0,
            seeking: false,
            shaking: false,
            member_shaking: false,
            told: Vec::new(),
            sent: 0,
            taken: 0,
            member_ends: 0,
            accepted: 0,
            closed: false,
        };
        run.call(Machine::start);
        for happening in &happenings {
            run.happen(happening);
            if run.closed {
                break;
            }
            if let Some(leg) = run.leg.as_ref().filter(|leg| member_tls && !leg.secure) {
                let clear = String::from_utf8_lossy(&leg.heard).to_ascii_uppercase();
                prop_assert!(!clear.contains("MAIL") && !clear.contains("AUTH"), "{clear}");
            }
        }
        let codes = replies(&run.told);
        // One to each line, to one that is too long and not ended, the banner, and at most one
        // 421 of our own.
        prop_assert!(codes.len() <= run.sent + 3, "{codes:?} for {} lines", run.sent);
        prop_assert!(codes.iter().rev().skip(1).all(|&code| code != 421));
        // What was counted as taken was taken by a member, for just that message.
        prop_assert!(run.accepted <= run.taken, "{} > {}", run.accepted, run.taken);
        let ends = run.member_ends
            + run.leg.iter().map(|leg| leg.ends).sum::<usize>()
            + run.parked.iter().map(|(_, leg)| leg.ends).sum::<usize>();
        prop_assert!(run.accepted <= ends);
        // An end needs a line from the client.
        prop_assert!(ends <= run.sent);
    }
}
