//! What checks ask and tell, shared by all sessions.

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::violations::Recorder;
use crate::dns::Questions;
use crate::store::{Backend, Embedded, EmbeddedSettings};

/// Handles; clones share what is behind them.
#[derive(Clone)]
pub struct Services {
    /// Who hears of violations.
    pub recorder: Arc<Recorder>,
    /// What is remembered.
    pub store: Arc<Backend>,
    dns: Arc<ArcSwap<Questions>>,
    sleep: fn(Duration) -> Sleep,
}

/// Ready when a time is over.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Services {
    /// Of these parts. Checks know no clock: `sleep` tells them that a time is over.
    #[must_use]
    pub fn new(
        recorder: Recorder,
        store: Backend,
        dns: Questions,
        sleep: fn(Duration) -> Sleep,
    ) -> Self {
        Self {
            recorder: Arc::new(recorder),
            store: Arc::new(store),
            dns: Arc::new(ArcSwap::from_pointee(dns)),
            sleep,
        }
    }

    /// Of nobody: nothing is told, nothing survives, and DNS never answers.
    #[must_use]
    pub fn null() -> Self {
        let store = Embedded::in_memory(&EmbeddedSettings::default());
        let never = |_| -> Sleep { Box::pin(pending()) };
        Self::new(
            Recorder::null(),
            store.into(),
            Questions::of_nobody(),
            never,
        )
    }

    /// Who is asked what DNS knows. To be had anew for each session: a reload changes it.
    #[must_use]
    pub fn dns(&self) -> Arc<Questions> {
        self.dns.load_full()
    }

    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        (self.sleep)(time)
    }

    /// From now on these are asked.
    pub fn ask(&self, dns: Questions) {
        self.dns.store(Arc::new(dns));
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("recorder", &self.recorder)
            .field("store", &self.store.name())
            .finish_non_exhaustive()
    }
}
