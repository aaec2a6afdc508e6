//! One probe of one member: what a monitor asks, within a limit of time.
//!
//! SMTP goes in lock step: every reply is waited for before the next command is sent, and checked;
//! nothing is pipelined (Postfix answers a client that does with 554), and QUIT is said so
//! that the server's log stays quiet.

mod connect;
mod encrypt;
mod error;
mod external;
mod icmp;
mod message;
mod progress;
mod sasl;
mod secret;
mod smtp;
mod transcript;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::plan::{MonitorKind, MonitorPlan};
use crate::tls::Profiles;

pub use error::{Cause, ProbeError};
pub(super) use progress::Progress;
pub use progress::Step;
use transcript::Record;
pub use transcript::{Exchange, Transcript};

/// Whom a probe goes to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where it is.
    pub address: SocketAddr,
    /// The host name it is configured with, for TLS to name and verify.
    pub host: Option<Arc<str>>,
    /// The TLS profiles of the plan that the monitor is of.
    pub tls: Arc<Profiles>,
}

/// Probes once, within `limit`.
pub async fn probe(
    subject: &Subject,
    plan: &MonitorPlan,
    limit: Duration,
) -> Result<Transcript, ProbeError> {
    observed(subject, plan, limit, &Progress::default()).await
}

/// The same, and `progress` shows where it is.
pub(super) async fn observed(
    subject: &Subject,
    plan: &MonitorPlan,
    limit: Duration,
    progress: &Progress,
) -> Result<Transcript, ProbeError> {
    let mut transcript = Transcript::default();
    let _idle = progress.begin();
    let mut record = Record::new(&mut transcript, progress);
    // Not on the task's own future: it is large, and most of the time there is none.
    let ask = Box::pin(async {
        match &plan.kind {
            MonitorKind::Tcp { source } => {
                record.step(Step::Connect);
                connect::tcp(subject.address, *source, plan.send_proxy)
                    .await
                    .map(drop)
            }
            MonitorKind::Icmp { source } => icmp::ping(subject.address, *source, &mut record).await,
            MonitorKind::Smtp(smtp) => {
                smtp::converse(subject, smtp, plan.send_proxy, &mut record).await
            }
            MonitorKind::External(external) => {
                external::run(subject, &plan.name, external, &mut record).await
            }
            MonitorKind::Inband(_) => Err(Cause::Passive),
        }
    });
    let cause = match timeout(limit, ask).await {
        Ok(Ok(())) => return Ok(transcript),
        Ok(Err(cause)) => cause,
        Err(_) => Cause::Timeout(limit),
    };
    Err(ProbeError {
        step: progress.get().unwrap_or(Step::Connect),
        cause,
        transcript,
    })
}

#[cfg(test)]
mod tests;
