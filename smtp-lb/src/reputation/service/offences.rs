//! What sessions say of their clients.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::{Inner, Service, moment};
use crate::config::plan::Offence;
use crate::reputation::feedback::{Verdict, Watched};
use crate::reputation::status::Origin;

/// Offences that wait to be looked at.
pub(super) const QUEUE: usize = 1024;

/// An offence on its way.
pub(super) struct Report {
    client: IpAddr,
    offence: Offence,
    server: Box<str>,
}

impl Service {
    /// A client broke a rule at a virtual server: it is listed if the configuration says so. Never
    /// waits; what finds no room is counted.
    pub fn report(&self, client: IpAddr, offence: Offence, server: &str) {
        let report = Report {
            client,
            offence,
            server: server.into(),
        };
        if self.inner.offences.try_send(report).is_err() {
            self.inner.added.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Looks at offences one after the other.
pub(super) async fn look(inner: Arc<Inner>, mut reports: mpsc::Receiver<Report>) {
    let mut watched = Watched::default();
    while let Some(report) = reports.recv().await {
        let plan = Arc::clone(&inner.state().plan);
        let Report {
            client,
            offence,
            server,
        } = report;
        let done = (client, offence, &*server);
        let verdict = watched.take(&plan.reputation.feedback, done, moment().ticks);
        let Some(verdict) = verdict else { continue };
        let Some(category) = plan.reputation.categories.get(verdict.category).cloned() else {
            continue;
        };
        let inner = Arc::clone(&inner);
        let listed = tokio::task::spawn_blocking(move || list(&inner, &verdict, &category));
        // A panic in there has been told by the panic hook.
        let _ = listed.await;
    }
}

fn list(inner: &Inner, verdict: &Verdict, category: &str) {
    let Verdict {
        network,
        duration,
        reason,
        ..
    } = verdict;
    match inner.add(*network, category, *duration, Origin::Proxy, reason) {
        Ok(()) => {
            tracing::info!(%network, category, reason, "listed");
            let seconds = duration.as_secs();
            let detail = format!("{network} as {category} for {seconds} s: {reason}");
            inner.tell("reputation_listed", detail);
        }
        Err(error) => tracing::debug!(%network, reason, "not listed: {error}"),
    }
}
