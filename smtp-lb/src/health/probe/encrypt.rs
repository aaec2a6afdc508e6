//! TLS of a probe.

use std::sync::{Arc, LazyLock};

use rustls::ClientConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Cause, Subject};
use crate::config::plan::MonitorTlsPlan;
use crate::tls::Connector;

/// For monitors without a profile.
static LENIENT: LazyLock<Option<Arc<Connector>>> =
    LazyLock::new(|| Connector::lenient().ok().map(Arc::new));

/// Shakes hands over `stream`.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    plan: MonitorTlsPlan,
    subject: &Subject,
) -> Result<TlsStream<S>, Cause> {
    let profile = match plan.profile {
        Some(id) => Some(Arc::clone(subject.tls.server(id))),
        None => LENIENT.clone(),
    };
    let profile = profile.ok_or_else(|| Cause::Tls("no TLS is to be had".to_owned()))?;
    let name = profile.server_name(subject.host.as_deref(), subject.address.ip());
    TlsConnector::from(profile.config())
        .connect(name, stream)
        .await
        .map_err(|error| Cause::tls(&error))
}

/// What was agreed on, for people.
pub(super) fn agreed(session: &ClientConnection) -> String {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = session.negotiated_cipher_suite();
    let suite = suite
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("?");
    format!("{version}, {suite}")
}
