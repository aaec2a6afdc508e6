//! Where the records of a remote destination go: one collector, or a pool of them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::names::Sections;
use super::{Check, Checked, all};
use crate::config::plan::{CollectorPlan, CollectorsPlan, WatchPlan};
use crate::config::raw::{self, At};
use crate::config::value::duration;
use crate::config::value::endpoint::{self, Host};

const INTERVAL: Duration = Duration::from_secs(30);
const RAMP: Duration = Duration::from_mins(5);
const TIMES: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
/// Collectors of a pool, at most.
const MEMBERS: usize = 64;

/// Compiles every pool, in order.
pub(super) fn pools(
    check: &mut Check<'_>,
    raw: &raw::Log,
    port: u16,
) -> Vec<Checked<CollectorsPlan>> {
    let pools = raw.pool.iter();
    pools.map(|raw| pool(check, raw, port)).collect()
}

fn pool(check: &mut Check<'_>, raw: &raw::LogPool, port: u16) -> Checked<CollectorsPlan> {
    let name = check.name(raw.name.as_ref());
    let written = check.must(raw.members.as_ref());
    let members = written.and_then(|members| {
        if members.len() > MEMBERS {
            let message = format!("{} collectors in one pool", members.len());
            return Err(check.error(members, message, format!("name at most {MEMBERS}")));
        }
        all(members
            .iter()
            .map(|text| collector(check, text, port, None)))
    });
    let interval = check.duration_or(raw.interval.as_ref(), INTERVAL, TIMES);
    // 91 s for 30 s, as BIG-IP has it.
    let default = interval.as_ref().map_or(INTERVAL, |it| *it) * 3 + Duration::from_secs(1);
    let timeout = check.duration_or(raw.timeout.as_ref(), default, TIMES);
    let ramp = check.value_or(raw.slow_ramp.as_ref(), Some(RAMP), |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &TIMES).map(Some),
    });
    let (interval, timeout) = (interval?, timeout?);
    if let (Some(written), true) = (&raw.timeout, timeout <= interval) {
        let message = "a collector would be down before it is asked again";
        return Err(check.error(written, message, "write a `timeout` above `interval`"));
    }
    let watch = match raw.monitor.as_deref() {
        Some(raw::PoolMonitor::None) => None,
        other => Some(WatchPlan {
            icmp: other != Some(&raw::PoolMonitor::Tcp),
            interval,
            timeout,
        }),
    };
    name?;
    Ok(CollectorsPlan {
        members: members?,
        watch,
        slow_ramp: ramp?,
    })
}

fn collector(
    check: &mut Check<'_>,
    text: &At<String>,
    port: u16,
    family: Option<bool>,
) -> Checked<CollectorPlan> {
    let address = check.remote(&text.span(), text, port, |address| {
        family.is_none_or(|v4| v4 == address.is_ipv4())
    })?;
    let host = match endpoint::parse(text, port).map(|endpoint| endpoint.host) {
        Ok(Host::Name(host)) => Some(host),
        _ => None,
    };
    Ok(CollectorPlan { address, host })
}

/// The collectors of a destination: `address` or `pool`. `None`: neither is written.
pub(super) fn of(
    check: &mut Check<'_>,
    sections: &Sections,
    pools: &[Checked<CollectorsPlan>],
    raw: &raw::Destination,
    (port, family): (u16, Option<bool>),
) -> Option<Checked<CollectorsPlan>> {
    match (&raw.address, &raw.pool) {
        (None, None) => None,
        (Some(text), None) => Some(
            collector(check, text, port, family)
                .map(|one| CollectorsPlan::one(one.address, one.host)),
        ),
        (None, Some(name)) => Some(sections.log_pools.find(check, name).and_then(|id| {
            let pool = check.must(pools.get(id))?;
            pool.clone()
        })),
        (Some(_), Some(name)) => Some(Err(check.error(
            name,
            "a destination has an `address` or a `pool`, not both",
            "leave one of them out",
        ))),
    }
}
