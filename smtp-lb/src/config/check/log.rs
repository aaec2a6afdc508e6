//! `[log]`: destinations, publishers and profiles.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::names::Sections;
use super::{Check, Checked, all, disk, format, transport};
use crate::config::diagnostic::{Diagnostic, Reported, quote};
use crate::config::plan::{
    DestinationId, DestinationKind, DestinationPlan, Format, Framing, LogPlan, LogProfilePlan,
    Overflow, ProfileId, PublisherId, PublisherPlan, Transport,
};
use crate::config::raw::{self, At};
use crate::config::value;
use crate::config::value::endpoint::{self, Host};

const BUS_CAPACITY: usize = 65_536;
const QUEUE: usize = 10_000;
/// Port of syslog over UDP (RFC 5426), proposed where none is written.
const SYSLOG_PORT: u16 = 514;
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
    let destinations = all(raw
        .destination
        .iter()
        .map(|raw| destination(check, sections, profiles, &mut taken, raw, state)));
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
        })
    }));
    let system_profile = sections
        .profiles
        .find_any(check, raw.system_profile.as_ref());
    Ok(LogPlan {
        destinations: destinations?,
        publishers: publishers?,
        profiles: profiles?,
        system_profile: system_profile?.map(ProfileId),
        bus_capacity: raw.bus_capacity.as_deref().copied().unwrap_or(BUS_CAPACITY),
    })
}

fn destination(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    taken: &mut Taken,
    raw: &raw::Destination,
    state: Option<&Path>,
) -> Checked<DestinationPlan> {
    let name = check.name(raw.name.as_ref());
    let written = check.must(raw.kind.as_ref())?;
    let format = format::compile(check, raw, **written);
    let kind = match **written {
        raw::DestinationKind::File => file(check, taken, raw, written),
        raw::DestinationKind::Syslog => {
            let framing = match format {
                Ok(Format::BigIp(_) | Format::Splunk | Format::Json) => Framing::Newline,
                _ => Framing::OctetCounting,
            };
            let transport = transport::compile(check, sections, profiles, raw, framing);
            syslog(check, raw, written, transport)
        }
    };
    let queue = raw.queue.as_deref().copied().unwrap_or(QUEUE);
    let disk = disk::compile(check, raw, state);
    Ok(DestinationPlan {
        name: name?,
        kind: kind?,
        format: format?,
        queue,
        overflow: match raw.overflow.as_deref() {
            Some(raw::Overflow::Oldest) => Overflow::Oldest,
            _ => Overflow::Newest,
        },
        disk: disk?,
    })
}

fn file(
    check: &mut Check<'_>,
    taken: &mut Taken,
    raw: &raw::Destination,
    kind: &At<raw::DestinationKind>,
) -> Checked<DestinationKind> {
    let strange = [
        foreign(check, "address", "file", raw.address.as_ref()),
        foreign(check, "transport", "file", raw.transport.as_ref()),
        foreign(check, "framing", "file", raw.framing.as_ref()),
        foreign(check, "server_tls", "file", raw.server_tls.as_ref()),
        foreign(check, "facility", "file", raw.facility.as_ref()),
        foreign(check, "source", "file", raw.source.as_ref()),
    ];
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
    strange.into_iter().collect::<Checked<()>>()?;
    Ok(DestinationKind::File { path })
}

fn syslog(
    check: &mut Check<'_>,
    raw: &raw::Destination,
    kind: &At<raw::DestinationKind>,
    transport: Checked<Transport>,
) -> Checked<DestinationKind> {
    let strange = foreign(check, "path", "syslog", raw.path.as_ref());
    let source = raw
        .source
        .as_ref()
        .map(|text| {
            check
                .value(text, value::endpoint::parse_address)
                .map(|ip| (text, ip))
        })
        .transpose();
    let Some(text) = &raw.address else {
        check.whole(raw.name.as_ref())?;
        return Err(lacks(check, kind, "syslog", "address = \"10.9.0.2:514\""));
    };
    let family = source.ok().flatten().map(|(_, ip)| ip.is_ipv4());
    let address = check.remote(&text.span(), text, SYSLOG_PORT, |address| {
        family.is_none_or(|v4| v4 == address.is_ipv4())
    });
    let (source, address) = (source?, address?);
    if let Some((text, ip)) = source
        && ip.is_ipv4() != address.is_ipv4()
    {
        return Err(check.error(
            text,
            format!("{address} cannot be reached from {ip}: one is IPv4, the other IPv6"),
            "write both of one family",
        ));
    }
    strange?;
    let host = match endpoint::parse(text, SYSLOG_PORT).map(|endpoint| endpoint.host) {
        Ok(Host::Name(host)) => Some(host),
        _ => None,
    };
    Ok(DestinationKind::Syslog {
        address,
        host,
        transport: transport?,
        // The words stand in the order of their numbers.
        facility: raw
            .facility
            .as_deref()
            .map_or(FACILITY, |facility| *facility as u8),
        source: source.map(|(_, ip)| ip),
    })
}

/// A key that belongs to another type of destination.
fn foreign<T>(
    check: &mut Check<'_>,
    key: &str,
    kind: &str,
    value: Option<&At<T>>,
) -> Result<(), Reported> {
    let Some(value) = value else { return Ok(()) };
    let message = format!("`{key}` means nothing to a destination of type `{kind}`");
    Err(check.error(value, message, format!("leave `{key}` out")))
}

fn lacks<T>(check: &mut Check<'_>, kind: &At<T>, name: &str, line: &str) -> Reported {
    let key = line.split(' ').next().unwrap_or_default();
    let message = format!("a destination of type `{name}` needs `{key}`");
    check.error(kind, message, format!("add `{line}`"))
}
