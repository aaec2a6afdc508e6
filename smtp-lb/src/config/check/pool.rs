//! `[[pool]]` and its members.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use super::names::Sections;
use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, Reported, quote};
use crate::config::plan::{
    Balance, ConnectionLimits, HostPlan, MemberPlan, MonitorId, PoolPlan, QueuePlan, WhenDown,
};
use crate::config::raw::{self, At};
use crate::config::value;
use crate::config::value::duration;
use crate::config::value::endpoint::{self, Host};

/// Port of SMTP, proposed where none is written.
pub(super) const SMTP_PORT: u16 = 25;

const MIN_ACTIVE: usize = 1;
const QUEUE_LENGTH: usize = 1000;
const QUEUE_WAIT: Duration = Duration::from_secs(30);
const MAX_QUEUE_WAIT: Duration = Duration::from_mins(10);
const MAX_SLOW_RAMP: Duration = Duration::from_hours(24);
const SHORTEST: Duration = Duration::from_millis(1);
const RATIO: u32 = 1;
const PRIORITY: u32 = 0;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Pool,
) -> Checked<PoolPlan> {
    let name = check.name(raw.name.as_ref());
    let members = check
        .must(raw.members.as_ref())
        .and_then(|raw| members(check, raw));
    let monitors = sections.monitors.find_each(check, &raw.monitors);
    let min_monitors = min_monitors(check, raw);
    let slow_ramp = check.value_or(raw.slow_ramp.as_ref(), None, |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &(SHORTEST..=MAX_SLOW_RAMP)).map(Some),
    });
    let queue = raw.queue.as_ref().map(|raw| queue(check, raw)).transpose();
    let members = members?;
    let mut plan = PoolPlan {
        name: name?,
        balance: balance(raw.balance.as_deref()),
        members: members.0,
        hosts: members.1,
        monitors: monitors?.into_iter().map(MonitorId).collect(),
        min_monitors: min_monitors?,
        min_active: raw.min_active.as_deref().copied().unwrap_or(MIN_ACTIVE),
        slow_ramp: slow_ramp?,
        limits: limits(raw.connections.as_ref(), raw.connection_rate.as_ref()),
        queue: queue?,
        when_down: match raw.when_down.as_deref() {
            None | Some(raw::WhenDown::Reply) => WhenDown::Reply,
            Some(raw::WhenDown::Reset) => WhenDown::Reset,
            Some(raw::WhenDown::Close) => WhenDown::Close,
        },
    };
    let found = members.2;
    plan.settle(&|host| found.get(host).cloned().unwrap_or_default());
    Ok(plan)
}

fn balance(raw: Option<&raw::Balance>) -> Balance {
    match raw {
        None | Some(raw::Balance::LeastConnections) => Balance::LeastConnections,
        Some(raw::Balance::RoundRobin) => Balance::RoundRobin,
        Some(raw::Balance::Ratio) => Balance::Ratio,
        Some(raw::Balance::WeightedLeastConnections) => Balance::WeightedLeastConnections,
        Some(raw::Balance::Fastest) => Balance::Fastest,
        Some(raw::Balance::PowerOfTwo) => Balance::PowerOfTwo,
        Some(raw::Balance::SourceHash) => Balance::SourceHash,
    }
}

fn queue(check: &mut Check<'_>, raw: &raw::Queue) -> Checked<QueuePlan> {
    let wait = check.duration_or(raw.wait.as_ref(), QUEUE_WAIT, SHORTEST..=MAX_QUEUE_WAIT);
    Ok(QueuePlan {
        length: raw.length.as_deref().copied().unwrap_or(QUEUE_LENGTH),
        wait: wait?,
    })
}

fn limits(connections: Option<&At<usize>>, rate: Option<&At<u32>>) -> ConnectionLimits {
    ConnectionLimits {
        connections: connections.map(|it| **it),
        rate: rate.map(|it| **it),
    }
}

fn min_monitors(check: &mut Check<'_>, raw: &raw::Pool) -> Checked<usize> {
    let all = raw.monitors.len();
    let Some(written) = &raw.min_monitors else {
        return Ok(all);
    };
    if **written <= all {
        return Ok(**written);
    }
    check.whole(raw.name.as_ref())?;
    let message = format!("`min_monitors` is {}, of {all} monitors", **written);
    let help = "name as many in `monitors`, or leave `min_monitors` out: then all must agree";
    Err(check.error(written, message, help))
}

/// Members by address, those by host, and what addresses these have, if that is known by now.
type Members = (Vec<MemberPlan>, Vec<HostPlan>, HashMap<String, Vec<IpAddr>>);

fn members(check: &mut Check<'_>, raw: &[At<raw::Member>]) -> Checked<Members> {
    let mut addresses = HashMap::new();
    let mut endpoints = HashMap::new();
    let mut taken = HashMap::new();
    let (mut fixed, mut hosts, mut found) = (Vec::new(), Vec::new(), HashMap::new());
    let read = all(raw.iter().map(|member| {
        let (named, (place, text)) = match &**member {
            raw::Member::Address(text) => (None, (member.span(), text)),
            raw::Member::Named(named) => {
                let address = check.must(named.address.as_ref())?;
                (Some(&**named), (address.span(), &**address))
            }
        };
        let name = named.and_then(|named| named.name.as_ref());
        let endpoint =
            endpoint::parse(text, SMTP_PORT).map_err(|fault| check.fault(place.clone(), fault));
        let endpoint = match endpoint {
            Ok(endpoint) => match &endpoint.host {
                Host::Address(ip) => check.one_server(&place, *ip).map(|()| endpoint),
                Host::Name(host) => match check.host(&place, host, endpoint.port) {
                    Ok(known) => {
                        found.insert(host.clone(), known);
                        Ok(endpoint)
                    }
                    Err(reported) => Err(reported),
                },
            },
            Err(reported) => Err(reported),
        };
        let name_place = name.map_or(place.clone(), At::span);
        let name = name.map_or(Ok(text.clone()), |name| {
            check.value(name, value::text::name)
        });
        let (name, endpoint) = (name?, endpoint?);

        let help = "name each member once";
        let port = endpoint.port;
        match &endpoint.host {
            Host::Address(ip) => {
                let address = SocketAddr::new(*ip, port);
                let what = format!("{} is in the pool already", quote(&address.to_string()));
                once(check, &mut addresses, address, place, what, help)?;
            }
            Host::Name(host) => {
                let what = format!("{} is in the pool already", quote(text));
                let host = host.to_ascii_lowercase();
                once(check, &mut endpoints, (host, port), place, what, help)?;
            }
        }
        let what = format!("the name {} is taken", quote(&name));
        let help = "write a name that no other member has";
        once(check, &mut taken, name.clone(), name_place, what, help)?;
        let number = |of: fn(&raw::NamedMember) -> &Option<At<u32>>, default| {
            let written = named.and_then(|named| of(named).as_deref().copied());
            written.unwrap_or(default)
        };
        let ratio = number(|named| &named.ratio, RATIO);
        let priority = number(|named| &named.priority, PRIORITY);
        let limits = limits(
            named.and_then(|named| named.connections.as_ref()),
            named.and_then(|named| named.connection_rate.as_ref()),
        );
        match endpoint.host {
            Host::Address(ip) => fixed.push(MemberPlan {
                name,
                address: SocketAddr::new(ip, port),
                host: None,
                written: None,
                ratio,
                priority,
                limits,
            }),
            Host::Name(host) => hosts.push(HostPlan {
                name,
                host,
                port,
                after: fixed.len(),
                ratio,
                priority,
                limits,
            }),
        }
        Ok(())
    }));
    read.map(|_| (fixed, hosts, found))
}

fn once<K: Hash + Eq>(
    check: &mut Check<'_>,
    seen: &mut HashMap<K, Range<usize>>,
    key: K,
    span: Range<usize>,
    message: String,
    help: &str,
) -> Result<(), Reported> {
    match seen.insert(key, span.clone()) {
        None => Ok(()),
        Some(first) => Err(check
            .report
            .error(Diagnostic::new(span, message, help).also(first, "first written here"))),
    }
}
