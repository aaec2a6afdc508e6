//! A virtual server as sessions see it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio_util::task::TaskTracker;

use super::counters::Counters;
use super::draining::Draining;
use super::feedback::Reporter;
use super::gateway::Gateway;
use super::identity::ClientTls;
use super::snat::{Registry, Source};
use super::story::{Outcome, Story, Teller};
use super::tls::MemberTls;
use crate::chance;
use crate::config::plan::{
    AcceptProxyPlan, LimitsPlan, Mode, Plan, ProxyVersion, VirtualServerPlan, WhenDown,
};
use crate::event::Bus;
use crate::pool::{Pool, Pools, client_key};
use crate::proxy_protocol::{Addresses, Header};
use crate::security::Services;
use crate::tls::{Acceptor, Profiles};

/// One virtual server of one plan. A session keeps the one that it began with.
#[derive(Debug)]
pub(super) struct VirtualServer {
    pub(super) name: String,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) limits: LimitsPlan,
    pub(super) pool: Arc<Pool>,
    /// What members see.
    pub(super) source: Source,
    /// The PROXY header that members get.
    pub(super) send_proxy: Option<ProxyVersion>,
    /// Whose PROXY headers are believed, if connections begin with one.
    pub(super) peers: Option<AcceptProxyPlan>,
    /// What clients get that no member takes, if they are relayed.
    pub(super) when_down: WhenDown,
    /// TLS that clients begin with.
    pub(super) client_tls: Option<Arc<Acceptor>>,
    /// TLS that we begin with towards members.
    pub(super) member_tls: Option<MemberTls>,
    /// What it takes to read SMTP, if it does.
    pub(super) gateway: Option<Gateway>,
    pub(super) counters: Arc<Counters>,
    /// All that must have ended before the daemon does.
    pub(super) tasks: TaskTracker,
    pub(super) draining: Arc<Draining>,
    pub(super) feedback: Reporter,
    /// Who hears of its sessions.
    pub(super) teller: Option<Teller>,
}

/// What all virtual servers share.
type Common<'a> = (
    &'a TaskTracker,
    &'a Arc<Draining>,
    &'a Registry,
    &'a Reporter,
    &'a Bus,
    &'a Services,
);

impl VirtualServer {
    /// `plan` is one of those in `all`, from which pools and profiles were made.
    pub(super) fn new(
        plan: &VirtualServerPlan,
        all: &Plan,
        pools: &Pools,
        profiles: &Profiles,
        before: Option<&Arc<Self>>,
        (tasks, draining, registry, feedback, bus, services): Common<'_>,
    ) -> Self {
        let pool = pools.get(plan.pool);
        let gateway_before =
            before.and_then(|before| Some((before.gateway.as_ref()?, &*before.pool)));
        let member_tls = plan.server_tls.and_then(|id| {
            let pool = all.pools.get(plan.pool.0)?;
            Some(MemberTls::new(profiles.server(id), pool))
        });
        Self {
            name: plan.name.clone(),
            listen: plan.listen.clone(),
            limits: plan.limits,
            pool: Arc::clone(pool),
            source: Source::new(plan.snat, all, pool, registry),
            send_proxy: plan.send_proxy,
            peers: plan.accept_proxy.clone(),
            when_down: match (plan.mode, pool.when_down()) {
                // In a client's TLS there is no word of ours.
                (Mode::Passthrough, WhenDown::Reply) => WhenDown::Reset,
                (_, when_down) => when_down,
            },
            client_tls: plan.client_tls.map(|id| Arc::clone(profiles.client(id))),
            member_tls,
            gateway: Gateway::new(plan, all, pool, gateway_before, services),
            counters: before.map_or_else(Arc::default, |before| Arc::clone(&before.counters)),
            tasks: tasks.clone(),
            draining: Arc::clone(draining),
            feedback: feedback.clone(),
            teller: Teller::of(plan, all, bus),
        }
    }

    /// Takes one of the virtual server's places for a client that connected to `local`, unless all are
    /// taken.
    pub(super) fn admit(self: &Arc<Self>, client: SocketAddr, local: SocketAddr) -> Option<Place> {
        let admitted = self.counters.enter(self.limits.connections);
        admitted.then(|| {
            Place(Box::new(Taken {
                server: Arc::clone(self),
                key: client_key(client.ip()),
                client,
                local,
                tls: OnceLock::new(),
                id: OnceLock::new(),
                said: None,
                story: self.teller.as_ref().map(|teller| Box::new(teller.begin())),
            }))
        })
    }
}

/// Counts one session on a virtual server for as long as it lives. A pointer, because a session's state
/// holds it several times.
#[derive(Debug)]
pub(super) struct Place(Box<Taken>);

#[derive(Debug)]
struct Taken {
    server: Arc<VirtualServer>,
    /// What the pool knows the client by.
    key: u64,
    client: SocketAddr,
    local: SocketAddr,
    tls: OnceLock<ClientTls>,
    id: OnceLock<Box<[u8]>>,
    /// By the peer in front.
    said: Option<Header>,
    /// What is told of it.
    story: Option<Box<Story>>,
}

impl Place {
    /// What the pool knows the client by.
    pub(super) fn key(&self) -> u64 {
        self.0.key
    }

    /// The client.
    pub(super) fn client(&self) -> SocketAddr {
        self.0.client
    }

    /// What the client connected to.
    pub(super) fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// The client's TLS, once it has.
    pub(super) fn tls(&self) -> Option<&ClientTls> {
        self.0.tls.get()
    }

    /// The client's handshake is done.
    pub(super) fn has_tls(&self, tls: ClientTls) {
        // Nobody shakes hands twice.
        let _ = self.0.tls.set(tls);
    }

    /// What a trusted peer said of the connection: from now on that is the client.
    pub(super) fn is_for(&mut self, mut said: Header) {
        if let Some(Addresses {
            source,
            destination,
        }) = said.addresses
        {
            // IPv4 within IPv6 is IPv4 to every rule, address and member.
            let plain = |it: SocketAddr| SocketAddr::new(it.ip().to_canonical(), it.port());
            self.0.client = plain(source);
            self.0.local = plain(destination);
            self.0.key = client_key(self.0.client.ip());
        }
        if let Some(id) = said.unique_id.take() {
            self.0.id = OnceLock::from(id);
        }
        self.0.said = Some(said);
    }

    /// What a trusted peer said of the connection.
    pub(super) fn said(&self) -> Option<&Header> {
        self.0.said.as_ref()
    }

    /// The session begins; who the client is will not change any more.
    pub(super) fn begins(&self) {
        if let Some(story) = &self.0.story {
            story.open(self.0.client, self.0.local);
        }
    }

    /// Octets from and to the client.
    pub(super) fn moved(&self, bytes_in: u64, bytes_out: u64) {
        if let Some(story) = &self.0.story {
            story.moved(bytes_in, bytes_out);
        }
    }

    /// How the session ends, if it does not end in order.
    pub(super) fn ends(&self, outcome: Outcome) {
        if let Some(story) = &self.0.story {
            story.ends(outcome);
        }
    }

    /// The session has got to a member.
    pub(super) fn is_at(&self, member: &str) {
        if let Some(story) = &self.0.story {
            story.is_at(member);
        }
    }

    /// What the session is known by in its events.
    pub(super) fn number(&self) -> u64 {
        let story = self.0.story.as_ref();
        story.map_or_else(chance::draw, |story| story.number())
    }

    /// What its checks found.
    pub(super) fn was_checked(&self, results: String) {
        if let Some(story) = &self.0.story {
            story.was_checked(results);
        }
    }

    /// What the session is known by to members, the same to all.
    pub(super) fn id(&self) -> &[u8] {
        let id = || format!("{:016x}{:016x}", chance::draw(), chance::draw());
        self.0.id.get_or_init(|| id().into_bytes().into())
    }
}

impl std::ops::Deref for Place {
    type Target = VirtualServer;

    fn deref(&self) -> &VirtualServer {
        &self.0.server
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.leave();
        if let Some(story) = &self.0.story {
            // A fault of our own drops its session while it unwinds.
            if std::thread::panicking() {
                story.ends(Outcome::Panic);
            }
            let tls = self.0.tls.get().and_then(|tls| tls.version.as_str());
            story.close(self.0.client, self.0.local, tls.unwrap_or_default());
        }
    }
}
