//! Why a request was not done, and how that is told over HTTP.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::api::{Code, Problem};

/// A part of the daemon that can say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The packet filter.
    Firewall,
    /// Listeners and sessions.
    Proxy,
    /// The event pipeline.
    Log,
    /// The routing of members that see clients' own addresses.
    Routing,
    /// Feeds and added entries.
    Reputation,
    /// What security checks found and remember.
    Security,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firewall => "firewall",
            Self::Proxy => "proxy",
            Self::Log => "log",
            Self::Routing => "routing",
            Self::Reputation => "reputation",
            Self::Security => "security",
        })
    }
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The configuration file cannot be read or is invalid.
    #[error("the configuration is invalid, nothing was changed\n{rendered}")]
    Invalid {
        /// The diagnostics as a person reads them.
        rendered: String,
        /// The same for programs.
        diagnostics: serde_json::Value,
    },
    /// The file changes what only a restart can.
    #[error(
        "nothing was changed: {} cannot change while the daemon runs; restart it to use this file",
        .settings.join(", ")
    )]
    Restart {
        /// Names of the settings.
        settings: Vec<&'static str>,
    },
    /// One reload at a time.
    #[error("another reload is running")]
    Busy,
    /// Nothing is begun any more.
    #[error("the daemon is stopping")]
    Stopping,
    /// A part cannot take the new plan.
    #[error("{part}: {cause}; nothing was changed")]
    Prepare {
        /// Who.
        part: Part,
        /// Why.
        cause: String,
    },
    /// A file for the firewall alone is not one, or changes more.
    #[error("nothing was changed: {0}")]
    File(String),
    /// What a file was compared with is no longer in force.
    #[error(
        "nothing was changed: the firewall in force has changed meanwhile; look at the differences again"
    )]
    Stale,
    /// One applied firewall at a time waits for its confirmation.
    #[error(
        "nothing was changed: {file} waits for its confirmation; `smtp-lb firewall confirm` keeps \
         it, `smtp-lb firewall rollback` takes it back"
    )]
    Unconfirmed {
        /// Where it is from.
        file: String,
    },
    /// Nothing waits for a confirmation.
    #[error(
        "no applied firewall waits for a confirmation: it was confirmed, rolled back or reloaded"
    )]
    NothingApplied,
    /// A part cannot answer now.
    #[error("{part}: {cause}")]
    Unavailable {
        /// Who.
        part: Part,
        /// Why.
        cause: String,
    },
    /// The request makes no sense.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// No such endpoint, or not with this method.
    #[error("no such endpoint")]
    NotFound,
    /// Took longer than the bound on requests.
    #[error("the daemon took too long to answer")]
    Timeout,
    /// A task of the daemon ended before it answered.
    #[error("the task that answers ended: {0}")]
    Task(String),
}

impl Refusal {
    /// What goes over the wire.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let diagnostics = match self {
            Self::Invalid { diagnostics, .. } => Some(diagnostics.clone()),
            _ => None,
        };
        Problem {
            code: self.answer().0,
            message: self.to_string(),
            diagnostics,
        }
    }

    fn answer(&self) -> (Code, StatusCode) {
        match self {
            Self::Invalid { .. } => (Code::InvalidConfiguration, StatusCode::UNPROCESSABLE_ENTITY),
            Self::Restart { .. } => (Code::RestartNeeded, StatusCode::CONFLICT),
            Self::Busy => (Code::Busy, StatusCode::CONFLICT),
            Self::Stopping => (Code::Stopping, StatusCode::SERVICE_UNAVAILABLE),
            Self::Prepare { .. }
            | Self::File(_)
            | Self::Stale
            | Self::Unconfirmed { .. }
            | Self::NothingApplied => (Code::Refused, StatusCode::CONFLICT),
            Self::Unavailable { .. } => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
            Self::BadRequest(_) => (Code::BadRequest, StatusCode::BAD_REQUEST),
            Self::NotFound => (Code::NotFound, StatusCode::NOT_FOUND),
            Self::Timeout => (Code::Timeout, StatusCode::GATEWAY_TIMEOUT),
            Self::Task(_) => (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.answer().1, Json(self.problem())).into_response()
    }
}
