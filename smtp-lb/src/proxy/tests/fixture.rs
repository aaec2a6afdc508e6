//! A proxy with a plan of its own, and members that do as told.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::super::*;
use crate::config::plan::{LimitsPlan, Mode, Offence, PoolId, Snat, VirtualServerPlan};
use crate::pool::tests::{member, plan, pool};
use crate::security::Services;

/// Long enough never to be reached by a test that passes.
pub(super) const LONG: Duration = Duration::from_mins(1);

pub(super) const V4: &str = "127.0.0.1:0";
pub(super) const V6: &str = "[::1]:0";

/// One virtual server, `vs`, on two workers.
pub(super) fn plan_for(listen: &[&str], members: &[SocketAddr]) -> Plan {
    let mut plan = plan(vec![pool("p", &[], false)]);
    plan.general.workers = 2;
    plan.pools[0].members = members
        .iter()
        .map(|address| member(&address.to_string(), *address))
        .collect();
    plan.virtual_servers = vec![VirtualServerPlan {
        name: "vs".to_owned(),
        listen: listen.iter().map(|a| a.parse().expect("address")).collect(),
        mode: Mode::Plain,
        pool: PoolId(0),
        client_tls: None,
        server_tls: None,
        snat: Snat::Automap,
        send_proxy: None,
        accept_proxy: None,
        gateway: None,
        firewall_policy: None,
        staged_policy: None,
        reputation: None,
        flood: None,
        smtp_profile: None,
        syn_protection: None,
        log_profile: None,
        limits: LimitsPlan {
            connections: 10_000,
            connect_timeout: LONG,
            connect_attempts: 3,
            handshake_timeout: LONG,
            idle_timeout: LONG,
            session_timeout: None,
        },
    }];
    plan
}

pub(super) struct Fixture {
    pub(super) proxy: Proxy,
    pub(super) pools: Pools,
    pub(super) heard: Arc<Heard>,
}

/// What was said of clients.
#[derive(Default)]
pub(super) struct Heard(Mutex<Vec<(IpAddr, Offence)>>);

impl Heard {
    pub(super) fn all(&self) -> Vec<(IpAddr, Offence)> {
        self.0.lock().expect("whole").clone()
    }
}

impl Feedback for Heard {
    fn report(&self, client: IpAddr, offence: Offence, server: &str) {
        assert_eq!(server, "vs");
        self.0.lock().expect("whole").push((client, offence));
    }
}

impl Fixture {
    pub(super) fn start(plan: &Plan) -> Self {
        Self::filtered(plan, AllowAll)
    }

    pub(super) fn filtered(plan: &Plan, filter: impl AcceptFilter + 'static) -> Self {
        Self::with(plan, &Profiles::default(), filter)
    }

    pub(super) fn with(
        plan: &Plan,
        profiles: &Profiles,
        filter: impl AcceptFilter + 'static,
    ) -> Self {
        Self::telling(plan, profiles, filter, Bus::null())
    }

    pub(super) fn telling(
        plan: &Plan,
        profiles: &Profiles,
        filter: impl AcceptFilter + 'static,
        bus: Bus,
    ) -> Self {
        let pools = Pools::from_plan(plan, None);
        let heard = Arc::<Heard>::default();
        let feedback = Arc::clone(&heard) as Arc<dyn Feedback>;
        let filter = Arc::new(filter);
        let services = Services::null();
        let proxy = Proxy::start(plan, &pools, profiles, filter, feedback, bus, services);
        Self {
            proxy: proxy.expect("start"),
            pools,
            heard,
        }
    }

    pub(super) fn status(&self) -> VirtualServerStatus {
        self.proxy.status().virtual_servers.swap_remove(0)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.status().listen[0]
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.expect("connect")
    }

    /// Connects and leaves, whether or not it is reset before its connect returns.
    pub(super) async fn knock(&self) {
        drop(TcpStream::connect(self.address()).await);
    }

    /// Whether a client is turned away by a reset, which may come before its connect returns.
    pub(super) async fn resets(&self) -> bool {
        is_turned_away(TcpStream::connect(self.address()).await).await
    }

    /// Waits until the status is as wanted; a test that fails hangs until its time-out here.
    pub(super) async fn until(&self, wanted: impl Fn(&VirtualServerStatus) -> bool) {
        let reached = async {
            while !wanted(&self.status()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(20), reached).await;
        assert!(outcome.is_ok(), "not reached: {:?}", self.status());
    }
}

#[expect(clippy::unused_async, reason = "reads like the calls around it")]
pub(super) async fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let address: SocketAddr = address.parse().expect("address");
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.expect("socket");
    socket.bind(address).expect("bind");
    // When the queue of a server that speaks first runs over, clients wait for ever.
    let listener = socket.listen(4096).expect("listen");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A member that greets with its name and sends back what it gets, until the end.
pub(super) async fn echo(address: &str, name: &'static str) -> SocketAddr {
    let (listener, address) = listener(address).await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(name.as_bytes()).await?;
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await?;
                write.shutdown().await
            });
        }
    });
    address
}

/// An address on which nothing listens.
pub(super) async fn nobody() -> SocketAddr {
    listener(V4).await.1
}

/// Sends `text` and reads it back.
pub(super) async fn exchange(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("write");
    expect(stream, text).await;
}

/// Reads `text`.
pub(super) async fn expect(stream: &mut TcpStream, text: &str) {
    let mut got = vec![0; text.len()];
    stream.read_exact(&mut got).await.expect("read");
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Whether a client meets a reset, be it before its connect returns.
pub(super) async fn is_turned_away(connected: std::io::Result<TcpStream>) -> bool {
    match connected {
        Ok(mut client) => is_reset(&mut client).await,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Whether the stream ends by a reset, not by an orderly end.
pub(super) async fn is_reset(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .await
        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}
