//! A driver for what happens, and members that keep count.

use std::sync::Arc;
use std::time::Duration;

use super::super::super::{Act, BULK, Count, INBOX, Machine, MemberGone, Output, Settings, World};
use super::super::stage::{EHLO, Fake, offer};
use super::happening::Happening;
use crate::security::question::Answer;
use crate::smtp::reply::ReplyParser;

/// What a leg heard and said, read by itself: what its member believes.
#[derive(Default)]
pub(super) struct Leg {
    pub(super) heard: Vec<u8>,
    /// Read up to here.
    pub(super) read: usize,
    pub(super) text: bool,
    pub(super) greeted: bool,
    pub(super) secure: bool,
    pub(super) chunk: usize,
    /// Replies owed by a good member.
    pub(super) owed: Vec<&'static [u8]>,
    pub(super) replies: ReplyParser,
    /// Ends of messages that it heard, and those it took.
    pub(super) ends: usize,
    /// The next replies but so many is to an end.
    pub(super) awaited: Vec<bool>,
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
#[expect(clippy::struct_excessive_bools, reason = "facts of their own")]
pub(super) struct Run {
    pub(super) machine: Machine,
    pub(super) world: Fake,
    pub(super) out: Output,
    pub(super) leg: Option<Leg>,
    /// Legs that are kept, by member.
    pub(super) parked: Vec<(usize, Leg)>,
    pub(super) index: usize,
    pub(super) seeking: bool,
    pub(super) asking: bool,
    pub(super) shaking: bool,
    pub(super) member_shaking: bool,
    /// All that the client was told, and lines that it sent.
    pub(super) told: Vec<u8>,
    pub(super) sent: usize,
    pub(super) taken: usize,
    pub(super) member_ends: usize,
    pub(super) accepted: usize,
    pub(super) closed: bool,
}

impl Run {
    pub(super) fn new(settings: Settings, known: bool) -> Self {
        Self {
            machine: Machine::new(Arc::new(settings)),
            world: Fake::new(known.then(|| offer(EHLO))),
            out: Output::default(),
            leg: None,
            parked: Vec::new(),
            index: 0,
            seeking: false,
            asking: false,
            shaking: false,
            member_shaking: false,
            told: Vec::new(),
            sent: 0,
            taken: 0,
            member_ends: 0,
            accepted: 0,
            closed: false,
        }
    }

    pub(super) fn call(&mut self, call: impl FnOnce(&mut Machine, &Fake, &mut Output)) {
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
            self.act(&act);
        }
        assert!(self.machine.inbox.len() <= INBOX + BULK);
        assert!(self.machine.client_appetite() <= BULK);
        assert!(self.machine.parked.len() <= 3);
        assert!(!self.machine.member_wanted() || self.leg.is_some());
    }

    fn act(&mut self, act: &Act) {
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
            Act::Ask(_) => {
                assert!(!self.asking, "asks twice");
                self.asking = true;
            }
            Act::Count(_) | Act::Note(_) => {}
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

    pub(super) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Client(octets) => {
                let count = self.machine.client_appetite().min(octets.len());
                if count > 0 {
                    let octets = &octets[..count];
                    self.sent += memchr::memchr_iter(b'\n', octets).count();
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
            Happening::Judged(answer) => {
                if std::mem::take(&mut self.asking) {
                    self.call(|m, w, o| m.judged(answer.clone(), w, o));
                }
            }
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
        if self.asking {
            return self.happen(&Happening::Judged(Answer::Pass));
        }
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
