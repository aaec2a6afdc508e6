//! TLS towards a collector (RFC 5425).

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::plan::{CollectorPlan, ServerTlsId};
use crate::tls::Profiles;

/// How to shake hands with collectors. Profiles are asked for each time: they are replaced by a
/// reload, which a destination that stays the same does not notice.
#[derive(Debug)]
pub(super) struct Secure {
    profiles: Arc<ArcSwap<Profiles>>,
    profile: ServerTlsId,
}

impl Secure {
    pub(super) fn new(profiles: &Arc<ArcSwap<Profiles>>, profile: ServerTlsId) -> Self {
        Self {
            profiles: Arc::clone(profiles),
            profile,
        }
    }

    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        collector: &CollectorPlan,
        limit: Duration,
    ) -> io::Result<TlsStream<TcpStream>> {
        let profiles = self.profiles.load_full();
        let profile = profiles.server(self.profile);
        let name = profile.server_name(collector.host.as_deref(), collector.address.ip());
        let shaken = TlsConnector::from(profile.config()).connect(name, stream);
        let late = |_| io::Error::new(ErrorKind::TimedOut, "TLS handshake timed out");
        timeout(limit, shaken).await.map_err(late)?
    }
}
