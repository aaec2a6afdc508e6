//! `[[monitor]]`.

use std::time::Duration;

use super::{Check, Checked};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{MonitorKind, MonitorPlan};
use crate::config::value::duration::show;
use crate::config::{raw, value};

/// BIG-IP's defaults.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(91);
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_hours(24);
const MAX_TIMEOUT: Duration = Duration::from_hours(7 * 24);

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Monitor) -> Checked<MonitorPlan> {
    let name = check.name(raw.name.as_ref());
    let interval = check.duration_or(raw.interval.as_ref(), INTERVAL, MIN_INTERVAL..=MAX_INTERVAL);
    let timeout = check.duration_or(raw.timeout.as_ref(), TIMEOUT, MIN_INTERVAL..=MAX_TIMEOUT);
    let domain = match &raw.domain {
        Some(domain) => check.value(domain, value::text::ehlo_domain),
        None => Ok(value::gateway::machine()),
    };
    let (interval, timeout) = (interval?, timeout?);
    if interval > timeout {
        check.whole(raw.name.as_ref())?;
        // At least one is written: the defaults fit.
        let span = raw
            .interval
            .as_ref()
            .or(raw.timeout.as_ref())
            .map(raw::At::span);
        let mut diagnostic = Diagnostic::new(
            span.unwrap_or_default(),
            format!(
                "the interval of {} is longer than its time-out of {}",
                quote(&show(interval)),
                quote(&show(timeout)),
            ),
            format!(
                "three probes and a second is usual: `timeout = \"{}\"`",
                show(interval * 3 + Duration::from_secs(1))
            ),
        );
        if let (Some(_), Some(timeout)) = (&raw.interval, &raw.timeout) {
            diagnostic = diagnostic.also(timeout.span(), "the time-out");
        }
        return Err(check.report.error(diagnostic));
    }
    let kind = match check.must(raw.kind.as_ref())? {
        raw::MonitorKind::Smtp => MonitorKind::Smtp { domain: domain? },
    };
    Ok(MonitorPlan {
        name: name?,
        kind,
        interval,
        timeout,
    })
}
