//! Why a command failed, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use super::exit::Exit;
use crate::admin::api::Code;
use crate::admin::client::ClientError;
use crate::admin::socket::SocketError;
use crate::app::AppError;
use crate::config::ConfigError;
use crate::dns::DnsError;
use crate::event::EventError;
use crate::firewall::{FirewallError, LoadError, PinError};
use crate::pcap::ReadError;
use crate::proxy::ProxyError;
use crate::routing::RoutingError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0}")]
    Usage(&'static str),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Diagnostics went to standard output as JSON already.
    #[error("the configuration is invalid")]
    ConfigTold,
    #[error(transparent)]
    Run(#[from] AppError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    #[error("cannot detach the firewall")]
    Detach(#[from] PinError),
    #[error("nothing was applied")]
    NotAgreed,
    #[error("{}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}", .path.display())]
    Capture {
        path: PathBuf,
        #[source]
        source: ReadError,
    },
    #[error("the daemon has ended the stream of events")]
    StreamEnded,
    #[error("{failed} of {of} probes failed")]
    ProbeFailed { failed: usize, of: usize },
    #[error("not all test records were delivered")]
    NotDelivered,
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error("there is no pool {0:?}; `smtp-lb pool list` lists them")]
    NoPool(String),
    #[error(
        "no violation is {0:?}, or it is one of the old that gave way; `smtp-lb violations list` lists them"
    )]
    NoViolation(String),
    #[error("cannot print")]
    Output(#[source] io::Error),
    #[error("cannot print JSON")]
    Json(#[source] serde_json::Error),
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error("none of {0} name servers answers")]
    NoNameServer(usize),
    #[error("cannot set up a runtime")]
    Runtime(#[source] io::Error),
}

impl CliError {
    /// The one place where causes become exit codes.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) | Self::ConfigTold => Exit::Config,
            Self::Run(error) => run(error),
            Self::Client(error) => client(error),
            Self::Firewall(error) => firewall(error),
            Self::Detach(error) => pins(error),
            Self::File { .. } | Self::Capture { .. } => Exit::File,
            Self::NotAgreed | Self::NoPool(_) | Self::NoViolation(_) => Exit::Refused,
            Self::StreamEnded => Exit::Unreachable,
            Self::ProbeFailed { .. } | Self::NotDelivered | Self::NoNameServer(_) => {
                Exit::ProbeFailed
            }
            Self::Input(_) | Self::Output(_) | Self::Json(_) | Self::Dns(_) | Self::Runtime(_) => {
                Exit::Internal
            }
        }
    }

    /// What may help, if anything does.
    pub(super) fn hint(&self) -> Option<&'static str> {
        if let Self::Run(AppError::Proxy(error)) = self {
            return listener_hint(error);
        }
        match self.exit() {
            Exit::Usage => Some("see smtp-lb --help"),
            Exit::Privilege => Some("run as root, or with the capabilities that the text names"),
            Exit::Interface => Some("`ip link` shows the interfaces of this host"),
            Exit::XdpBusy => Some(
                "`ip link` shows XDP programs; detach the other one, or set \
                 firewall.enforcement = \"userspace\"",
            ),
            Exit::Unreachable => {
                Some("start it with `smtp-lb run`, or name its control socket with --socket")
            }
            Exit::AlreadyRunning => {
                Some("stop the other one, or give this one another admin.socket")
            }
            Exit::LogFile => Some("see that the folder exists and its disk has room"),
            Exit::Xdp => Some("firewall.enforcement = \"auto\" falls back to what can be had"),
            Exit::Ok
            | Exit::File
            | Exit::Bind
            | Exit::Config
            | Exit::Refused
            | Exit::ProbeFailed
            | Exit::Internal => None,
        }
    }
}

fn listener_hint(error: &ProxyError) -> Option<&'static str> {
    match error {
        ProxyError::InUse { .. } => Some("`ss -ltnp` shows who listens where"),
        ProxyError::NotLocal { .. } => Some("`ip address` shows the addresses of this host"),
        ProxyError::NotPermitted { .. } => Some("run as root, or with CAP_NET_BIND_SERVICE"),
        ProxyError::Listen { .. } | ProxyError::Worker { .. } => None,
    }
}

fn run(error: &AppError) -> Exit {
    match error {
        AppError::Config(_)
        | AppError::Store(_)
        | AppError::StorePassword(_)
        | AppError::StoreCa(_) => Exit::Config,
        AppError::Socket(error) => socket(error),
        AppError::Event(error) => event(error),
        AppError::Firewall(error) => firewall(error),
        AppError::Proxy(error) => proxy(error),
        AppError::Routing(RoutingError::Transparent(_)) => Exit::Privilege,
        AppError::Routing(RoutingError::Netlink(_)) | AppError::Rings(_) | AppError::Runtime(_) => {
            Exit::Internal
        }
    }
}

fn socket(error: &SocketError) -> Exit {
    match error {
        SocketError::AlreadyRunning(_) => Exit::AlreadyRunning,
        SocketError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::Privilege
        }
        SocketError::NotASocket(_)
        | SocketError::Locked(_)
        | SocketError::BadPath(_)
        | SocketError::Io { .. } => Exit::Bind,
    }
}

fn proxy(error: &ProxyError) -> Exit {
    match error {
        ProxyError::InUse { .. } | ProxyError::NotLocal { .. } | ProxyError::Listen { .. } => {
            Exit::Bind
        }
        ProxyError::NotPermitted { .. } => Exit::Privilege,
        ProxyError::Worker { .. } => Exit::Internal,
    }
}

fn client(error: &ClientError) -> Exit {
    match error {
        ClientError::NotRunning(_)
        | ClientError::Stale(_)
        | ClientError::Connect { .. }
        | ClientError::Timeout
        | ClientError::Broken(_) => Exit::Unreachable,
        ClientError::Permission(_) => Exit::Privilege,
        ClientError::Nonsense(_) | ClientError::TooLarge => Exit::Internal,
        ClientError::Refused(problem) => match problem.code {
            Code::InvalidConfiguration => Exit::Config,
            Code::RestartNeeded
            | Code::Busy
            | Code::Stopping
            | Code::Refused
            | Code::Unavailable
            | Code::BadRequest
            | Code::NotFound
            | Code::Timeout
            | Code::Internal
            | Code::Unknown => Exit::Refused,
        },
    }
}

fn event(error: &EventError) -> Exit {
    match error {
        EventError::OpenFile { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::Privilege
        }
        EventError::OpenFile { .. } | EventError::MakeQueue { .. } => Exit::LogFile,
    }
}

fn firewall(error: &FirewallError) -> Exit {
    match error {
        FirewallError::Load(error) => load(error),
        FirewallError::Compile(_) => Exit::Config,
        FirewallError::NotPinned { .. } | FirewallError::Capture(_) => Exit::Refused,
        FirewallError::Image(_)
        | FirewallError::Frame(_)
        | FirewallError::NeedsRestart { .. }
        | FirewallError::NoAnswer => Exit::Internal,
    }
}

fn load(error: &LoadError) -> Exit {
    match error {
        LoadError::NoPrivilege => Exit::Privilege,
        LoadError::NoInterface { .. } => Exit::Interface,
        LoadError::Occupied { .. } => Exit::XdpBusy,
        LoadError::Pin(error) => pins(error),
        LoadError::NoObject
        | LoadError::Refused(_)
        | LoadError::Attach { .. }
        | LoadError::Netlink(_) => Exit::Xdp,
    }
}

fn pins(error: &PinError) -> Exit {
    match error {
        PinError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::Privilege
        }
        PinError::NotBpffs { .. } | PinError::Io { .. } => Exit::Xdp,
    }
}
