//! One TLS connection without I/O: records in, records out.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, Error, PeerIncompatible, ProtocolVersion, ServerConfig};

use super::buffers::{KEPT, Outgoing};
use crate::proxy::identity::ClientTls;

/// Most octets of a record, header included (RFC 5246 6.2.3).
const RECORD: usize = 5 + 16 * 1024 + 2048;

/// Description of an alert (RFC 5246 7.2).
const PROTOCOL_VERSION: u8 = 70;

/// Octets of plaintext in a full record.
const FRAGMENT: usize = 16 * 1024;

/// Octets that encryption adds to a record at most, with some to spare.
const OVERHEAD: usize = 64;

enum Side {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// A TLS connection and what it has not digested.
pub(super) struct Connection {
    side: Side,
    /// The beginning of a record, or records of a handshake message that is not whole.
    kept: Vec<u8>,
    ended: bool,
}

/// What to do when the connection can send.
enum Wish<'a> {
    Nothing,
    Send(&'a [u8]),
    Close,
}

enum Step {
    /// Something was done; there may be more to do.
    More,
    /// The wish came true.
    Done,
    /// The peer said that it sends no more.
    Ended,
    /// Nothing to do without more input.
    Blocked,
    Failed(Error),
}

impl Connection {
    /// We are the server.
    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(config).map(|side| Self::new(Side::Server(side)))
    }

    /// We are the client; `out` gets our hello.
    pub(super) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Outgoing,
    ) -> Result<Self, Error> {
        let side = UnbufferedClientConnection::new(config, name)?;
        let mut connection = Self::new(Side::Client(side));
        connection.digest(&mut [], &mut Vec::new(), out)?;
        Ok(connection)
    }

    fn new(side: Side) -> Self {
        Self {
            side,
            kept: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        match &self.side {
            Side::Server(side) => side.is_handshaking(),
            Side::Client(side) => side.is_handshaking(),
        }
    }

    /// What was agreed upon with a client, which asked for the host of this name.
    pub(super) fn client_tls(&self, name: Option<&str>) -> Option<ClientTls> {
        let Side::Server(side) = &self.side else {
            return None;
        };
        Some(ClientTls {
            version: side.protocol_version()?,
            cipher: side.negotiated_cipher_suite()?.suite(),
            name: name.map(Into::into),
            protocol: side.alpn_protocol().map(Into::into),
            certified: side.peer_certificates().is_some(),
        })
    }

    /// Whether what is left to send after the handshake is tickets only, which can wait for what
    /// is sent next (RFC 8446 4.6.1).
    pub(super) fn only_tickets_left(&self) -> bool {
        match &self.side {
            Side::Server(side) => {
                !side.is_handshaking() && side.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            }
            Side::Client(_) => false,
        }
    }

    /// Whether the peer said that it sends no more.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Octets that must be put before those that are read next.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Takes [`kept`](Self::kept) and the octets after it. Adds what they say to `plain`, and to
    /// `out` what is to be sent for it: on an error, too, which an alert tells the peer of.
    pub(super) fn digest(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> Result<(), Error> {
        let mut used = 0;
        loop {
            let rest = input.get_mut(used..).unwrap_or_default();
            let (discard, step) = self.step(rest, &Wish::Nothing, plain, out);
            used += discard;
            match step {
                Step::More => {}
                Step::Ended => self.ended = true,
                Step::Blocked | Step::Done => break,
                Step::Failed(error) => {
                    // What is queued goes out still: at most a ServerHello and a change of cipher
                    // (types 22 and 20), then the alert. No step after the alert: rustls would
                    // take up again what it failed on.
                    loop {
                        let before = out.filled().len();
                        let rest = input.get_mut(used..).unwrap_or_default();
                        let (discard, step) = self.step(rest, &Wish::Nothing, plain, out);
                        used += discard;
                        let kind = out.filled().get(before);
                        if !matches!((step, kind), (Step::More, Some(20 | 22))) {
                            break;
                        }
                    }
                    if is_old(&error, input) {
                        out.amend(PROTOCOL_VERSION);
                    }
                    self.kept = Vec::new();
                    return Err(error);
                }
            }
        }
        self.keep(input.get(used..).unwrap_or_default())
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), Error> {
        let most = if self.is_handshaking() { KEPT } else { RECORD };
        if rest.is_empty() {
            self.kept = Vec::new();
        } else if rest.len() > most {
            return Err(Error::General("handshake message too long".to_owned()));
        } else {
            self.kept.clear();
            self.kept.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Adds `text` to `out`, encrypted. Not before the handshake is complete.
    pub(super) fn encrypt(&mut self, text: &[u8], out: &mut Outgoing) -> Result<(), Error> {
        self.wish(&Wish::Send(text), out)
    }

    /// Adds `close_notify` to `out`.
    pub(super) fn close(&mut self, out: &mut Outgoing) -> Result<(), Error> {
        self.wish(&Wish::Close, out)
    }

    fn wish(&mut self, wish: &Wish<'_>, out: &mut Outgoing) -> Result<(), Error> {
        // What is kept was digested as far as it can be: it brings nothing new, but rustls counts
        // on seeing it.
        let mut kept = std::mem::take(&mut self.kept);
        let mut used = 0;
        let outcome = loop {
            let rest = kept.get_mut(used..).unwrap_or_default();
            let (discard, step) = self.step(rest, wish, &mut Vec::new(), out);
            used += discard;
            match step {
                Step::More => {}
                Step::Ended => self.ended = true,
                Step::Done => break Ok(()),
                Step::Blocked => break Err(Error::HandshakeNotComplete),
                Step::Failed(error) => break Err(error),
            }
        };
        kept.drain(..used.min(kept.len()));
        self.kept = kept;
        outcome
    }

    fn step(
        &mut self,
        input: &mut [u8],
        wish: &Wish<'_>,
        plain: &mut Vec<u8>,
        out: &mut Outgoing,
    ) -> (usize, Step) {
        match &mut self.side {
            Side::Server(side) => settle(side.process_tls_records(input), wish, plain, out),
            Side::Client(side) => settle(side.process_tls_records(input), wish, plain, out),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Whether `input`, which begins with a `ClientHello`, failed for the want of what came with TLS 1.2
/// because it is older. rustls sees that first and says `handshake_failure` (RFC 5246 7.2.2 and
/// E.1 want `protocol_version`).
fn is_old(error: &Error, input: &[u8]) -> bool {
    let wanting = PeerIncompatible::SignatureAlgorithmsExtensionRequired;
    // After the headers of record and message.
    let version = input.get(9..11).unwrap_or_default();
    *error == Error::PeerIncompatible(wanting) && version < [3, 3].as_slice()
}

/// Does what rustls asks for. Returns the octets of input that are done with.
fn settle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    wish: &Wish<'_>,
    plain: &mut Vec<u8>,
    out: &mut Outgoing,
) -> (usize, Step) {
    let mut discard = status.discard;
    let step = match status.state {
        Err(error) => Step::Failed(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    plain.extend_from_slice(record.payload);
                    discard += record.discard;
                }
                Some(Err(error)) => break Step::Failed(error),
                None => break Step::More,
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            match fill(out, 0, |room| match data.encode(room) {
                Err(EncodeError::InsufficientSize(size)) => Err(Some(size.required_size)),
                other => other.map_err(|_| None),
            }) {
                Some(()) => Step::More,
                None => Step::Failed(Error::General("record encoded twice".to_owned())),
            }
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is in `out`, which is sent in order.
            data.done();
            Step::More
        }
        Ok(ConnectionState::PeerClosed) => Step::Ended,
        Ok(ConnectionState::WriteTraffic(traffic)) => write(traffic, wish, out),
        Ok(ConnectionState::Closed | ConnectionState::BlockedHandshake) => Step::Blocked,
        // Early data, which no configuration of ours allows.
        Ok(_) => Step::Failed(Error::General("unexpected state of TLS".to_owned())),
    };
    (discard, step)
}

fn write<Data>(mut traffic: WriteTraffic<'_, Data>, wish: &Wish<'_>, out: &mut Outgoing) -> Step {
    let size = |error| match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    };
    let written = match wish {
        Wish::Nothing => return Step::Blocked,
        Wish::Send(text) => {
            let records = text.len() / FRAGMENT + 2;
            fill(out, text.len() + records * OVERHEAD, |room| {
                traffic.encrypt(text, room).map_err(size)
            })
        }
        Wish::Close => fill(out, 2 * OVERHEAD, |room| {
            traffic.queue_close_notify(room).map_err(size)
        }),
    };
    match written {
        Some(()) => Step::Done,
        None => Step::Failed(Error::EncryptError),
    }
}

/// Lets `write` fill `out`, with more room if it says how much it needs.
fn fill(
    out: &mut Outgoing,
    size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Option<()> {
    let written = match write(out.room(size)) {
        Err(Some(needed)) => write(out.room(needed)),
        other => other,
    };
    out.add(written.ok()?);
    Some(())
}
