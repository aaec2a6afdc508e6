//! `[[monitor]]`.

mod smtp;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::names::Sections;
use super::{Check, Checked, all, virtual_server};
use crate::config::diagnostic::{Diagnostic, Reported, quote};
use crate::config::plan::{
    ExternalMonitorPlan, InbandMonitorPlan, MonitorKind, MonitorPlan, Setting,
};
use crate::config::raw::{self, At};
use crate::config::value;
use crate::config::value::duration::show;

/// BIG-IP's defaults.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(91);
const FAILURES: u32 = 3;
const FAILURE_INTERVAL: Duration = Duration::from_secs(30);
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_hours(24);
const MAX_TIMEOUT: Duration = Duration::from_hours(7 * 24);
const RETRY: Duration = Duration::from_secs(30);
const RETRY_MAX: Duration = Duration::from_mins(5);
const MIN_RETRY: Duration = Duration::from_secs(1);

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Monitor,
) -> Checked<MonitorPlan> {
    let name = check.name(raw.name.as_ref());
    let timing = timing(check, raw);
    let kind = kind(check, sections, profiles, raw);
    let timing = timing?;
    Ok(MonitorPlan {
        name: name?,
        kind: kind?,
        send_proxy: raw
            .send_proxy
            .as_deref()
            .copied()
            .and_then(virtual_server::send_proxy),
        interval: timing.interval,
        timeout: timing.timeout,
        jitter: timing.jitter,
        rise: raw.rise.as_deref().copied().unwrap_or(1),
        fall: raw.fall.as_deref().copied(),
        manual_resume: raw.manual_resume.unwrap_or(false),
    })
}

struct Timing {
    interval: Duration,
    timeout: Duration,
    jitter: Duration,
}

fn timing(check: &mut Check<'_>, raw: &raw::Monitor) -> Checked<Timing> {
    let interval = check.duration_or(raw.interval.as_ref(), INTERVAL, MIN_INTERVAL..=MAX_INTERVAL);
    let timeout = check.duration_or(raw.timeout.as_ref(), TIMEOUT, MIN_INTERVAL..=MAX_TIMEOUT);
    let most = interval.unwrap_or(MAX_INTERVAL);
    let jitter = check.duration_or(raw.jitter.as_ref(), most / 20, Duration::ZERO..=most / 2);
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
    Ok(Timing {
        interval,
        timeout,
        jitter: jitter?,
    })
}

fn kind(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Monitor,
) -> Checked<MonitorKind> {
    let written = check.must(raw.kind.as_ref())?;
    let strange = strange(check, **written, raw);
    let source = source(check, raw);
    let kind = match **written {
        raw::MonitorKind::Tcp => MonitorKind::Tcp { source: source? },
        raw::MonitorKind::Icmp => MonitorKind::Icmp { source: source? },
        raw::MonitorKind::Smtp => {
            let smtp = smtp::compile(check, sections, profiles, raw);
            MonitorKind::Smtp(crate::config::plan::SmtpMonitorPlan {
                source: source?,
                ..smtp?
            })
        }
        raw::MonitorKind::External => MonitorKind::External(external(check, raw, written)?),
        raw::MonitorKind::Inband => MonitorKind::Inband(inband(check, raw)?),
    };
    strange?;
    Ok(kind)
}

fn source(check: &mut Check<'_>, raw: &raw::Monitor) -> Checked<Option<IpAddr>> {
    let source = raw.source.as_ref();
    source
        .map(|text| check.value(text, value::endpoint::parse_address))
        .transpose()
}

/// Keys that mean nothing to a monitor of this type.
fn strange(check: &mut Check<'_>, kind: raw::MonitorKind, raw: &raw::Monitor) -> Checked<()> {
    use raw::MonitorKind::{External, Icmp, Inband, Smtp, Tcp};
    fn span<T>(value: Option<&At<T>>) -> Option<std::ops::Range<usize>> {
        value.map(At::span)
    }
    let active = &[Tcp, Icmp, Smtp, External][..];
    let table = [
        ("interval", span(raw.interval.as_ref()), active),
        ("timeout", span(raw.timeout.as_ref()), active),
        ("jitter", span(raw.jitter.as_ref()), active),
        ("rise", span(raw.rise.as_ref()), active),
        ("fall", span(raw.fall.as_ref()), active),
        ("source", span(raw.source.as_ref()), &[Tcp, Icmp, Smtp]),
        ("send_proxy", span(raw.send_proxy.as_ref()), &[Tcp, Smtp]),
        ("domain", span(raw.domain.as_ref()), &[Smtp]),
        ("tls", span(raw.tls.as_ref()), &[Smtp]),
        ("server_tls", span(raw.server_tls.as_ref()), &[Smtp]),
        ("auth", span(raw.auth.as_ref()), &[Smtp]),
        ("message", span(raw.message.as_ref()), &[Smtp]),
        ("program", span(raw.program.as_ref()), &[External]),
        ("variables", span(raw.variables.as_ref()), &[External]),
        ("failures", span(raw.failures.as_ref()), &[Inband]),
        (
            "failure_interval",
            span(raw.failure_interval.as_ref()),
            &[Inband],
        ),
        ("retry", span(raw.retry.as_ref()), &[Inband]),
        ("retry_max", span(raw.retry_max.as_ref()), &[Inband]),
    ];
    let found = table.into_iter().map(|(key, span, kinds)| match span {
        Some(span) if !kinds.contains(&kind) => {
            let message = format!(
                "`{key}` means nothing to a monitor of type `{}`",
                word(kind)
            );
            let help = format!("leave `{key}` out");
            Err(check.report.error(Diagnostic::new(span, message, help)))
        }
        _ => Ok(()),
    });
    // Each is told, not the first alone.
    all(found.collect::<Vec<_>>()).map(drop)
}

fn word(kind: raw::MonitorKind) -> &'static str {
    match kind {
        raw::MonitorKind::Tcp => "tcp",
        raw::MonitorKind::Icmp => "icmp",
        raw::MonitorKind::Smtp => "smtp",
        raw::MonitorKind::External => "external",
        raw::MonitorKind::Inband => "inband",
    }
}

fn external(
    check: &mut Check<'_>,
    raw: &raw::Monitor,
    kind: &At<raw::MonitorKind>,
) -> Checked<ExternalMonitorPlan> {
    let mut taken = HashMap::new();
    let variables = raw.variables.as_ref();
    let variables = all(variables
        .into_iter()
        .flat_map(|list| list.iter())
        .map(|raw| {
            let name = check.must(raw.name.as_ref()).and_then(|text| {
                let name = check.value(text, value::monitor::variable)?;
                match taken.insert(name.clone(), text.span()) {
                    None => Ok(name),
                    Some(first) => Err(named_twice(check, text, first)),
                }
            });
            let value = check
                .must(raw.value.as_ref())
                .and_then(|text| setting(check, text, "/etc/smtp-lb/monitor.password"));
            Ok((name?, value?))
        }));
    let Some(program) = &raw.program else {
        check.whole(raw.name.as_ref())?;
        return Err(check.error(
            kind,
            "a monitor of type `external` needs `program`",
            "add `program = \"/etc/smtp-lb/monitors/smtp-auth.sh\"`",
        ));
    };
    let program = check.value(program, value::text::path);
    Ok(ExternalMonitorPlan {
        program: program?,
        variables: variables?,
    })
}

fn named_twice(
    check: &mut Check<'_>,
    text: &At<String>,
    first: std::ops::Range<usize>,
) -> Reported {
    let message = format!("the variable {} is written twice", quote(text));
    let diagnostic = Diagnostic::new(text.span(), message, "write it once");
    check
        .report
        .error(diagnostic.also(first, "first written here"))
}

fn setting(check: &mut Check<'_>, text: &At<raw::SettingText>, example: &str) -> Checked<Setting> {
    check.value(text, |text| value::monitor::setting(text, example))
}

fn inband(check: &mut Check<'_>, raw: &raw::Monitor) -> Checked<InbandMonitorPlan> {
    let bounds = MIN_RETRY..=MAX_INTERVAL;
    let failure_interval = check.duration_or(
        raw.failure_interval.as_ref(),
        FAILURE_INTERVAL,
        bounds.clone(),
    );
    let retry = check.duration_or(raw.retry.as_ref(), RETRY, bounds);
    let least = retry.unwrap_or(MIN_RETRY);
    let retry_max = check.duration_or(
        raw.retry_max.as_ref(),
        RETRY_MAX.max(least),
        least..=MAX_INTERVAL,
    );
    Ok(InbandMonitorPlan {
        failures: raw.failures.as_deref().copied().unwrap_or(FAILURES),
        failure_interval: failure_interval?,
        retry: retry?,
        retry_max: retry_max?,
    })
}
