//! Raw configuration → [`Plan`], every error told.
//!
//! Each check computes all its parts before it looks whether one failed, so that one run finds
//! everything; `Checked` makes sure that what could not be computed has been reported.

mod address_list;
mod client_tls;
mod collectors;
mod disk;
mod dns;
mod doubt;
mod firewall;
mod flood;
mod format;
mod gateway;
mod general;
mod layout;
mod log;
mod monitor;
mod names;
mod nested;
mod order;
mod pool;
mod port_list;
mod region;
mod remote;
mod reputation;
mod rule;
mod scenario;
mod schedule;
mod server_tls;
mod smtp_profile;
mod snat;
mod store;
mod tls;
mod transport;
mod virtual_server;

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use self::names::Sections;
use super::diagnostic::{Diagnostic, Report, Reported};
use super::plan::Plan;
use super::raw::{self, At, DurationText};
use super::resolve::Resolve;
use super::shape::Pruned;
use super::value::{Fault, duration};

/// A value, or proof that its lack was reported.
type Checked<T> = Result<T, Reported>;

/// What every check needs.
pub(crate) struct Check<'a> {
    report: &'a mut Report,
    resolver: &'a dyn Resolve,
    pruned: &'a Pruned,
}

/// Compiles the whole file.
pub(crate) fn compile(
    raw: &raw::Config,
    report: &mut Report,
    resolver: &dyn Resolve,
    pruned: &Pruned,
) -> Checked<Plan> {
    let mut check = Check {
        report,
        resolver,
        pruned,
    };
    let check = &mut check;
    let sections = Sections::gather(check, raw);

    let general = general::general(check, &raw.general);
    let admin = general::admin(check, &raw.admin);
    let dns = dns::compile(check, &raw.dns);
    let store = store::compile(check, &raw.store);
    let monitors = all(raw
        .monitor
        .iter()
        .map(|monitor| monitor::compile(check, &sections, &raw.server_tls, monitor)));
    let pools = all(raw
        .pool
        .iter()
        .map(|pool| pool::compile(check, &sections, pool)));
    let smtp_profiles = smtp_profile::compile(check, &sections, &raw.smtp_profile);
    let virtual_servers = virtual_server::compile(check, &sections, raw);
    let snat_pools = snat::pools(check, raw);
    let client_tls = all(raw
        .client_tls
        .iter()
        .map(|profile| client_tls::compile(check, profile)));
    let server_tls = all(raw
        .server_tls
        .iter()
        .map(|profile| server_tls::compile(check, profile)));
    let firewall = firewall::compile(check, &sections, &raw.firewall);
    let reputation = reputation::compile(check, &raw.reputation);
    let state = general.as_ref().ok().map(|general| &*general.state_path);
    let log = log::compile(check, &sections, &raw.server_tls, &raw.log, state);

    let mut plan = Plan {
        general: general?,
        admin: admin?,
        dns: dns?,
        store: store?,
        virtual_servers: virtual_servers?,
        pools: pools?,
        snat_pools: snat_pools?,
        client_tls: client_tls?,
        server_tls: server_tls?,
        smtp_profiles: smtp_profiles?,
        monitors: monitors?,
        firewall: firewall?,
        reputation: reputation?,
        log: log?,
    };
    for profile in &mut plan.smtp_profiles {
        profile.store_away = plan.store.when_away;
    }
    reputation::whole(check, raw, &plan);
    snat::families(check, raw, &plan)?;
    doubt::warn(check, raw, &plan);
    Ok(plan)
}

/// Runs every item, then gives all values or the last error. Unlike `collect`, which stops at
/// the first and leaves the rest unchecked.
fn all<T>(items: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let mut values = Ok(Vec::new());
    for item in items {
        match (&mut values, item) {
            (Ok(values), Ok(value)) => values.push(value),
            (_, Err(reported)) => values = Err(reported),
            (Err(_), Ok(_)) => {}
        }
    }
    values
}

impl Check<'_> {
    /// What must be written. Its lack was reported when the file was held against the schema.
    fn must<'r, T>(&mut self, value: Option<&'r T>) -> Checked<&'r T> {
        value.ok_or_else(|| match self.pruned.anything() {
            Some(reported) => reported,
            None => self.report.error(Diagnostic::new(
                0..0,
                "something is missing that must be written",
                "see `smtp-lb schema`",
            )),
        })
    }

    /// The name of an element.
    fn name(&mut self, name: Option<&At<String>>) -> Checked<String> {
        self.must(name).map(|name| name.to_string())
    }

    /// The name again, if nothing was taken out of its element: then what the element lacks was
    /// not written.
    fn whole<'r>(&mut self, name: Option<&'r At<String>>) -> Checked<&'r At<String>> {
        let name = self.must(name)?;
        self.pruned.element(&name.span())?;
        Ok(name)
    }

    /// Reads a value by its parser; a fault is an error at its place.
    fn value<T, S>(
        &mut self,
        text: &At<S>,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Checked<T>
    where
        S: std::ops::Deref<Target = str>,
    {
        parse(text).map_err(|fault| self.fault(text.span(), fault))
    }

    /// As [`Check::value`], with a default for what is not written.
    fn value_or<T, S>(
        &mut self,
        text: Option<&At<S>>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Checked<T>
    where
        S: std::ops::Deref<Target = str>,
    {
        text.map_or(Ok(default), |text| self.value(text, parse))
    }

    fn duration_or(
        &mut self,
        text: Option<&At<DurationText>>,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Checked<Duration> {
        self.value_or(text, default, |text| duration::parse(text, &bounds))
    }

    fn error<T>(
        &mut self,
        at: &At<T>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        self.report.error(Diagnostic::new(at.span(), message, help))
    }

    fn warning<T>(&mut self, at: &At<T>, message: impl Into<String>, help: impl Into<String>) {
        self.report
            .warning(Diagnostic::new(at.span(), message, help));
    }

    fn fault(&mut self, place: Range<usize>, fault: Fault) -> Reported {
        self.report
            .error(Diagnostic::new(place, fault.message, fault.help))
    }
}
