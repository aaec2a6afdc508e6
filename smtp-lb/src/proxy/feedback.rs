//! What sessions say of clients that broke a rule.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::server::Place;
use crate::config::plan::Offence;

/// Told of each offence. Runs on the data path: it must not block.
pub trait Feedback: Send + Sync {
    /// A client of this virtual server did this.
    fn report(&self, client: IpAddr, offence: Offence, server: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unheard;

impl Feedback for Unheard {
    fn report(&self, _: IpAddr, _: Offence, _: &str) {}
}

/// Whoever is told, in what can be shown.
#[derive(Clone)]
pub(super) struct Reporter(pub(super) Arc<dyn Feedback>);

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl Place {
    /// The client did this.
    pub(super) fn report(&self, offence: Offence) {
        self.feedback
            .0
            .report(self.client().ip(), offence, &self.name);
    }
}
