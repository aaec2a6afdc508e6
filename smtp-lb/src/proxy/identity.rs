//! What members are told of a client, where they see an address of ours.

use rustls::{CipherSuite, ProtocolVersion};

use super::server::Place;
use crate::config::plan::ProxyVersion;
use crate::proxy_protocol::{self, Addresses, Header, Tls};

/// Bits of the field of TLS: it is used; a certificate was given on this connection, and in this session.
const USED: u8 = 1;
const CERTIFIED: u8 = 2 | 4;

/// A client's TLS.
#[derive(Debug)]
pub(super) struct ClientTls {
    pub(super) version: ProtocolVersion,
    pub(super) cipher: CipherSuite,
    /// The host that it asked for.
    pub(super) name: Option<Box<str>>,
    /// By ALPN (RFC 7301).
    pub(super) protocol: Option<Box<[u8]>>,
    /// It gave a certificate, which was verified.
    pub(super) certified: bool,
}

/// The PROXY header that a member gets first on a connection for this session, if it is to get one.
pub(super) fn header(place: &Place) -> Option<Vec<u8>> {
    let version = place.send_proxy?;
    let addresses = Some(Addresses {
        source: place.client(),
        destination: place.local(),
    });
    let header = match version {
        ProxyVersion::V1 => Header {
            addresses,
            ..Header::default()
        },
        ProxyVersion::V2 => {
            // TLS ends here, or at the peer in front, or nowhere.
            let known = match place.tls() {
                Some(tls) => Header {
                    alpn: tls.protocol.clone(),
                    authority: tls.name.clone().map(Box::<[u8]>::from),
                    tls: Some(Box::new(said(tls))),
                    ..Header::default()
                },
                None => place.said().cloned().unwrap_or_default(),
            };
            Header {
                addresses,
                unique_id: Some(place.id().into()),
                ..known
            }
        }
    };
    Some(proxy_protocol::encode(version, &header))
}

/// The PROXY header of a connection that has no client.
pub(super) fn nobody(version: ProxyVersion) -> Vec<u8> {
    proxy_protocol::encode(version, &Header::default())
}

fn said(tls: &ClientTls) -> Tls {
    Tls {
        client: USED | if tls.certified { CERTIFIED } else { 0 },
        verify: u32::from(!tls.certified),
        version: version(tls.version).map(|name| name.as_bytes().into()),
        cipher: cipher(tls.cipher).map(|name| name.into_bytes().into()),
        common_name: None,
    }
}

/// As OpenSSL, and so HAProxy, names it.
fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// As IANA names it: rustls has a prefix of its own for those of TLS 1.3.
fn cipher(suite: CipherSuite) -> Option<String> {
    let name = suite.as_str()?;
    Some(match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    })
}
