//! Health checks.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Secret, ServerTlsId, Start};

/// `[[monitor]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorPlan {
    /// Unique name.
    pub name: String,
    /// What is asked.
    pub kind: MonitorKind,
    /// The PROXY header, of a connection without a client, that begins a connection.
    pub send_proxy: Option<super::ProxyVersion>,
    /// Time between the starts of two probes. BIG-IP's default: 30 s.
    pub interval: Duration,
    /// Down when no probe succeeded for so long. BIG-IP's default: 91 s.
    pub timeout: Duration,
    /// Each interval is longer or shorter by up to so much. Less than the interval.
    pub jitter: Duration,
    /// Successes in a row that bring a member up which was down. At least 1.
    pub rise: u32,
    /// Failures in a row that take a member down before the time-out does. `None`: however many.
    pub fall: Option<u32>,
    /// A member that it took down stays so until an operator resumes it.
    pub manual_resume: bool,
}

/// What a monitor asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MonitorKind {
    /// A TCP connection.
    Tcp {
        /// Address to connect from, to members of its family.
        source: Option<IpAddr>,
    },
    /// An answer to an echo request (RFC 792, RFC 4443).
    Icmp {
        /// Address to send from, to members of its family.
        source: Option<IpAddr>,
    },
    /// An SMTP session, of the steps that are asked for.
    Smtp(SmtpMonitorPlan),
    /// A program of the operator.
    External(ExternalMonitorPlan),
    /// Nothing: failures of clients' sessions are counted.
    Inband(InbandMonitorPlan),
}

/// A monitor of type `smtp`: greeting, EHLO (HELO if refused), what else is asked for, QUIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpMonitorPlan {
    /// Name given in EHLO.
    pub domain: String,
    /// Address to connect from, to members of its family.
    pub source: Option<IpAddr>,
    /// TLS, if any.
    pub tls: Option<MonitorTlsPlan>,
    /// Logs in.
    pub auth: Option<MonitorAuthPlan>,
    /// Sends a message.
    pub message: Option<MonitorMessagePlan>,
}

/// TLS of a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonitorTlsPlan {
    /// How it begins.
    pub start: Start,
    /// What else of it; its own `start` has no say. `None`: any certificate will do.
    pub profile: Option<ServerTlsId>,
}

/// How a monitor logs in (RFC 4954).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorAuthPlan {
    /// How.
    pub mechanism: Mechanism,
    /// Who.
    pub user: Setting,
    /// Password.
    pub password: Secret,
}

/// SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Of no RFC, and everywhere.
    Login,
    /// RFC 2195.
    CramMd5,
}

/// A message that a monitor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorMessagePlan {
    /// Reverse path, without brackets. Empty: `<>`.
    pub from: String,
    /// Forward path, without brackets.
    pub rcpt: String,
    /// Of the header, printable ASCII.
    pub subject: String,
    /// File of the text; `None`: a line of our own.
    pub body: Option<PathBuf>,
}

/// A monitor of type `external`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalMonitorPlan {
    /// What is run.
    pub program: PathBuf,
    /// Its environment, by name.
    pub variables: Vec<(String, Setting)>,
}

/// A monitor of type `inband`: as BIG-IP's, with a back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InbandMonitorPlan {
    /// So many failures take the member down. At least 1.
    pub failures: u32,
    /// Within so long.
    pub failure_interval: Duration,
    /// It gets sessions again after so long, doubled each time that they fail at once.
    pub retry: Duration,
    /// At most so long. At least `retry`.
    pub retry_max: Duration,
}

/// Text that may stand in the configuration, or elsewhere if it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// As it is.
    Text(String),
    /// `file:PATH` or `env:NAME`.
    Secret(Secret),
}
