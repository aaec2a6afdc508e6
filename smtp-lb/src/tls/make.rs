//! The making of one profile: what it gives, and what is found wrong on the way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::Facts;
use super::error::{Flaw, Notice, TlsError, Warning};
use crate::config::Place;
use crate::config::plan::{CertificatePlan, Secret};

/// A profile as its files have it now.
pub(super) struct Made<C> {
    pub(super) config: Arc<C>,
    /// Our own, in the order of the plan.
    pub(super) certificates: Vec<Facts>,
    /// When the first of the stapled OCSP responses ends.
    pub(super) staple_until: Option<SystemTime>,
}

/// Collects what is wrong with one profile, all of it.
pub(super) struct Making {
    pub(super) now: SystemTime,
    /// The further certificate that is looked at.
    pub(super) certificate_for: Option<usize>,
    pub(super) errors: Vec<TlsError>,
    pub(super) warnings: Vec<Warning>,
    table: &'static str,
    profile: String,
}

impl Making {
    pub(super) fn new(table: &'static str, profile: &str, now: SystemTime) -> Self {
        Self {
            now,
            certificate_for: None,
            errors: Vec::new(),
            warnings: Vec::new(),
            table,
            profile: profile.to_owned(),
        }
    }

    pub(super) fn fail(&mut self, flaws: impl IntoIterator<Item = Flaw>) {
        for flaw in flaws {
            self.errors.push(TlsError {
                place: self.place(flaw.key),
                fault: flaw.fault,
            });
        }
    }

    pub(super) fn warn(&mut self, key: &'static str, notice: Notice) {
        self.warnings.push(Warning {
            place: self.place(key),
            notice,
        });
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.errors.is_empty()
    }

    /// What `step` gives, its fault noted. It may warn, too.
    pub(super) fn take<T>(
        &mut self,
        step: impl FnOnce(&mut dyn FnMut(&'static str, Notice)) -> Result<T, Flaw>,
    ) -> Option<T> {
        let taken = step(&mut |key, notice| self.warn(key, notice));
        taken.map_err(|flaw| self.fail([flaw])).ok()
    }

    fn place(&self, key: &'static str) -> Place {
        Place {
            table: self.table,
            profile: self.profile.clone(),
            certificate_for: self.certificate_for,
            key,
        }
    }
}

/// All files that a certificate's plan names.
pub(super) fn certificate_paths(plan: &CertificatePlan) -> Vec<PathBuf> {
    let secrets = [Some(&plan.key), plan.passphrase.as_ref()];
    let secrets = secrets
        .into_iter()
        .flatten()
        .filter_map(|secret| match secret {
            Secret::File(path) => Some(path.clone()),
            Secret::Env(_) => None,
        });
    secrets
        .chain([plan.chain.clone()])
        .chain(plan.ocsp.clone())
        .collect()
}
