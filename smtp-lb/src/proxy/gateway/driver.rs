//! One session: what the machine asks for is done, and what happens is told to it.

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::futures::OwnedNotified;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};

use super::ending::Ending;
use super::judge::Judge;
use super::legs::{Legs, Open};
use super::machine::{Act, Count, Machine, MemberGone, Output, World};
use super::{Gateway, spare};
use crate::config::plan::Offence;
use crate::pool::Pool;
use crate::proxy::clock;
use crate::proxy::deadline::Alarm;
use crate::proxy::leg::Leg;
use crate::proxy::server::Place;
use crate::proxy::story::Outcome;
use crate::proxy::tls::{Channel, PLAIN, READ, handshake, linger};
use crate::smtp::ehlo::Offer;

/// Happenings in one go, so that a busy session does not keep the others waiting.
const TURNS: usize = 8;

/// Octets that are read of a member at once.
const REPLIES: usize = 16 * 1024;

/// Time for a client to take a last reply, or the go-ahead to a handshake.
const FLUSH: Duration = Duration::from_secs(10);

/// Serves one client.
pub(in crate::proxy) async fn run(client: TcpStream, place: Place) {
    let Some(gateway) = &place.gateway else {
        return;
    };
    let mut machine = Machine::new(std::sync::Arc::clone(&gateway.settings));
    if gateway.settings.plan.xclient && place.send_proxy.is_none() {
        machine.on_behalf_of(place.client(), place.local());
    }
    let implicit = gateway.settings.implicit_tls;
    let mut client = Channel::new(Leg::new(client));
    // The session's only timer, for one thing after the other.
    let mut timer = pin!(tokio::time::sleep(place.limits.handshake_timeout));
    if let Some(acceptor) = place.client_tls.as_ref().filter(|_| implicit) {
        let config = acceptor.config();
        let shaken = handshake::with_client(&place, &mut client, config, timer.as_mut());
        if shaken.await.is_err() {
            return;
        }
    }
    let judge = Judge::begin(&place);
    let draining = pin!(place.draining.heard());
    let mut session = Session {
        legs: Legs::new(&place),
        client,
        presence: Presence::Present,
        machine,
        out: Output::default(),
        ending: Ending::new(place.limits.session_timeout),
        alarm: Alarm::default(),
        bytes_in: 0,
        bytes_out: 0,
        judge,
        place,
    };
    session.converse(timer, draining).await;
}

struct Session {
    client: Channel,
    presence: Presence,
    legs: Legs,
    machine: Machine,
    out: Output,
    ending: Ending,
    alarm: Alarm,
    bytes_in: u64,
    bytes_out: u64,
    judge: Option<Judge>,
    place: Place,
}

/// Whether the client is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    Present,
    /// It will send nothing more.
    Ended,
    /// Nothing reaches it any more, either.
    Lost,
}

/// What the machine may ask.
struct Outlook<'a> {
    gateway: &'a Gateway,
    pool: &'a Pool,
}

impl World for Outlook<'_> {
    fn now(&self) -> Duration {
        clock::coarse()
    }

    fn pool_offer(&self) -> Option<Offer> {
        self.gateway.offers.common(self.pool)
    }
}

impl Session {
    async fn converse(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        mut draining: Pin<&mut OwnedNotified>,
    ) {
        self.tell(|machine, world, out| machine.start(world, out));
        loop {
            let act = unconstrained(poll_fn(|cx| {
                self.poll(cx, timer.as_mut(), draining.as_mut())
            }));
            let act = act.await;
            if self.perform(act, timer.as_mut()).await.is_break() {
                break;
            }
        }
        self.legs.retire(&self.place);
    }

    /// Lets the machine hear of something.
    fn tell(&mut self, what: impl FnOnce(&mut Machine, &Outlook<'_>, &mut Output)) {
        // A session without a gateway would not be here.
        if let Some(gateway) = &self.place.gateway {
            let pool = &self.place.pool;
            spare::lend(&mut self.out);
            what(&mut self.machine, &Outlook { gateway, pool }, &mut self.out);
        }
    }

    /// Ready with the next act, when all that was to be sent before it is on its way.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        draining: Pin<&mut OwnedNotified>,
    ) -> Poll<Act> {
        let act = self.poll_turns(cx, timer, draining);
        spare::give_back(&mut self.out);
        act
    }

    fn poll_turns(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        mut draining: Pin<&mut OwnedNotified>,
    ) -> Poll<Act> {
        for _ in 0..TURNS {
            let client_waits = self.poll_client_flush(cx).is_pending();
            let member_waits = self.poll_member_flush(cx).is_pending();
            if let Some(act) = self.out.acts.pop_front() {
                return Poll::Ready(act);
            }
            if self.heed(cx) {
                continue;
            }
            if self.ending.is_due(cx, draining.as_mut(), &self.place) {
                self.tell(|machine, world, out| machine.shut_down(world, out));
                continue;
            }
            if self.poll_judge(cx).is_ready() {
                continue;
            }
            if !client_waits && self.poll_member(cx).is_ready() {
                continue;
            }
            if !client_waits && !member_waits && self.poll_client(cx).is_ready() {
                continue;
            }
            let deadline = self.machine.deadline().into_iter();
            let due = deadline.chain(self.ending.comes()).min();
            ready!(self.alarm.poll(cx, timer.as_mut(), due));
            self.tell(|machine, world, out| machine.timed_out(world, out));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the machine what an operator says of its member. Whether there was anything to tell.
    fn heed(&mut self, cx: &Context<'_>) -> bool {
        let order = self.legs.heed(&self.place, cx.waker());
        let Some(open) = &mut self.legs.open else {
            return false;
        };
        if order.cuts() {
            self.place.counters.cut.add(1);
            self.drop_member();
            self.tell(|machine, world, out| machine.member_withdrawn(world, out));
        } else if open.left != order.is_left() {
            open.left = order.is_left();
            let left = open.left;
            self.tell(|machine, world, out| machine.member_left(left, world, out));
        } else {
            return false;
        }
        true
    }

    /// Ready when the client has, as far as we know, all that it is to hear.
    fn poll_client_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.presence == Presence::Lost {
            self.out.to_client.clear();
            return Poll::Ready(());
        }
        let outcome = self.poll_to_client(cx);
        if let Poll::Ready(Err(error)) = &outcome {
            self.lose_client(error);
        }
        outcome.map(|_| ())
    }

    fn poll_to_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.client.poll_flush(cx))?;
        if !self.out.to_client.is_empty() {
            self.bytes_out += self.out.to_client.len() as u64;
            let sent = self.client.send(cx, &self.out.to_client);
            self.out.to_client.clear();
            sent?;
        }
        self.client.poll_flush(cx)
    }

    fn lose_client(&mut self, error: &io::Error) {
        tracing::debug!(server = self.place.name, %error, "client lost");
        self.place.counters.resets.add(1);
        self.place.ends(Outcome::Reset);
        self.out.to_client.clear();
        self.end_client(Presence::Lost);
    }

    fn end_client(&mut self, presence: Presence) {
        let before = std::mem::replace(&mut self.presence, presence);
        if before == Presence::Present {
            self.tell(|machine, world, out| machine.client_ended(world, out));
        }
    }

    /// Ready when the member has all that it is to hear. A fault in sending shows in reading:
    /// there may be a last word.
    fn poll_member_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Open { channel, claim, .. }) = &mut self.legs.open else {
            return Poll::Ready(());
        };
        if channel.poll_flush(cx).is_pending() {
            return Poll::Pending;
        }
        self.out.unsent = false;
        if self.out.to_member.is_empty() {
            return Poll::Ready(());
        }
        claim.sent += self.out.to_member.len() as u64;
        let _ = channel.send(cx, &self.out.to_member);
        self.out.to_member.clear();
        let flushed = channel.poll_flush(cx).map(|_| ());
        self.out.unsent = flushed.is_pending();
        flushed
    }

    /// Ready when the checks have answered.
    fn poll_judge(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(judge) = &mut self.judge else {
            return Poll::Pending;
        };
        let (answer, offence) = ready!(judge.poll(cx));
        if let Some(offence) = offence {
            self.place.report(offence);
        }
        self.tell(|machine, world, out| machine.judged(answer, world, out));
        Poll::Ready(())
    }

    /// Ready when something came from the member, or its end.
    fn poll_member(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.machine.member_wanted() {
            return Poll::Pending;
        }
        PLAIN.with_borrow_mut(|plain| {
            let Some(Open { channel, claim, .. }) = &mut self.legs.open else {
                return Poll::Pending;
            };
            plain.clear();
            let read = ready!(channel.poll_read(cx, REPLIES, plain));
            claim.received += plain.len() as u64;
            claim.lease.heard(clock::coarse());
            if read.is_err() || plain.is_empty() {
                self.lose_member(MemberGone::Closed);
            } else {
                self.tell(|machine, world, out| machine.member_input(plain, world, out));
            }
            Poll::Ready(())
        })
    }

    fn lose_member(&mut self, why: MemberGone) {
        self.drop_member();
        self.tell(|machine, world, out| machine.member_gone(why, world, out));
    }

    /// Resets the open leg.
    fn drop_member(&mut self) {
        self.legs.open = None;
        self.out.unsent = false;
        self.out.to_member.clear();
    }

    /// Ready when something came from the client, or its end.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let appetite = self.machine.client_appetite();
        if self.presence > Presence::Present || appetite == 0 {
            return Poll::Pending;
        }
        PLAIN.with_borrow_mut(|plain| {
            plain.clear();
            match ready!(self.client.poll_read(cx, appetite.min(READ), plain)) {
                Err(error) => self.lose_client(&error),
                Ok(()) if plain.is_empty() => self.end_client(Presence::Ended),
                Ok(()) => {
                    self.bytes_in += plain.len() as u64;
                    self.tell(|machine, world, out| machine.client_input(plain, world, out));
                }
            }
            Poll::Ready(())
        })
    }

    /// Does what the machine asks for.
    async fn perform(&mut self, act: Act, timer: Pin<&mut Sleep>) -> ControlFlow<()> {
        match act {
            Act::Count(count) => {
                if count == Count::TooManyBad {
                    self.place.report(Offence::CommandFlood);
                }
                if let Some(gateway) = &self.place.gateway {
                    gateway.counts.add(count);
                }
                if let Some(open) = &self.legs.open {
                    let member = open.claim.lease.member();
                    match count {
                        Count::GreetingRefused => member.count_refused_greeting(),
                        Count::MemberFault | Count::MemberTimeout | Count::Injection => {
                            member.count_fault();
                        }
                        _ => {}
                    }
                }
            }
            Act::Learned(offer) => {
                if let (Some(gateway), Some(open)) = (&self.place.gateway, &self.legs.open) {
                    gateway.offers.set(open.claim.lease.index(), offer);
                }
            }
            Act::Ask(question) => {
                if let Some(judge) = &mut self.judge {
                    judge.ask(question);
                }
            }
            Act::Note(note) => {
                if let Some(judge) = &self.judge {
                    judge.note(&note);
                }
            }
            Act::Park => self.legs.park(&self.place),
            Act::Quit => self.quit().await,
            Act::Abort => self.drop_member(),
            // What follows takes time, and its state is not to be held by sessions that idle.
            Act::Pick { fresh } => Box::pin(self.pick(fresh, timer)).await,
            Act::MemberTls => Box::pin(self.shake_member(timer)).await,
            Act::ClientTls => Box::pin(self.shake_client(timer)).await,
            Act::CloseClient => {
                // Members need not wait for the client.
                self.legs.retire(&self.place);
                if self.presence < Presence::Lost {
                    Box::pin(self.close_client(timer)).await;
                }
                return ControlFlow::Break(());
            }
            Act::AbortClient => return ControlFlow::Break(()),
        }
        self.report();
        ControlFlow::Continue(())
    }

    async fn pick(&mut self, fresh: bool, timer: Pin<&mut Sleep>) {
        self.alarm.forget();
        if let Some((index, parked)) = self.legs.pick(&self.place, fresh, timer).await {
            if let Some(open) = &self.legs.open {
                self.place.is_at(open.claim.lease.member().name());
            }
            self.tell(|machine, world, out| machine.member_connected(index, parked, world, out));
        } else {
            self.place.counters.no_member.add(1);
            self.tell(|machine, world, out| machine.no_member(world, out));
        }
    }

    async fn quit(&mut self) {
        unconstrained(poll_fn(|cx| {
            // All of it goes to the channel, whatever the member has taken.
            if let (Some(open), rest @ [_, ..]) = (&mut self.legs.open, &self.out.to_member[..]) {
                open.claim.sent += rest.len() as u64;
                let _ = open.channel.send(cx, rest);
            }
            self.out.to_member.clear();
            self.out.unsent = false;
            Poll::Ready(())
        }))
        .await;
        self.legs.quit(&self.place);
    }

    async fn shake_member(&mut self, timer: Pin<&mut Sleep>) {
        self.alarm.forget();
        let (Some(open), Some(tls)) = (&mut self.legs.open, &self.place.member_tls) else {
            return self.lose_member(MemberGone::Tls);
        };
        let index = open.claim.lease.index();
        let channel = &mut open.channel;
        match handshake::with_member(&self.place, tls, index, channel, timer).await {
            Ok(()) => self.tell(|machine, world, out| machine.member_tls(world, out)),
            Err(_) => self.lose_member(MemberGone::Tls),
        }
    }

    async fn shake_client(&mut self, mut timer: Pin<&mut Sleep>) {
        self.alarm.forget();
        let flushed = self.flush_client(timer.as_mut()).await;
        let Some(acceptor) = self.place.client_tls.as_ref().filter(|_| flushed) else {
            return self.end_client(Presence::Lost);
        };
        let config = acceptor.config();
        let client = &mut self.client;
        let shaken = handshake::with_client(&self.place, client, config, timer);
        if shaken.await.is_ok() {
            self.tell(|machine, world, out| machine.client_tls(world, out));
        } else {
            self.end_client(Presence::Lost);
        }
    }

    /// Waits until the client has taken what it is to hear. False if it does not.
    async fn flush_client(&mut self, mut timer: Pin<&mut Sleep>) -> bool {
        timer.as_mut().reset(Instant::now() + FLUSH);
        unconstrained(poll_fn(|cx| {
            if self.poll_client_flush(cx).is_ready() {
                return Poll::Ready(self.presence < Presence::Lost);
            }
            timer.as_mut().poll(cx).map(|()| false)
        }))
        .await
    }

    async fn close_client(&mut self, mut timer: Pin<&mut Sleep>) {
        if self.flush_client(timer.as_mut()).await {
            linger::close(&mut self.client, timer).await;
        }
    }

    fn report(&mut self) {
        let bytes_in = std::mem::take(&mut self.bytes_in);
        let bytes_out = std::mem::take(&mut self.bytes_out);
        self.place.counters.bytes_in.add(bytes_in);
        self.place.counters.bytes_out.add(bytes_out);
        self.place.moved(bytes_in, bytes_out);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(judge) = &self.judge {
            self.place.was_checked(judge.results());
        }
        self.report();
    }
}
