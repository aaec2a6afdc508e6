//! `[log]`: destinations, publishers and profiles.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::names::Sections;
use super::{Check, Checked, all, collectors, disk, format, layout, transport};
use crate::config::diagnostic::{Diagnostic, Reported, quote};
use crate::config::plan::{
    ClassRates, CollectorsPlan, DestinationId, DestinationKind, DestinationPlan, Format, Framing,
    LogPlan, LogProfilePlan, Overflow, ProfileId, PublisherId, PublisherPlan, RotatePlan,
    ServerTlsId, Sessions,
};
use crate::config::raw::{self, At};
use crate::config::value;
use crate::config::value::{duration, size};

const BUS_CAPACITY: usize = 65_536;
const QUEUE: usize = 10_000;
/// Port of syslog over UDP (RFC 5426), proposed where none is written.
const SYSLOG_PORT: u16 = 514;
/// Port of Splunk's HTTP event collector.
const HEC_PORT: u16 = 8088;
/// Where the journal listens.
const JOURNAL: &str = "/run/systemd/journal/socket";
const ROTATE_SIZE: u64 = 100 << 20;
const ROTATE_SIZES: RangeInclusive<u64> = 1 << 10..=1 << 40;
const ROTATE_AGES: RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(365 * 24);
const ROTATE_KEEP: u32 = 7;
/// `local0`.
const FACILITY: u8 = 16;

/// Where each file was first written to.
type Taken = HashMap<PathBuf, Range<usize>>;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Log,
    state: Option<&Path>,
) -> Checked<LogPlan> {
    let mut taken = Taken::new();
    let pools = collectors::pools(check, raw, SYSLOG_PORT);
    let around = Around {
        sections,
        profiles,
        pools: &pools,
        state,
    };
    let own: Vec<_> = raw
        .destination
        .iter()
        .map(|raw| destination(check, &around, &mut taken, raw))
        .collect();
    let mut pairs = raw.destination.iter().zip(&own);
    let destinations = all(pairs.by_ref().map(|(raw, made)| match made.clone()? {
        Made::Whole(plan) => Ok(plan),
        Made::Forward(plan) => forward(check, sections, raw, &own, plan),
    }));
    let broken = pools.into_iter().try_for_each(|pool| pool.map(drop));
    let publishers = all(raw.publisher.iter().map(|raw| {
        let name = check.name(raw.name.as_ref());
        let destinations = check
            .must(raw.destinations.as_ref())
            .and_then(|names| sections.destinations.find_each(check, names));
        Ok(PublisherPlan {
            name: name?,
            destinations: destinations?.into_iter().map(DestinationId).collect(),
        })
    }));
    let profiles = all(raw.profile.iter().map(|raw| {
        let name = check.name(raw.name.as_ref());
        let publisher = check
            .must(raw.publisher.as_ref())
            .and_then(|publisher| sections.publishers.find(check, publisher));
        Ok(LogProfilePlan {
            name: name?,
            publisher: PublisherId(publisher?),
            accept: raw.accept.unwrap_or(true),
            drop: raw.drop.unwrap_or(true),
            reject: raw.reject.or(raw.drop).unwrap_or(true),
            staged: raw.staged.unwrap_or(true),
            reputation: raw.reputation.unwrap_or(true),
            sessions: match raw.sessions.as_deref() {
                Some(raw::Sessions::Close) => Sessions::Close,
                Some(raw::Sessions::All) => Sessions::All,
                None | Some(raw::Sessions::None) => Sessions::None,
            },
            violations: raw.violations.unwrap_or(true),
            sample: raw.sample.as_deref().copied().unwrap_or(1),
            rate: raw.rate.as_deref().copied(),
            rates: rates(raw),
        })
    }));
    let lists = all(raw.profile.iter().map(|raw| layout::list(check, raw)));
    let system_profile = sections
        .profiles
        .find_any(check, raw.system_profile.as_ref());
    broken?;
    let (mut destinations, publishers) = (destinations?, publishers?);
    let profiles = profiles?.into_iter().zip(lists?);
    let profiles = layout::give(check, raw, &mut destinations, &publishers, profiles)?;
    Ok(LogPlan {
        destinations,
        publishers,
        profiles,
        system_profile: system_profile?.map(ProfileId),
        bus_capacity: raw.bus_capacity.as_deref().copied().unwrap_or(BUS_CAPACITY),
    })
}

/// What each class may have: its own rate, or that of all classes.
fn rates(raw: &raw::LogProfile) -> ClassRates {
    let none = raw::ClassRates::default();
    let own = raw.rates.as_ref().unwrap_or(&none);
    let rate = |own: &Option<At<u32>>| own.as_ref().or(raw.class_rate.as_ref()).map(|it| **it);
    ClassRates {
        accept: rate(&own.accept),
        drop: rate(&own.drop),
        reject: rate(&own.reject),
        staged: rate(&own.staged),
        reputation: rate(&own.reputation),
        session: rate(&own.session),
        violation: rate(&own.violation),
        other: rate(&own.other),
    }
}

/// What destinations are compiled with.
struct Around<'a> {
    sections: &'a Sections,
    profiles: &'a [raw::ServerTls],
    pools: &'a [Checked<CollectorsPlan>],
    state: Option<&'a Path>,
}

/// A destination, or one that lacks the way of another.
#[derive(Clone)]
enum Made {
    Whole(DestinationPlan),
    Forward(DestinationPlan),
}

fn destination(
    check: &mut Check<'_>,
    around: &Around<'_>,
    taken: &mut Taken,
    raw: &raw::Destination,
) -> Checked<Made> {
    let name = check.name(raw.name.as_ref());
    let written = check.must(raw.kind.as_ref())?;
    let format = format::compile(check, raw, **written);
    let kind = match **written {
        raw::DestinationKind::File => file(check, taken, raw, written),
        raw::DestinationKind::Syslog => syslog(check, around, raw, written, format.as_ref().ok()),
        raw::DestinationKind::Hec => hec(check, around, raw, written),
        raw::DestinationKind::Journald => strange(check, raw, "journald", &["path"])
            .and_then(|()| {
                check.value_or(raw.path.as_ref(), JOURNAL.into(), value::text::socket_path)
            })
            .map(|path| DestinationKind::Journald { path }),
        // Until the way is known.
        raw::DestinationKind::Forward => {
            strange(check, raw, "forward", &["forward_to"]).map(|()| DestinationKind::Journald {
                path: PathBuf::new(),
            })
        }
    };
    let queue = raw.queue.as_deref().copied().unwrap_or(QUEUE);
    let disk = disk::compile(check, raw, around.state);
    let plan = DestinationPlan {
        name: name?,
        kind: kind?,
        format: format?,
        queue,
        overflow: match raw.overflow.as_deref() {
            Some(raw::Overflow::Oldest) => Overflow::Oldest,
            _ => Overflow::Newest,
        },
        disk: disk?,
    };
    Ok(match **written {
        raw::DestinationKind::Forward => Made::Forward(plan),
        _ => Made::Whole(plan),
    })
}

/// Gives a destination the way of another one.
fn forward(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Destination,
    made: &[Checked<Made>],
    plan: DestinationPlan,
) -> Checked<DestinationPlan> {
    let Some(name) = &raw.forward_to else {
        check.whole(raw.name.as_ref())?;
        let kind = check.must(raw.kind.as_ref())?;
        return Err(lacks(check, kind, "forward", "forward_to = \"NAME\""));
    };
    let target = sections.destinations.find(check, name)?;
    match check.must(made.get(target))?.clone()? {
        Made::Whole(DestinationPlan {
            kind: kind @ DestinationKind::Syslog { .. },
            ..
        }) => Ok(DestinationPlan { kind, ..plan }),
        _ => Err(check.error(
            name,
            format!("{} is no destination of type `syslog`", quote(name)),
            "forward to one that has a transport of its own",
        )),
    }
}

fn file(
    check: &mut Check<'_>,
    taken: &mut Taken,
    raw: &raw::Destination,
    kind: &At<raw::DestinationKind>,
) -> Checked<DestinationKind> {
    let strange = strange(check, raw, "file", &["path", "rotate"]);
    let rotate = raw
        .rotate
        .as_ref()
        .map(|raw| rotate(check, raw))
        .transpose();
    let Some(text) = &raw.path else {
        check.whole(raw.name.as_ref())?;
        return Err(lacks(
            check,
            kind,
            "file",
            "path = \"/var/log/smtp-lb/events.json\"",
        ));
    };
    let path = check.value(text, value::text::path)?;
    if let Some(first) = taken.insert(path.clone(), text.span()) {
        let message = format!("{} is written to twice", quote(text));
        let help = "write another path, or name the one destination in both publishers";
        return Err(check
            .report
            .error(Diagnostic::new(text.span(), message, help).also(first, "first written here")));
    }
    strange?;
    Ok(DestinationKind::File {
        path,
        rotate: rotate?,
    })
}

fn rotate(check: &mut Check<'_>, raw: &raw::Rotate) -> Checked<RotatePlan> {
    let size = check.value_or(raw.size.as_ref(), ROTATE_SIZE, |text| {
        size::parse(text, &ROTATE_SIZES)
    });
    let age = check.value_or(raw.age.as_ref(), None, |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &ROTATE_AGES).map(Some),
    });
    Ok(RotatePlan {
        size: size?,
        age: age?,
        keep: raw.keep.as_deref().copied().unwrap_or(ROTATE_KEEP),
    })
}

fn syslog(
    check: &mut Check<'_>,
    around: &Around<'_>,
    raw: &raw::Destination,
    kind: &At<raw::DestinationKind>,
    format: Option<&Format>,
) -> Checked<DestinationKind> {
    let framing = match format {
        Some(Format::BigIp(_) | Format::Splunk | Format::Json) => Framing::Newline,
        _ => Framing::OctetCounting,
    };
    let transport = transport::compile(check, around.sections, around.profiles, raw, framing);
    let allowed = [
        "address",
        "pool",
        "transport",
        "framing",
        "server_tls",
        "facility",
        "source",
    ];
    let strange = strange(check, raw, "syslog", &allowed);
    let source = raw
        .source
        .as_ref()
        .map(|text| {
            check
                .value(text, value::endpoint::parse_address)
                .map(|ip| (text, ip))
        })
        .transpose();
    let family = source
        .as_ref()
        .ok()
        .copied()
        .flatten()
        .map(|(_, ip)| ip.is_ipv4());
    let about = (SYSLOG_PORT, family);
    let Some(collectors) = collectors::of(check, around.sections, around.pools, raw, about) else {
        check.whole(raw.name.as_ref())?;
        return Err(lacks(check, kind, "syslog", "address = \"10.9.0.2:514\""));
    };
    let (source, collectors) = (source?, collectors?);
    if let Some((text, ip)) = source
        && let Some(other) = collectors
            .members
            .iter()
            .find(|it| it.address.is_ipv4() != ip.is_ipv4())
    {
        return Err(check.error(
            text,
            format!(
                "{} cannot be reached from {ip}: one is IPv4, the other IPv6",
                other.address
            ),
            "write both of one family",
        ));
    }
    strange?;
    Ok(DestinationKind::Syslog {
        collectors,
        transport: transport?,
        // The words stand in the order of their numbers.
        facility: raw
            .facility
            .as_deref()
            .map_or(FACILITY, |facility| *facility as u8),
        source: source.map(|(_, ip)| ip),
    })
}

fn hec(
    check: &mut Check<'_>,
    around: &Around<'_>,
    raw: &raw::Destination,
    kind: &At<raw::DestinationKind>,
) -> Checked<DestinationKind> {
    let allowed = ["address", "pool", "server_tls", "token", "acknowledge"];
    let strange = strange(check, raw, "hec", &allowed);
    let tls = around
        .sections
        .server_tls
        .find_any(check, raw.server_tls.as_ref());
    let about = (HEC_PORT, None);
    let collectors = collectors::of(check, around.sections, around.pools, raw, about);
    let (Some(collectors), Some(token)) = (collectors, &raw.token) else {
        check.whole(raw.name.as_ref())?;
        let line = if raw.token.is_none() {
            "token = \"file:/etc/smtp-lb/hec.token\""
        } else {
            "address = \"splunk.example.org:8088\""
        };
        return Err(lacks(check, kind, "hec", line));
    };
    let token = check.value(token, |text| {
        value::secret::parse(text, "/etc/smtp-lb/hec.token")
    });
    strange?;
    Ok(DestinationKind::Hec {
        collectors: collectors?,
        tls: tls?.map(ServerTlsId),
        token: token?,
        acknowledge: raw.acknowledge.as_deref().copied().unwrap_or(true),
    })
}

/// Keys that belong to other types of destinations.
fn strange(
    check: &mut Check<'_>,
    raw: &raw::Destination,
    kind: &str,
    allowed: &[&str],
) -> Checked<()> {
    let span = |written: Option<Range<usize>>| written;
    let keys = [
        ("address", span(raw.address.as_ref().map(At::span))),
        ("pool", raw.pool.as_ref().map(At::span)),
        ("transport", raw.transport.as_ref().map(At::span)),
        ("framing", raw.framing.as_ref().map(At::span)),
        ("server_tls", raw.server_tls.as_ref().map(At::span)),
        ("facility", raw.facility.as_ref().map(At::span)),
        ("source", raw.source.as_ref().map(At::span)),
        ("path", raw.path.as_ref().map(At::span)),
        ("rotate", raw.rotate.as_ref().map(At::span)),
        ("token", raw.token.as_ref().map(At::span)),
        ("acknowledge", raw.acknowledge.as_ref().map(At::span)),
        ("forward_to", raw.forward_to.as_ref().map(At::span)),
    ];
    let foreign = keys.into_iter().filter(|(key, _)| !allowed.contains(key));
    let told: Vec<_> = foreign
        .filter_map(|(key, place)| {
            let message = format!("`{key}` means nothing to a destination of type `{kind}`");
            let help = format!("leave `{key}` out");
            Some(Err(check
                .report
                .error(Diagnostic::new(place?, message, help))))
        })
        .collect();
    told.into_iter().collect()
}

fn lacks<T>(check: &mut Check<'_>, kind: &At<T>, name: &str, line: &str) -> Reported {
    let key = line.split(' ').next().unwrap_or_default();
    let message = format!("a destination of type `{name}` needs `{key}`");
    check.error(kind, message, format!("add `{line}`"))
}
