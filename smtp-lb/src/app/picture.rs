//! What the parts say of themselves, in the words of the control API.

mod diff;
mod firewall;
mod staged;

use serde::Serialize;

pub(crate) use diff::diff;
pub(crate) use firewall::{firewall, list};
pub(crate) use staged::staged;

use crate::admin::api::{
    CertificateStatus, DestinationStatus, LogStatus, MemberStatus, MonitorStatus, PoolEvent,
    PoolStatus, SnatPorts, TlsStatus, VirtualServerStatus,
};
use crate::config::Diagnostics;
use crate::config::plan::Plan;
use crate::event::model::{Kind, MemberEvent};
use crate::firewall::EventCounts;
use crate::pool::{Member, Pool, Pools};
use crate::{event, health, pool, proxy, tls};

/// Each warning on a line of its own.
pub(crate) fn warnings(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics
        .iter()
        .map(|w| {
            format!(
                "{}:{}:{}: {} ({})",
                w.file, w.line, w.column, w.message, w.help
            )
        })
        .collect()
}

/// Virtual servers with what the proxy counts.
pub(super) fn virtual_servers(plan: &Plan, status: proxy::ProxyStatus) -> Vec<VirtualServerStatus> {
    status
        .virtual_servers
        .into_iter()
        .map(|server| {
            let planned = plan
                .virtual_servers
                .iter()
                .find(|planned| planned.name == server.name);
            let pool = planned.and_then(|planned| plan.pools.get(planned.pool.0));
            VirtualServerStatus {
                name: server.name,
                listen: server.listen.iter().map(ToString::to_string).collect(),
                pool: pool.map(|pool| pool.name.clone()).unwrap_or_default(),
                active: server.active as u64,
                total: server.total,
                refused_by_limit: server.refused_by_limit,
                refused_by_filter: server.refused_by_filter,
                headers: server.headers,
                no_member: server.no_member,
                connect_failures: server.connect_failures,
                snat_exhausted: server.snat_exhausted,
                snat: server.snat.to_owned(),
                snat_ports: server.snat_ports.iter().map(snat_ports).collect(),
                handshake_failures: server.handshake_failures,
                member_handshake_failures: server.member_handshake_failures,
                accept_errors: server.accept_errors,
                timeouts: server.timeouts,
                resets: server.resets,
                cut: server.cut,
                panics: server.panics,
                bytes_in: server.bytes_in,
                bytes_out: server.bytes_out,
                gateway: server.gateway,
            }
        })
        .collect()
}

fn snat_ports(ports: &proxy::SnatPorts) -> SnatPorts {
    SnatPorts {
        address: ports.address.to_string(),
        member: ports.member.to_string(),
        used: ports.used as u64,
        capacity: ports.capacity as u64,
        exhausted: ports.exhausted,
    }
}

/// Whom nobody watches, and who is no member any more, has none.
fn monitors(
    pool: &str,
    member: &pool::MemberStatus,
    health: &[health::MemberStatus],
) -> Vec<MonitorStatus> {
    let of = health.iter().find(|watched| {
        *watched.pool == *pool
            && *watched.member == *member.name
            && watched.address == member.address
    });
    let monitors = of.filter(|_| !member.gone).into_iter();
    let monitors = monitors.flat_map(|watched| &watched.monitors);
    monitors
        .map(|monitor| MonitorStatus {
            monitor: monitor.monitor.clone(),
            state: word(&monitor.state),
            since: monitor.since.clone(),
            held: monitor.held,
            probes: monitor.probes,
            failures: monitor.failures,
            last_result: monitor.last_result.clone(),
        })
        .collect()
}

/// Pools and members.
pub(super) fn pools(
    pools: Vec<pool::PoolStatus>,
    health: &[health::MemberStatus],
) -> Vec<PoolStatus> {
    let member = |pool: &str, member: pool::MemberStatus| MemberStatus {
        monitors: monitors(pool, &member, health),
        name: member.name,
        address: member.address.to_string(),
        state: word(&member.state),
        since: member.since,
        reason: member.reason,
        administration: member.administration.word().to_owned(),
        administration_since: member.administration_since,
        drain_until: member.drain_until,
        gone: member.gone,
        limit: member.limit.map(|limit| limit as u64),
        rate: member.rate,
        ratio: member.ratio,
        priority: member.priority,
        ramp: member.ramp,
        greeting_micros: member.greeting_micros,
        connections: member.connections as u64,
        active: member.active as u64,
        total: member.sessions,
        connect_failures: member.connect_failures,
        refused_greetings: member.refused_greetings,
        faults: member.faults,
        bytes_in: member.bytes_in,
        bytes_out: member.bytes_out,
    };
    pools
        .into_iter()
        .map(|pool| PoolStatus {
            balance: pool.balance.to_owned(),
            monitored: pool.monitored,
            min_active: pool.min_active as u64,
            limit: pool.limit.map(|limit| limit as u64),
            rate: pool.rate,
            queue_length: pool.queue_length.map(|length| length as u64),
            queue_wait_millis: pool.queue_wait_millis,
            waiting: pool.waiting as u64,
            queued: pool.queued,
            refused: pool.refused,
            members: {
                let members = pool.members.into_iter();
                members.map(|it| member(&pool.name, it)).collect()
            },
            name: pool.name,
        })
        .collect()
}

/// A change of a member.
pub(super) fn pool_event(event: event::model::Event) -> Option<PoolEvent> {
    let time = event::format::time(event.time_ns).to_string();
    Some(match event.kind {
        Kind::Health(health) => PoolEvent {
            time,
            pool: health.pool.to_string(),
            member: health.member.to_string(),
            change: if health.up { "up" } else { "down" }.to_owned(),
            reason: health.reason,
            monitor: health.monitor.to_string(),
            by: String::new(),
        },
        Kind::Member(member) => PoolEvent {
            time,
            pool: member.pool.to_string(),
            member: member.member.to_string(),
            change: member.change.to_owned(),
            reason: member.reason,
            monitor: String::new(),
            by: member.by,
        },
        _ => return None,
    })
}

/// What a change of addresses did, as events.
pub(crate) fn moved(before: &Pools, after: &Pools, mut tell: impl FnMut(Kind)) {
    let mut event = |pool: &Pool, member: &Member, change, reason: &str| {
        tracing::info!(
            pool = pool.name(),
            member = member.name(),
            "member {change}: {reason}"
        );
        tell(Kind::Member(MemberEvent {
            pool: pool.name().into(),
            member: member.name().into(),
            change,
            reason: reason.to_owned(),
            by: String::new(),
        }));
    };
    let has = |pools: &Pools, pool: &Pool, member: &Member| {
        let same = pools.by_name(pool.name());
        same.is_some_and(|pool| {
            pool.members()
                .iter()
                .any(|it| std::ptr::eq(&raw const **it, member))
        })
    };
    for pool in after.iter() {
        for member in pool.members() {
            if !has(before, pool, member) {
                event(pool, member, "added", "its name has this address now");
            }
        }
    }
    for pool in before.iter() {
        for member in pool.members() {
            if !has(after, pool, member) {
                event(pool, member, "removed", "its name has this address no more");
            }
        }
    }
}

/// TLS profiles.
pub(super) fn tls(profiles: Vec<tls::ProfileStatus>) -> Vec<TlsStatus> {
    let certificate = |certificate: tls::CertificateStatus| CertificateStatus {
        file: certificate.file,
        subject: certificate.subject,
        names: certificate.names,
        expires: certificate.expires,
        days_left: certificate.days_left,
    };
    profiles
        .into_iter()
        .map(|profile| TlsStatus {
            kind: profile.kind.to_owned(),
            name: profile.name,
            verify: profile.verify.map(str::to_owned),
            certificates: profile.certificates.into_iter().map(certificate).collect(),
            reload_failures: profile.reload_failures,
            failure: profile.failure,
        })
        .collect()
}

/// What became of events before the bus.
pub(super) fn ring(events: EventCounts) -> event::RingStatus {
    event::RingStatus {
        asked: events.asked,
        sent: events.sent,
        rate_limited: events.rate_limited,
        lost: events.ring_full,
    }
}

/// The event pipeline.
pub(super) fn log(status: event::LogStatus) -> LogStatus {
    let destination = |destination: event::DestinationStatus| DestinationStatus {
        state: word(&destination.state),
        name: destination.name,
        kind: destination.kind,
        target: destination.target,
        sent: destination.sent,
        lost: destination.lost.total(),
        queued: destination.queued,
        last_error: destination.last_error,
    };
    LogStatus {
        emitted: status.bus.accepted.saturating_add(status.bus.lost),
        lost: status.bus.lost,
        unasked: status
            .publisher
            .filtered
            .saturating_add(status.publisher.suppressed)
            .saturating_add(status.publisher.unrouted),
        destinations: status.destinations.into_iter().map(destination).collect(),
    }
}

/// The word that an enum of unit variants is written as.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
