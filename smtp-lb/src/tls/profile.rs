//! A profile in force, and how it follows its files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::certificate::{Facts, unix};
use super::error::{Notice, TlsError, Warning};
use super::make::Making;
use super::stamp::{Stamp, stamps};
use super::status::{CertificateStatus, ProfileStatus};
use super::{Acceptor, Connector, acceptor, connector, expiry};
use crate::config::Place;
use crate::config::plan::{ClientTlsPlan, ServerTlsPlan, Verify};

/// A profile with what it was made from.
#[derive(Debug)]
pub(super) struct Profile {
    side: Side,
    files: Vec<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Side {
    Client(ClientTlsPlan, Arc<Acceptor>),
    Server(ServerTlsPlan, Arc<Connector>),
}

#[derive(Debug, Default)]
struct State {
    /// Of the files when they were last looked into, with or without success.
    stamps: Vec<Stamp>,
    in_force: InForce,
    failures: u64,
    /// Why the files as they are now cannot be used.
    failure: Option<String>,
    /// Serial number, end and stage of what was warned of.
    warned: Vec<(Vec<u8>, SystemTime, u64)>,
}

/// What is known of what handshakes use.
#[derive(Debug, Default)]
struct InForce {
    certificates: Vec<Facts>,
    staple_until: Option<SystemTime>,
}

/// What came of a look at the files.
#[derive(Debug)]
pub(super) enum News {
    /// New files are in force.
    Replaced {
        profile: String,
        warnings: Vec<Warning>,
    },
    /// New files cannot be used; the old ones stay in force.
    Refused {
        profile: String,
        errors: Vec<TlsError>,
    },
    /// A certificate's end has come near.
    Expires(Warning),
}

impl Profile {
    /// Makes a client profile for the first time.
    pub(super) fn client(
        plan: &ClientTlsPlan,
        making: &mut Making,
    ) -> Option<(Self, Arc<Acceptor>)> {
        let files = acceptor::files(plan);
        // Before they are read: a change meanwhile is then seen later.
        let stamps = stamps(&files);
        let made = acceptor::make(plan, making)?;
        let acceptor = Arc::new(Acceptor::new(made.config));
        let side = Side::Client(plan.clone(), Arc::clone(&acceptor));
        let in_force = InForce {
            certificates: made.certificates,
            staple_until: made.staple_until,
        };
        Some((Self::new(side, files, stamps, in_force), acceptor))
    }

    /// Makes a server profile for the first time.
    pub(super) fn server(
        plan: &ServerTlsPlan,
        making: &mut Making,
    ) -> Option<(Self, Arc<Connector>)> {
        let files = connector::files(plan);
        let stamps = stamps(&files);
        let made = connector::make(plan, making)?;
        let name = connector::server_name(plan).map_err(|fault| fault.of("server_name"));
        let name = making.take(|_| name)?;
        let connector = Arc::new(Connector::new(made.config, plan.start, name));
        let side = Side::Server(plan.clone(), Arc::clone(&connector));
        let in_force = InForce {
            certificates: made.certificates,
            staple_until: made.staple_until,
        };
        Some((Self::new(side, files, stamps, in_force), connector))
    }

    fn new(side: Side, files: Vec<PathBuf>, stamps: Vec<Stamp>, in_force: InForce) -> Self {
        let state = State {
            stamps,
            in_force,
            ..State::default()
        };
        Self {
            side,
            files,
            state: Mutex::new(state),
        }
    }

    /// Files that it is made from.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Looks whether files have changed or time has run out, and does what is due. Blocks.
    pub(super) fn look(&self, now: SystemTime) -> Vec<News> {
        let mut news = Vec::new();
        let stamps = stamps(&self.files);
        let due = {
            let state = self.state();
            let staple_ended = state.in_force.staple_until.is_some_and(|end| end <= now);
            // What failed may succeed by time alone, as a certificate of tomorrow.
            stamps != state.stamps || staple_ended || state.failure.is_some()
        };
        if due {
            news.extend(self.refresh(stamps, now));
        }
        news.extend(self.near_ends(now));
        news
    }

    fn refresh(&self, stamps: Vec<Stamp>, now: SystemTime) -> Option<News> {
        let mut making = self.making(now);
        // What is slow is done while nothing is locked: only one watch looks.
        let in_force = self.make(&mut making);
        let mut state = self.state();
        let changed = std::mem::replace(&mut state.stamps, stamps) != state.stamps;
        if let Some(in_force) = in_force {
            state.in_force = in_force;
            state.failure = None;
            return Some(News::Replaced {
                profile: self.title(),
                warnings: making.warnings,
            });
        }
        let causes = making.errors.iter();
        let causes: Vec<_> = causes
            .map(|error| format!("{}: {}", error.place.key, error.fault))
            .collect();
        let failure = Some(causes.join("; "));
        // The same fault of the same files is told once.
        if !changed && state.failure == failure {
            return None;
        }
        state.failure = failure;
        state.failures = state.failures.saturating_add(1);
        Some(News::Refused {
            profile: self.title(),
            errors: making.errors,
        })
    }

    /// Makes it anew and puts it in force, or leaves what is.
    fn make(&self, making: &mut Making) -> Option<InForce> {
        let (certificates, staple_until) = match &self.side {
            Side::Client(plan, acceptor) => {
                let made = acceptor::make(plan, making)?;
                acceptor.replace(made.config);
                (made.certificates, made.staple_until)
            }
            Side::Server(plan, connector) => {
                let made = connector::make(plan, making)?;
                connector.replace(made.config);
                (made.certificates, made.staple_until)
            }
        };
        Some(InForce {
            certificates,
            staple_until,
        })
    }

    /// Warns of each certificate once at each stage.
    fn near_ends(&self, now: SystemTime) -> Vec<News> {
        let mut state = self.state();
        let State {
            in_force, warned, ..
        } = &mut *state;
        let mut before = std::mem::take(warned);
        let mut news = Vec::new();
        for (at, facts) in in_force.certificates.iter().enumerate() {
            let Some(ahead) = expiry::stage(facts.not_after, now) else {
                continue;
            };
            let same = |(serial, end, _): &(Vec<u8>, SystemTime, u64)| {
                *serial == facts.serial && *end == facts.not_after
            };
            let told = before
                .iter()
                .position(same)
                .map(|at| before.swap_remove(at).2);
            if told.is_none_or(|told| ahead < told) {
                news.push(News::Expires(self.ending(at, facts)));
            }
            warned.push((facts.serial.clone(), facts.not_after, ahead));
        }
        news
    }

    /// Warnings of certificates that end soon.
    pub(super) fn expiring(&self, now: SystemTime) -> Vec<Warning> {
        let state = self.state();
        let certificates = state.in_force.certificates.iter().enumerate();
        certificates
            .filter(|(_, facts)| expiry::stage(facts.not_after, now).is_some())
            .map(|(at, facts)| self.ending(at, facts))
            .collect()
    }

    fn ending(&self, at: usize, facts: &Facts) -> Warning {
        let (table, name) = self.name();
        Warning {
            place: Place {
                table,
                profile: name.to_owned(),
                certificate_for: at.checked_sub(1),
                key: "certificate",
            },
            notice: Notice::ExpiresSoon(facts.file.clone(), facts.not_after),
        }
    }

    /// Takes over what was counted and told of the profile of the same name.
    pub(super) fn inherit(&self, before: &[Self]) {
        let Some(before) = before.iter().find(|before| before.name() == self.name()) else {
            return;
        };
        let before = before.state();
        let mut state = self.state();
        state.failures = before.failures;
        state.warned.clone_from(&before.warned);
    }

    /// What an operator sees.
    pub(super) fn status(&self, now: SystemTime) -> ProfileStatus {
        let state = self.state();
        let (kind, name) = self.name();
        let verify = match &self.side {
            Side::Client(..) => None,
            Side::Server(plan, _) => Some(match plan.verify {
                Verify::Full => "full",
                Verify::Ca => "ca",
                Verify::Pinned(_) => "pinned",
                Verify::None => "none",
            }),
        };
        let certificate = |facts: &Facts| CertificateStatus {
            file: facts.file.to_string(),
            subject: facts.subject.clone(),
            names: facts.names.clone(),
            expires: unix(facts.not_after),
            days_left: expiry::days_left(facts.not_after, now),
        };
        ProfileStatus {
            kind,
            name: name.to_owned(),
            verify,
            certificates: state
                .in_force
                .certificates
                .iter()
                .map(certificate)
                .collect(),
            reload_failures: state.failures,
            failure: state.failure.clone(),
        }
    }

    fn making(&self, now: SystemTime) -> Making {
        let (table, name) = self.name();
        Making::new(table, name, now)
    }

    fn title(&self) -> String {
        let (table, name) = self.name();
        format!("{table} \"{}\"", name.escape_debug())
    }

    fn name(&self) -> (&'static str, &str) {
        match &self.side {
            Side::Client(plan, _) => ("client_tls", &plan.name),
            Side::Server(plan, _) => ("server_tls", &plan.name),
        }
    }

    /// A panic elsewhere leaves whole values behind: they are only assigned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
