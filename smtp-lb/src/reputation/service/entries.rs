//! Entries for a time.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Inner, Service, ServiceError, moment, trust};
use crate::config::plan::Plan;
use crate::reputation::added::{AddError, New};
use crate::reputation::ranges::{ALLOW_TAG, Ranges};
use crate::reputation::status::{AddedEntry, Origin};

/// Time between two sweeps.
const SWEEP: Duration = Duration::from_secs(30);

impl Service {
    /// Lists a network for a time. It is kept on disk when this returns. Blocks.
    ///
    /// # Errors
    /// It may not be, or there is no room.
    pub fn add(
        &self,
        network: IpNet,
        category: &str,
        ttl: Duration,
        reason: &str,
    ) -> Result<(), AddError> {
        self.inner
            .add(network, category, ttl, Origin::Operator, reason)?;
        self.inner.save_added();
        Ok(())
    }

    /// Takes an added entry away; false: there was none of exactly this network. Blocks.
    ///
    /// # Errors
    /// The filter cannot be asked.
    pub fn remove(&self, network: IpNet) -> Result<bool, ServiceError> {
        let was = self.inner.added.remove(&self.inner.firewall, network)?;
        self.inner.save_added();
        Ok(was)
    }

    /// Added entries that hold now.
    #[must_use]
    pub fn added(&self) -> Vec<AddedEntry> {
        let categories = self.inner.state().names.categories.clone();
        let entries = self.inner.added.list(&categories, moment(), |_| true);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }
}

impl Inner {
    pub(super) fn add(
        &self,
        network: IpNet,
        category: &str,
        ttl: Duration,
        origin: Origin,
        reason: &str,
    ) -> Result<(), AddError> {
        let (number, trusted, peers, sources) = {
            let state = self.state();
            let number = state.plan.reputation.category(category);
            let trusted = Arc::clone(&state.trusted);
            (number, trusted, Arc::clone(&state.peers), state.sources())
        };
        let Some(number) = number.and_then(|at| u32::try_from(at).ok()) else {
            self.added.refuse();
            return Err(AddError::Category(category.to_owned()));
        };
        let allowed = sources.iter().flat_map(|(_, entries)| entries.iter());
        let allowed = allowed.filter(|(tag, _)| *tag == ALLOW_TAG);
        let trusted: Vec<&Ranges> = allowed
            .map(|(_, ranges)| ranges)
            .chain([&*trusted])
            .chain((origin == Origin::Proxy).then_some(&*peers))
            .collect();
        let new = New {
            network,
            category: number,
            ttl,
            origin,
            reason,
        };
        self.added.add(&self.firewall, &trusted, &new, moment())
    }

    /// Takes what a former run has left.
    pub(super) fn begin_added(&self, plan: &Plan) {
        let (_, trusted) = trust(plan);
        let categories = &plan.reputation.categories;
        let folder = self.folder.as_deref();
        let begun = self
            .added
            .begin(&self.firewall, folder, categories, &trusted, moment());
        if let Err(error) = begun {
            tracing::warn!("added reputation entries are lost: {error}");
        }
    }

    pub(super) fn sweep_added(&self) {
        let trusted = Arc::clone(&self.state().trusted);
        if let Err(error) = self.added.sweep(&self.firewall, &trusted, moment()) {
            tracing::warn!("added reputation entries cannot be looked through: {error}");
        }
    }

    pub(super) fn save_added(&self) {
        if let Some(folder) = &self.folder {
            let categories = self.state().names.categories.clone();
            self.added.save(folder, &categories, moment());
        }
    }
}

/// Ends entries and keeps those that hold, now and then.
pub(super) async fn sweep(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let inner = Arc::clone(&inner);
        let swept = tokio::task::spawn_blocking(move || {
            inner.sweep_added();
            inner.save_added();
        });
        // A panic in there has been told by the panic hook.
        let _ = swept.await;
    }
}
