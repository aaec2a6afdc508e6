//! A monitor of type `smtp`.

use super::{Check, Checked, Sections, setting};
use crate::config::check::server_tls;
use crate::config::plan::{
    Mechanism, MonitorAuthPlan, MonitorMessagePlan, MonitorTlsPlan, ServerTlsId, SmtpMonitorPlan,
    Start,
};
use crate::config::raw;
use crate::config::value;

const SUBJECT: &str = "smtp-lb monitor";
const USER: &str = "/etc/smtp-lb/monitor.user";
const PASSWORD: &str = "/etc/smtp-lb/monitor.password";

/// All but the source.
pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Monitor,
) -> Checked<SmtpMonitorPlan> {
    let domain = match &raw.domain {
        Some(domain) => check.value(domain, value::text::ehlo_domain),
        None => Ok(value::gateway::machine()),
    };
    let tls = tls(check, sections, profiles, raw);
    let auth = raw.auth.as_ref().map(|raw| auth(check, raw)).transpose();
    let message = raw.message.as_ref();
    let message = message.map(|raw| message_plan(check, raw)).transpose();
    let (tls, auth) = (tls?, auth?);
    let clear = auth
        .as_ref()
        .is_some_and(|auth| auth.mechanism != Mechanism::CramMd5);
    if tls.is_none()
        && clear
        && let Some(written) = &raw.auth
    {
        check.warning(
            written,
            "the monitor sends its password in the clear",
            "write `tls = \"starttls\"` or `\"implicit\"`, or `mechanism = \"cram-md5\"`",
        );
    }
    Ok(SmtpMonitorPlan {
        domain: domain?,
        source: None,
        tls,
        auth,
        message: message?,
    })
}

fn tls(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Monitor,
) -> Checked<Option<MonitorTlsPlan>> {
    let profile = sections
        .server_tls
        .find_any(check, raw.server_tls.as_ref())?;
    let start = match raw.tls.as_deref() {
        Some(raw::MonitorTls::Implicit) => Some(Start::Implicit),
        Some(raw::MonitorTls::Starttls) => Some(Start::StartTls),
        Some(raw::MonitorTls::None) => None,
        None => profile
            .and_then(|at| profiles.get(at))
            .map(server_tls::start),
    };
    match (start, &raw.server_tls) {
        (None, Some(written)) => Err(check.error(
            written,
            "`server_tls` means nothing to a monitor without TLS",
            "leave it out, or write `tls = \"implicit\"` or `\"starttls\"`",
        )),
        (start, _) => Ok(start.map(|start| MonitorTlsPlan {
            start,
            profile: profile.map(ServerTlsId),
        })),
    }
}

fn auth(check: &mut Check<'_>, raw: &raw::MonitorAuth) -> Checked<MonitorAuthPlan> {
    let mechanism = match raw.mechanism {
        None | Some(raw::Mechanism::Plain) => Mechanism::Plain,
        Some(raw::Mechanism::Login) => Mechanism::Login,
        Some(raw::Mechanism::CramMd5) => Mechanism::CramMd5,
    };
    let user = check
        .must(raw.user.as_ref())
        .and_then(|text| setting(check, text, USER));
    let password = check
        .must(raw.password.as_ref())
        .and_then(|text| check.value(text, |text| value::secret::parse(text, PASSWORD)));
    Ok(MonitorAuthPlan {
        mechanism,
        user: user?,
        password: password?,
    })
}

fn message_plan(check: &mut Check<'_>, raw: &raw::MonitorMessage) -> Checked<MonitorMessagePlan> {
    let from = check
        .must(raw.from.as_ref())
        .and_then(|text| check.value(text, value::monitor::sender));
    let rcpt = check
        .must(raw.rcpt.as_ref())
        .and_then(|text| check.value(text, value::monitor::mailbox));
    let subject = check.value_or(
        raw.subject.as_ref(),
        SUBJECT.to_owned(),
        value::monitor::subject,
    );
    let body = raw.body.as_ref();
    let body = body
        .map(|text| check.value(text, value::text::path))
        .transpose();
    Ok(MonitorMessagePlan {
        from: from?,
        rcpt: rcpt?,
        subject: subject?,
        body: body?,
    })
}
