//! Asks members what they offer before a session has to.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Gateway;
use crate::config::plan::Start;
use crate::proxy::connect;
use crate::proxy::leg::Leg;
use crate::proxy::server::VirtualServer;
use crate::proxy::tls::{Channel, PLAIN, handshake};
use crate::smtp::ehlo::{Extensions, Offer};
use crate::smtp::reply::{Reply, ReplyParser};
use crate::smtp::show;

/// Members are asked again after so long, for they may have changed.
const AGAIN: Duration = Duration::from_mins(5);

/// First and longest pause after a round in which a member could not be asked.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Time for one dialogue, connect and handshakes not counted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Characters of a cause that are logged.
const SHOWN: usize = 200;

/// Octets that are read at once.
const READ: usize = 4096;

/// Asks until it is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Learner(#[expect(dead_code, reason = "dropped")] AbortOnDropHandle<()>);

impl Learner {
    /// Asks the members of a virtual server, if it reads SMTP.
    pub(in crate::proxy) fn start(server: &Arc<VirtualServer>, runtime: &Handle) -> Option<Self> {
        server.gateway.as_ref()?;
        let task = runtime.spawn(learn(Arc::clone(server)));
        Some(Self(AbortOnDropHandle::new(task)))
    }
}

async fn learn(server: Arc<VirtualServer>) {
    let Some(gateway) = &server.gateway else {
        return;
    };
    loop {
        let mut pause = BACK_OFF.0;
        // Those first that nobody has heard, as often as it takes.
        while !round(&server, gateway, |index| !gateway.offers.is_known(index)).await {
            sleep(pause).await;
            pause = (pause * 2).min(BACK_OFF.1);
        }
        sleep(AGAIN).await;
        round(&server, gateway, |_| true).await;
    }
}

/// Asks the members that are `wanted` and usable. Whether all of them answered.
async fn round(server: &VirtualServer, gateway: &Gateway, wanted: impl Fn(usize) -> bool) -> bool {
    let mut all = true;
    for (index, member) in server.pool.members().iter().enumerate() {
        if !wanted(index) {
            continue;
        }
        if !server.pool.is_usable(member) {
            all = false;
            continue;
        }
        match ask(server, gateway, index, member.address()).await {
            Ok(offer) => gateway.offers.set(index, offer),
            Err(error) => {
                all = false;
                let error = show(error.to_string().as_bytes(), SHOWN);
                let member = member.name();
                tracing::debug!(
                    server = server.name,
                    member,
                    error,
                    "cannot ask what it offers"
                );
            }
        }
    }
    all
}

async fn ask(
    server: &VirtualServer,
    gateway: &Gateway,
    index: usize,
    address: SocketAddr,
) -> io::Result<Offer> {
    let timer = pin!(sleep(PATIENCE));
    let stream = connect::to(server, address).await?;
    let mut member = Dialogue {
        channel: Channel::new(Leg::new(stream)),
        parser: ReplyParser::default(),
    };
    let limit = PATIENCE + server.limits.handshake_timeout;
    let dialogue = member.ask(server, gateway, index, timer);
    let offer = timeout(limit, dialogue).await??;
    member.channel.end_well();
    Ok(offer)
}

struct Dialogue {
    channel: Channel,
    parser: ReplyParser,
}

impl Dialogue {
    async fn ask(
        &mut self,
        server: &VirtualServer,
        gateway: &Gateway,
        index: usize,
        mut timer: Pin<&mut Sleep>,
    ) -> io::Result<Offer> {
        let tls = server.member_tls.as_ref();
        let start = tls.map(|tls| tls.connector.start());
        if let Some(tls) = tls.filter(|_| start == Some(Start::Implicit)) {
            let member = &mut self.channel;
            handshake::with_member(server, tls, index, member, timer.as_mut()).await?;
        }
        expect(&self.hear().await?, 220)?;
        let ehlo = format!("EHLO {}\r\n", gateway.settings.plan.hostname);
        let mut offer = self.offer(&ehlo).await?;
        if let Some(tls) = tls.filter(|_| start == Some(Start::StartTls)) {
            if !offer.extensions.contains(Extensions::STARTTLS) {
                return Err(io::Error::other("STARTTLS is not offered"));
            }
            expect(&self.say("STARTTLS\r\n").await?, 220)?;
            handshake::with_member(server, tls, index, &mut self.channel, timer).await?;
            offer = self.offer(&ehlo).await?;
        }
        self.say("QUIT\r\n").await?;
        Ok(offer)
    }

    /// What EHLO brings; nothing where it is refused, for HELO would do.
    async fn offer(&mut self, ehlo: &str) -> io::Result<Offer> {
        let reply = self.say(ehlo).await?;
        if reply.is_positive() {
            return Ok(Offer::parse(&reply));
        }
        if reply.is_permanent() {
            return Ok(Offer::default());
        }
        Err(io::Error::other(reply.to_string()))
    }

    async fn say(&mut self, line: &str) -> io::Result<Reply> {
        unconstrained(poll_fn(|cx| {
            Poll::Ready(self.channel.send(cx, line.as_bytes()))
        }))
        .await?;
        self.hear().await
    }

    /// One reply, and nothing after it: what comes unasked is no word of this dialogue's.
    async fn hear(&mut self) -> io::Result<Reply> {
        unconstrained(poll_fn(|cx| {
            loop {
                ready!(self.channel.poll_flush(cx))?;
                let reply = PLAIN.with_borrow_mut(|plain| {
                    plain.clear();
                    ready!(self.channel.poll_read(cx, READ, plain))?;
                    if plain.is_empty() {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    let fed = self.parser.feed(plain).map_err(io::Error::other)?;
                    if fed.consumed < plain.len() {
                        return Poll::Ready(Err(io::Error::other("more than one reply")));
                    }
                    Poll::Ready(Ok(fed.reply))
                });
                if let Some(reply) = ready!(reply)? {
                    return Poll::Ready(Ok(reply));
                }
            }
        }))
        .await
    }
}

fn expect(reply: &Reply, code: u16) -> io::Result<()> {
    if reply.code == code {
        return Ok(());
    }
    Err(io::Error::other(reply.to_string()))
}
