//! `smtp-lb status`.

use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::output::{Output, duration, moment, table};
use super::{change, escape, pool};
use crate::admin::api::{
    FirewallStatus, LogStatus, Phase, PoolStatus, Status, SynProtectionStatus, TlsStatus,
    VirtualServerStatus,
};
use crate::firewall::{EventCounts, InForce};

pub(super) fn status(socket: &Path, out: Output) -> Result<(), CliError> {
    let status = ask(socket, |client| async move { client.status().await })?;
    out.show(&status, text)
}

fn text(status: &Status) -> String {
    let phase = match status.phase {
        Phase::Running => "running",
        Phase::Draining => "draining",
    };
    let head = format!(
        "smtp-lb {} {phase}, pid {}, up {}, {} workers\nconfiguration {}\n",
        escape::line(&status.version),
        status.pid,
        duration(status.uptime_seconds),
        status.workers,
        escape::line(&status.config),
    );
    let parts = [
        head,
        firewall(&status.firewall),
        virtual_servers(&status.virtual_servers),
        gateways(&status.virtual_servers),
        snat(&status.virtual_servers),
        headers(&status.virtual_servers),
        pool::pools(&status.pools),
        members(&status.pools),
        tls(&status.tls),
        log(&status.log),
    ];
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
}

fn firewall(firewall: &FirewallStatus) -> String {
    let mut text = format!(
        "firewall mode {}, enforcement {}, in force {}\n",
        escape::line(&firewall.mode),
        escape::line(&firewall.enforcement),
        in_force(firewall.in_force),
    );
    text.push_str(&change::status_text(firewall.applied.as_ref()));
    for warning in &firewall.warnings {
        text.push_str("warning: ");
        text.push_str(&escape::line(warning));
        text.push('\n');
    }
    if let Some(events) = firewall.events {
        text.push_str(&event_counts(events));
    }
    text.push_str(&syn_protection(&firewall.syn_protection));
    text + &table(
        &["INTERFACE", "IN FORCE"],
        firewall
            .interfaces
            .iter()
            .map(|i| vec![i.name.clone(), in_force(i.mode).to_owned()]),
    )
}

/// Whose SYNs are answered by cookies, since when and by which mark; nothing where nobody's are to be.
pub(super) fn syn_protection(servers: &[SynProtectionStatus]) -> String {
    let headings = [
        "SYN PROTECTION OF",
        "MODE",
        "NOW",
        "SINCE",
        "BY",
        "#COOKIES",
        "#ACCEPT QUEUE %",
    ];
    table(
        &headings,
        servers.iter().map(|server| {
            vec![
                server.virtual_server.clone(),
                server.mode.clone(),
                if server.on { "on" } else { "off" }.to_owned(),
                server.since.map_or_else(String::new, moment),
                server.by.join(", "),
                server.cookies.to_string(),
                server
                    .accept_queue
                    .map_or_else(String::new, |percent| percent.to_string()),
            ]
        }),
    )
}

/// One line of what became of the events that rules asked for.
pub(super) fn event_counts(events: EventCounts) -> String {
    format!(
        "events of rules: asked {}, sent {}, rate-limited {}, ring full {}\n",
        events.asked, events.sent, events.rate_limited, events.ring_full
    )
}

fn in_force(mode: InForce) -> &'static str {
    match mode {
        InForce::XdpNative => "xdp-native",
        InForce::XdpGeneric => "xdp-generic",
        InForce::Userspace => "userspace",
        InForce::Off => "off",
    }
}

fn virtual_servers(servers: &[VirtualServerStatus]) -> String {
    let headings = [
        "VIRTUAL SERVER",
        "LISTEN",
        "POOL",
        "#ACTIVE",
        "#TOTAL",
        "#REFUSED",
        "#NO MEMBER",
        "#TLS FAILED",
        "#TIMED OUT",
        "#RESET",
        "#CUT",
        "#BYTES IN",
        "#BYTES OUT",
    ];
    table(
        &headings,
        servers.iter().map(|server| {
            vec![
                server.name.clone(),
                server.listen.join(","),
                server.pool.clone(),
                server.active.to_string(),
                server.total.to_string(),
                server
                    .refused_by_limit
                    .saturating_add(server.refused_by_filter)
                    .to_string(),
                server.no_member.to_string(),
                server
                    .handshake_failures
                    .saturating_add(server.member_handshake_failures)
                    .to_string(),
                server.timeouts.to_string(),
                server.resets.to_string(),
                server.cut.to_string(),
                server.bytes_in.to_string(),
                server.bytes_out.to_string(),
            ]
        }),
    )
}

/// Ports of SNAT pools, where there are any.
fn snat(servers: &[VirtualServerStatus]) -> String {
    let headings = ["SNAT OF", "ADDRESS", "MEMBER", "#USED", "#OF", "#EXHAUSTED"];
    table(
        &headings,
        servers.iter().flat_map(|server| {
            server.snat_ports.iter().map(|ports| {
                vec![
                    server.name.clone(),
                    ports.address.clone(),
                    ports.member.clone(),
                    ports.used.to_string(),
                    ports.capacity.to_string(),
                    ports.exhausted.to_string(),
                ]
            })
        }),
    )
}

/// Connections that were closed for want of a PROXY header.
fn headers(servers: &[VirtualServerStatus]) -> String {
    let headings = [
        "PROXY HEADERS OF",
        "#UNTRUSTED",
        "#MALFORMED",
        "#CHECKSUM",
        "#TIMEOUTS",
        "#ENDED",
    ];
    table(
        &headings,
        servers.iter().filter_map(|server| {
            let headers = server.headers?;
            Some(vec![
                server.name.clone(),
                headers.untrusted.to_string(),
                headers.malformed.to_string(),
                headers.checksum.to_string(),
                headers.timeouts.to_string(),
                headers.ended.to_string(),
            ])
        }),
    )
}

/// What became of messages, where SMTP is read.
fn gateways(servers: &[VirtualServerStatus]) -> String {
    let headings = [
        "GATEWAY",
        "#ACCEPTED",
        "#REFUSED",
        "#LOST",
        "#REPLAYED",
        "#STARTTLS",
        "#SMUGGLING",
        "#BAD COMMANDS",
        "#MEMBER FAULTS",
        "#SLOW",
    ];
    let read = servers
        .iter()
        .filter_map(|server| Some((&server.name, server.gateway.as_ref()?)));
    table(
        &headings,
        read.map(|(name, gateway)| {
            let member_faults = gateway
                .member_faults
                .saturating_add(gateway.member_timeouts)
                .saturating_add(gateway.injections)
                .saturating_add(gateway.members_unfit)
                .saturating_add(gateway.greetings_refused);
            vec![
                name.clone(),
                gateway.messages_accepted.to_string(),
                gateway.messages_refused.to_string(),
                gateway.messages_lost.to_string(),
                gateway.replayed.to_string(),
                gateway.starttls.to_string(),
                gateway.line_endings.to_string(),
                gateway.bad_commands.to_string(),
                member_faults.to_string(),
                gateway.client_timeouts.to_string(),
            ]
        }),
    )
}

fn members(pools: &[PoolStatus]) -> String {
    let headings = [
        "POOL",
        "MEMBER",
        "ADDRESS",
        "STATE",
        "OPERATOR",
        "#PRIORITY",
        "#RATIO",
        "#RAMP %",
        "#ACTIVE",
        "#CONNECTED",
        "#TOTAL",
        "#FAILED",
        "#GREETS MS",
        "SINCE",
        "REASON",
    ];
    table(
        &headings,
        pools.iter().flat_map(|pool| {
            pool.members.iter().map(|member| {
                let greets = member.greeting_micros.map(|micros| micros.div_ceil(1000));
                vec![
                    pool.name.clone(),
                    member.name.clone(),
                    member.address.clone(),
                    member.state.clone(),
                    pool::administration(member),
                    member.priority.to_string(),
                    member.ratio.to_string(),
                    member.ramp.to_string(),
                    member.active.to_string(),
                    member.connections.to_string(),
                    member.total.to_string(),
                    member.connect_failures.to_string(),
                    greets.map(|it| it.to_string()).unwrap_or_default(),
                    moment(member.since),
                    member.reason.clone(),
                ]
            })
        }),
    )
}

fn tls(profiles: &[TlsStatus]) -> String {
    let mut text = String::new();
    for profile in profiles {
        let title = format!("{} \"{}\"", profile.kind, profile.name);
        if profile.verify.as_deref() == Some("none") {
            let warning = format!("warning: {title}: members are not verified\n");
            text.push_str(&escape::lines(&warning));
        }
        if let Some(failure) = &profile.failure {
            let warning = format!("{title}: changed files are not in force: {failure}");
            text.push_str("warning: ");
            text.push_str(&escape::line(&warning));
            text.push('\n');
        }
    }
    let headings = [
        "TLS PROFILE",
        "SIDE",
        "VERIFY",
        "CERTIFICATE",
        "NAMES",
        "EXPIRES",
        "#DAYS LEFT",
        "#FAILED RELOADS",
    ];
    text + &table(&headings, profiles.iter().flat_map(profile_rows))
}

/// One row to a certificate, and one to a profile without any.
fn profile_rows(profile: &TlsStatus) -> Vec<Vec<String>> {
    let side = profile.kind.trim_end_matches("_tls");
    let row = |certificate: [String; 4]| {
        let verify = profile.verify.clone().unwrap_or_default();
        let mut row = vec![profile.name.clone(), side.to_owned(), verify];
        row.extend(certificate);
        row.push(profile.reload_failures.to_string());
        row
    };
    if profile.certificates.is_empty() {
        return vec![row(Default::default())];
    }
    let certificates = profile.certificates.iter();
    certificates
        .map(|certificate| {
            let names = if certificate.names.is_empty() {
                certificate.subject.clone()
            } else {
                certificate.names.join(",")
            };
            row([
                certificate.file.clone(),
                names,
                moment(u64::try_from(certificate.expires).unwrap_or_default()),
                certificate.days_left.to_string(),
            ])
        })
        .collect()
}

fn log(log: &LogStatus) -> String {
    format!(
        "events {}, lost on the bus {}, asked for by no log profile {}\n",
        log.emitted, log.lost, log.unasked
    ) + &table(
        &[
            "DESTINATION",
            "KIND",
            "TARGET",
            "STATE",
            "#SENT",
            "#LOST",
            "#QUEUED",
            "LAST ERROR",
        ],
        log.destinations.iter().map(|destination| {
            vec![
                destination.name.clone(),
                destination.kind.clone(),
                destination.target.clone(),
                destination.state.clone(),
                destination.sent.to_string(),
                destination.lost.to_string(),
                destination.queued.to_string(),
                destination.last_error.clone().unwrap_or_default(),
            ]
        }),
    )
}
