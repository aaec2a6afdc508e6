//! SMTP is read: command by command and reply by reply.
//!
//! The machine decides, without a socket or a clock; the driver does what it says.

mod counts;
mod driver;
mod ending;
mod judge;
mod learn;
mod legs;
mod machine;
mod offers;
mod quit;
mod spare;

use std::sync::Arc;

use crate::config::plan::{Plan, VirtualServerPlan};
use crate::pool::Pool;
use crate::security::Services;
use crate::security::engine::Engine;
use counts::Counts;
pub use counts::GatewayStatus;
pub(super) use driver::run;
pub(super) use learn::Learner;
pub(super) use legs::PARKED;
pub(super) use machine::NO_SERVICE;
use machine::Settings;
use offers::Offers;

/// What sessions of a virtual server share.
#[derive(Debug)]
pub(super) struct Gateway {
    settings: Arc<Settings>,
    offers: Offers,
    counts: Arc<Counts>,
    /// Its security profile's checks.
    engine: Option<Arc<Engine>>,
}

impl Gateway {
    /// None if SMTP is not read. What is known `before` of members that stay is known on.
    pub(super) fn new(
        plan: &VirtualServerPlan,
        all: &Plan,
        pool: &Pool,
        before: Option<(&Self, &Pool)>,
        services: &Services,
    ) -> Option<Self> {
        let server_tls = plan.server_tls.and_then(|id| all.server_tls.get(id.0));
        let profile = plan.smtp_profile.and_then(|id| all.smtp_profiles.get(id.0));
        let engine = profile.map(|profile| {
            let before = before.and_then(|(gateway, _)| gateway.engine.as_deref());
            Arc::new(Engine::new(profile, &plan.name, services, before))
        });
        let asks = engine.is_some();
        let settings = Settings::new(plan.gateway.as_ref()?, plan.mode, server_tls, asks);
        let offers = before.map(|(gateway, pool)| (&gateway.offers, pool));
        Some(Self {
            settings: Arc::new(settings),
            offers: Offers::new(pool, offers),
            engine,
            counts: before.map_or_else(Arc::default, |(gateway, _)| Arc::clone(&gateway.counts)),
        })
    }

    /// What an operator sees.
    pub(super) fn status(&self) -> GatewayStatus {
        self.counts.status()
    }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use machine::hostile;
