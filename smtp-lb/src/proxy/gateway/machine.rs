//! The dialogue of one client's session, without I/O: octets and happenings in, octets and acts
//! out.
//!
//! The envelope is a log, and a member's leg has a cursor in it: what a lost member had heard is
//! said again to another. A command that cannot be answered yet stays unread, and so replies keep
//! the order of commands by themselves. Every call ends in [`Machine::settle`], which reads what
//! can be read and says what is due.

mod ask;
mod auth;
mod chunk;
mod client;
mod discipline;
mod drive;
mod end;
mod envelope;
mod hello;
#[cfg(any(test, feature = "fuzzing"))]
mod hostile;
mod leg;
mod loss;
mod mail;
mod member;
mod outcome;
mod output;
mod phase;
mod replies;
mod settings;
mod text;
mod timer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::security::question::{Answer, Bounds, Question};
use crate::smtp::ehlo::Offer;
use crate::smtp::message_id::MessageId;
use crate::smtp::reply::Reply;

use ask::Asked;
use client::Step;
use envelope::Envelope;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hostile::hostile;
use leg::{Leg, State, Terms};
pub(crate) use output::{Act, Count, MemberGone, Output, World};
use phase::{Held, Phase};
pub(crate) use replies::NO_SERVICE;
pub(crate) use settings::Settings;
use timer::Pace;

/// Octets of commands that are kept unread. The longest line, AUTH's, fits.
const INBOX: usize = 16 * 1024;

/// Octets of a message that are read at once.
const BULK: usize = 64 * 1024;

/// Who the client is, as XCLIENT says it.
#[derive(Debug)]
struct Client {
    address: SocketAddr,
    local: SocketAddr,
}

/// One client's session.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, true from some time on"
)]
pub(crate) struct Machine {
    settings: Arc<Settings>,
    phase: Phase,
    /// Whom members that take XCLIENT are told of, if they are to be.
    client: Option<Box<Client>>,
    /// Octets of the client that could not be read yet.
    inbox: Vec<u8>,
    /// Within a line that was too long.
    skipping: bool,
    held: Held,

    /// The client's leg is TLS.
    tls: bool,
    /// EHLO or HELO was said since the last handshake.
    greeted: bool,
    /// The client's name, once it gave one.
    name: Option<Box<str>>,
    /// Number of the name; 0: none.
    names: u32,
    /// What the client was offered.
    offered: Offer,
    authenticated: bool,
    /// AUTH has begun: no member but this one.
    sticky: bool,

    /// Whether its checks were asked.
    asked: Asked,
    /// The client is greeted then, if it is silent.
    greet_at: Option<Duration>,
    /// Of the message under way.
    bounds: Bounds,
    /// Octets of the message so far.
    octets: u64,
    /// What is told once of a message was told.
    told_endings: bool,
    told_size: bool,
    /// The header of the message, while it is looked at.
    header: Option<MessageId>,
    /// It was, or is.
    header_begun: bool,
    /// The checks know of a transaction.
    told_begin: bool,

    envelope: Envelope,
    leg: Leg,
    /// Legs that were parked, by member.
    parked: Vec<(usize, Terms)>,
    /// The next member may be any.
    fresh: bool,

    bad: usize,
    junk: usize,
    client_ended: bool,
    stopping: bool,
    /// The member of the leg, or of the one before, is to be left at the next message boundary.
    leaving: bool,

    /// As of this call.
    now: Duration,
    /// The client's turn began, or its last octet of a message came.
    client_since: Duration,
    /// The member's turn began.
    member_since: Duration,
    /// Nothing is read of the client before.
    slow_until: Option<Duration>,
    pace: Pace,
}

impl Machine {
    /// Before a word was said, after the handshake if TLS is implicit.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            tls: settings.implicit_tls,
            settings,
            phase: Phase::Greeting,
            client: None,
            inbox: Vec::new(),
            skipping: false,
            held: Held::No,
            greeted: false,
            name: None,
            names: 0,
            offered: Offer::default(),
            authenticated: false,
            sticky: false,
            asked: Asked::No,
            greet_at: None,
            bounds: Bounds::default(),
            octets: 0,
            told_endings: false,
            told_size: false,
            header: None,
            header_begun: false,
            told_begin: false,
            envelope: Envelope::default(),
            leg: Leg::None,
            parked: Vec::new(),
            fresh: true,
            bad: 0,
            junk: 0,
            client_ended: false,
            stopping: false,
            leaving: false,
            now: Duration::ZERO,
            client_since: Duration::ZERO,
            member_since: Duration::ZERO,
            slow_until: None,
            pace: Pace::default(),
        }
    }

    /// Members that take XCLIENT are to be told of this client, which connected to `local`.
    pub(crate) fn on_behalf_of(&mut self, address: SocketAddr, local: SocketAddr) {
        self.client = Some(Box::new(Client { address, local }));
    }

    /// Greets, at once or when a member has.
    pub(crate) fn start(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.client_since = self.now;
        if self.settings.asks {
            self.phase = Phase::Connect;
            self.ask(Question::Connect, out);
        } else {
            self.open_up(out);
        }
        self.settle(world, out);
    }

    /// The checks have answered [`Act::Ask`].
    pub(crate) fn judged(&mut self, answer: Answer, world: &impl World, out: &mut Output) {
        self.now = world.now();
        if matches!(self.asked, Asked::Waits) && !self.is_closed() {
            self.asked = Asked::Has(answer);
            self.settle(world, out);
        }
    }

    /// Octets that may be read of the client at once: 0, do not read.
    pub(crate) fn client_appetite(&self) -> usize {
        match self.phase {
            _ if self.slow_until.is_some() || self.client_ended => 0,
            Phase::Connect if self.greet_at.is_none() => 0,
            Phase::Greeting | Phase::Handshake | Phase::Closed => 0,
            Phase::Text(_) | Phase::TextRefused(..) | Phase::Chunk(_) | Phase::ChunkRefused(..) => {
                BULK
            }
            _ => INBOX.saturating_sub(self.inbox.len()),
        }
    }

    /// Octets of the client, at most [`client_appetite`](Self::client_appetite).
    pub(crate) fn client_input(&mut self, bytes: &[u8], world: &impl World, out: &mut Output) {
        self.now = world.now();
        if self.inbox.is_empty() {
            let used = self.read(bytes, world, out);
            let rest = bytes.get(used..).unwrap_or_default();
            self.inbox.extend_from_slice(rest);
            self.conclude(out);
        } else {
            self.inbox.extend_from_slice(bytes);
            self.settle(world, out);
        }
    }

    /// The client will send nothing more. Replies that are due still go out, and then the
    /// session ends. If it was reset, drop them.
    pub(crate) fn client_ended(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.client_ended = true;
        self.settle(world, out);
    }

    /// The handshake of [`Act::ClientTls`] is done.
    pub(crate) fn client_tls(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.begin_anew(out);
        self.settle(world, out);
    }

    /// Is the open leg to be read now? Not while there is none.
    pub(crate) fn member_wanted(&self) -> bool {
        match &self.leg {
            Leg::Open(open) => !matches!(open.state, State::Handshake | State::GoAhead),
            _ => false,
        }
    }

    /// A leg to member `index` of the pool is open: `parked` before, or new.
    pub(crate) fn member_connected(
        &mut self,
        index: usize,
        parked: bool,
        world: &impl World,
        out: &mut Output,
    ) {
        self.now = world.now();
        if self.is_closed() {
            out.acts.push_back(Act::Abort);
            return;
        }
        self.take_up(index, parked);
        self.settle(world, out);
    }

    /// No member can be had for [`Act::Pick`].
    pub(crate) fn no_member(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.without_member(out);
        self.settle(world, out);
    }

    /// Octets of the open leg.
    pub(crate) fn member_input(&mut self, bytes: &[u8], world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.read_member(bytes, out);
        self.settle(world, out);
    }

    /// The handshake of [`Act::MemberTls`] is done.
    pub(crate) fn member_tls(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.secured();
        self.settle(world, out);
    }

    /// The open leg has ended by itself; there is none any more.
    pub(crate) fn member_gone(&mut self, why: MemberGone, world: &impl World, out: &mut Output) {
        self.now = world.now();
        if why == MemberGone::Tls {
            out.acts.push_back(Act::Count(Count::MemberUnfit));
        }
        if !self.is_closed() {
            // What was not sent is not for the next one.
            out.to_member.clear();
            self.lost(out);
            self.settle(world, out);
        }
    }

    /// The daemon stops: the session ends at the next message boundary.
    pub(crate) fn shut_down(&mut self, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.stopping = true;
        self.settle(world, out);
    }

    /// An operator says of the open leg's member that it is to be `left`, or not after all. A session
    /// that is bound to it ends at the next message boundary, another one goes on elsewhere.
    pub(crate) fn member_left(&mut self, left: bool, world: &impl World, out: &mut Output) {
        self.now = world.now();
        self.leaving = left;
        self.settle(world, out);
    }

    /// An operator has taken the open leg's member away; there is no leg any more. As
    /// [`member_gone`](Self::member_gone), but that a session that is bound to it ends.
    pub(crate) fn member_withdrawn(&mut self, world: &impl World, out: &mut Output) {
        self.leaving = true;
        self.member_gone(MemberGone::Closed, world, out);
    }

    /// Reads what can be read by now of what was kept.
    fn settle(&mut self, world: &impl World, out: &mut Output) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let used = self.read(&inbox, world, out);
        inbox.drain(..used);
        if !inbox.is_empty() {
            self.inbox = inbox;
        }
        self.conclude(out);
    }

    /// Reads commands and messages as far as it goes, and says what is due in between.
    fn read(&mut self, input: &[u8], world: &impl World, out: &mut Output) -> usize {
        let mut used = 0;
        let mut waits = false;
        loop {
            self.drive(out);
            if self.stopping && self.is_at_boundary() {
                self.close(replies::STOPPING, out);
            }
            if self.leaving && self.is_at_boundary() {
                self.depart(out);
            }
            let rest = input.get(used..).unwrap_or_default();
            if self.is_closed() {
                return input.len();
            }
            match self.step(rest, world, out) {
                Step::Used(octets) => {
                    used += octets;
                    waits = false;
                }
                // A second look: it may have found a command that wants a leg.
                Step::Wait if !waits => waits = true,
                Step::Wait => return used,
            }
        }
    }

    /// Says something of our own to the client. Its turn begins anew.
    fn tell(&mut self, reply: &str, out: &mut Output) {
        out.to_client.extend_from_slice(reply.as_bytes());
        self.client_since = self.now;
    }

    /// Passes a member's reply on.
    fn relay(&mut self, reply: &Reply, out: &mut Output) {
        replies::relay(reply, &mut out.to_client);
        self.client_since = self.now;
    }
}

#[cfg(test)]
mod tests;
