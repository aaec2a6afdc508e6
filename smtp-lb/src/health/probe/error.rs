//! Why a probe failed.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::secret::Unreadable;
use crate::smtp::reply::{Reply, ReplyError};
use crate::smtp::show;

use super::{Step, Transcript};

/// Characters of foreign text in a cause.
const SHOWN: usize = 200;

/// A probe that failed: where, why, and what was said until then. Shown, it is printable ASCII
/// of a few hundred characters.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct ProbeError {
    /// Where.
    pub step: Step,
    /// Why.
    #[source]
    pub cause: Cause,
    /// What was said until then.
    pub transcript: Transcript,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Nobody listens.
    #[error("refused")]
    Refused,
    /// Any other failure of the network.
    #[error("{0}")]
    Io(io::ErrorKind),
    /// The server closed the connection.
    #[error("closed by the server")]
    Closed,
    /// The probe's time is over.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Another reply than the step wants.
    #[error("{0}")]
    Rejected(Reply),
    /// Octets that are no reply.
    #[error(transparent)]
    Malformed(#[from] ReplyError),
    /// More than the one reply.
    #[error("server talks unasked")]
    Unasked,
    /// The server's EHLO does not offer what is needed.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
    /// The server's SASL challenge is not base64.
    #[error("the server's challenge makes no sense")]
    Challenge,
    /// No TLS session came about.
    #[error("{0}")]
    Tls(String),
    /// The name for EHLO is no word of printable ASCII.
    #[error("domain for EHLO is not valid")]
    Domain,
    /// A file or variable of ours cannot be read.
    #[error("{}", show(.0.to_string().as_bytes(), SHOWN))]
    Unreadable(Unreadable),
    /// smtp-lb is stopping.
    #[error("interrupted")]
    Interrupted,
    /// The text of the message cannot be sent.
    #[error("the text of the message {0}")]
    Body(&'static str),
    /// No socket for ICMP is to be had.
    #[error("no permission to ping: CAP_NET_RAW is needed, or net.ipv4.ping_group_range")]
    Permission,
    /// A program cannot be run.
    #[error("cannot be run: {}", show(.0.to_string().as_bytes(), SHOWN))]
    Spawn(io::Error),
    /// A program ended, or closed its output, and had printed nothing.
    #[error("nothing printed, {status}{}", behind(.complaint))]
    Silent {
        /// How it ended.
        status: ExitStatus,
        /// What it said to standard error, escaped.
        complaint: String,
    },
    /// A program writes to standard error without end.
    #[error("more than {0} octets on standard error")]
    Babble(usize),
    /// A monitor of type `inband` asks nothing.
    #[error("a monitor of type `inband` has no probe")]
    Passive,
}

fn behind(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl Cause {
    /// What rustls says, in few words where they are known.
    pub(super) fn tls(error: &io::Error) -> Self {
        use rustls::CertificateError as Certificate;
        use rustls::Error as Tls;

        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Tls>());
        let text = match inner {
            None if error.kind() == io::ErrorKind::UnexpectedEof => return Self::Closed,
            None => return Self::from(io::Error::from(error.kind())),
            Some(Tls::InvalidCertificate(certificate)) => match certificate {
                Certificate::Expired | Certificate::ExpiredContext { .. } => {
                    "the certificate has expired".to_owned()
                }
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                    "the certificate is not valid yet".to_owned()
                }
                Certificate::UnknownIssuer => {
                    "the certificate is not of a trusted authority".to_owned()
                }
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                    "the certificate is for another name".to_owned()
                }
                Certificate::BadSignature => "the certificate has a bad signature".to_owned(),
                Certificate::Revoked => "the certificate is revoked".to_owned(),
                Certificate::Other(other) => format!("the certificate: {other}"),
                other => format!("the certificate: {other}"),
            },
            Some(Tls::InvalidMessage(_)) => "the server does not speak TLS".to_owned(),
            Some(other) => other.to_string(),
        };
        Self::Tls(show(text.as_bytes(), SHOWN))
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            // A TLS session that ends without its close_notify.
            io::ErrorKind::UnexpectedEof => Self::Closed,
            kind => Self::Io(kind),
        }
    }
}
