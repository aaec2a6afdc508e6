//! How a virtual server carries bytes: its mode, and the profiles and gateway that go with it.

use super::names::{Names, Sections};
use super::{Check, Checked, gateway, server_tls};
use crate::config::diagnostic::{Reported, quote};
use crate::config::plan::{ClientTlsId, GatewayPlan, Mode, ServerTlsId, Start};
use crate::config::raw::{self, At};

/// A virtual server's part of the plan that says which of the six scenarios it is.
pub(super) struct Scenario {
    pub mode: Mode,
    pub client_tls: Option<ClientTlsId>,
    pub server_tls: Option<ServerTlsId>,
    pub gateway: Option<GatewayPlan>,
}

/// Whether a mode goes with a profile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
    Never,
}

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::VirtualServer,
) -> Checked<Scenario> {
    let mode = mode(raw);
    let client_tls = sections.client_tls.find_any(check, raw.client_tls.as_ref());
    let server_tls = sections.server_tls.find_any(check, raw.server_tls.as_ref());
    let settings = match &raw.gateway {
        Some(written) => gateway::compile(check, written),
        None => gateway::compile(check, &raw::Gateway::default()),
    };
    let fits = fits(check, sections, mode, raw);

    let (client_tls, server_tls, settings) = (client_tls?, server_tls?, settings?);
    fits?;
    let start = server_tls
        .and_then(|at| profiles.get(at))
        .map(server_tls::start);
    let read = raw.gateway.is_some()
        || raw.smtp_profile.is_some()
        || mode == Mode::StartTls
        || start == Some(Start::StartTls);
    Ok(Scenario {
        mode,
        client_tls: client_tls.map(ClientTlsId),
        server_tls: server_tls.map(ServerTlsId),
        gateway: read.then_some(settings),
    })
}

fn mode(raw: &raw::VirtualServer) -> Mode {
    match raw.mode.as_deref() {
        None | Some(raw::Mode::Plain) => Mode::Plain,
        Some(raw::Mode::Offload) => Mode::Offload,
        Some(raw::Mode::Bridge) => Mode::Bridge,
        Some(raw::Mode::Passthrough) => Mode::Passthrough,
        Some(raw::Mode::EncryptServerSide) => Mode::EncryptServerSide,
        Some(raw::Mode::Starttls) => Mode::StartTls,
    }
}

/// Its word, and whether it goes with a client and a server TLS profile.
fn properties(mode: Mode) -> (&'static str, Need, Need) {
    match mode {
        Mode::Plain => ("plain", Need::Never, Need::Never),
        Mode::Offload => ("offload", Need::Must, Need::Never),
        Mode::Bridge => ("bridge", Need::Must, Need::Must),
        Mode::Passthrough => ("passthrough", Need::Never, Need::Never),
        Mode::EncryptServerSide => ("encrypt-server-side", Need::Never, Need::Must),
        Mode::StartTls => ("starttls", Need::Must, Need::May),
    }
}

/// Whether what is written goes together.
fn fits(
    check: &mut Check<'_>,
    sections: &Sections,
    mode: Mode,
    raw: &raw::VirtualServer,
) -> Checked<()> {
    // A mode that was not understood goes with nothing.
    check.whole(raw.name.as_ref())?;
    let (word, client, server) = properties(mode);
    let faults = [
        profile(
            check,
            raw,
            (word, client),
            ("client_tls", raw.client_tls.as_ref()),
            &sections.client_tls,
        ),
        profile(
            check,
            raw,
            (word, server),
            ("server_tls", raw.server_tls.as_ref()),
            &sections.server_tls,
        ),
        reading(check, mode, raw),
    ];
    faults.into_iter().collect()
}

fn profile(
    check: &mut Check<'_>,
    raw: &raw::VirtualServer,
    (word, need): (&str, Need),
    (key, written): (&str, Option<&At<String>>),
    known: &Names,
) -> Result<(), Reported> {
    match (written, need) {
        (Some(_), Need::Must | Need::May) | (None, Need::May | Need::Never) => Ok(()),
        (Some(written), Need::Never) => Err(check.error(
            written,
            format!("`{key}` means nothing with `mode = \"{word}\"`"),
            format!("leave `{key}` out, or write {}", modes_for(raw)),
        )),
        (None, Need::Must) => {
            let help = match known.first() {
                Some(name) => format!(
                    "add `{key} = {}`",
                    quote(&format!("\"{name}\"")).trim_matches('`')
                ),
                None => format!("add `{key} = \"…\"`, the name of a `[[{key}]]`"),
            };
            // The default needs none, so the mode is written.
            let mode = check.must(raw.mode.as_ref())?;
            Err(check.error(mode, format!("`mode = \"{word}\"` needs `{key}`"), help))
        }
    }
}

/// The modes that go with the profiles that are named.
fn modes_for(raw: &raw::VirtualServer) -> &'static str {
    match (&raw.client_tls, &raw.server_tls) {
        (Some(_), None) => "`mode = \"offload\"` or `mode = \"starttls\"`",
        (None, Some(_)) => "`mode = \"encrypt-server-side\"`",
        _ => "`mode = \"bridge\"` or `mode = \"starttls\"`",
    }
}

/// Settings of the gateway that the mode leaves without a meaning.
fn reading(check: &mut Check<'_>, mode: Mode, raw: &raw::VirtualServer) -> Checked<()> {
    if let (Mode::Passthrough, Some(profile)) = (mode, &raw.smtp_profile) {
        return Err(check.error(
            profile,
            "an SMTP profile cannot check with `mode = \"passthrough\"`: TLS is not decrypted",
            "leave `smtp_profile` out, or write `mode = \"bridge\"`",
        ));
    }
    let Some(written) = &raw.gateway else {
        return Ok(());
    };
    if mode == Mode::Passthrough {
        return Err(check.error(
            written,
            "SMTP cannot be read with `mode = \"passthrough\"`: TLS is not decrypted",
            "leave `gateway` out, or write `mode = \"bridge\"`",
        ));
    }
    if let Some(starttls) = &written.starttls {
        if mode != Mode::StartTls {
            let (word, ..) = properties(mode);
            return Err(check.error(
                starttls,
                format!("`starttls` means nothing with `mode = \"{word}\"`"),
                "leave `starttls` out, or write `mode = \"starttls\"`",
            ));
        }
        if **starttls == raw::Activation::None {
            check.warning(
                starttls,
                "no client can use TLS: STARTTLS is not offered",
                "write `\"require\"` or `\"allow\"`, or `mode = \"plain\"` without `client_tls`",
            );
        }
    }
    let required = matches!(
        written.starttls.as_deref(),
        None | Some(raw::Activation::Require)
    );
    let always_tls =
        matches!(mode, Mode::Offload | Mode::Bridge) || (mode == Mode::StartTls && required);
    if let Some(clear_auth) = &written.clear_auth
        && **clear_auth
        && always_tls
    {
        check.warning(
            clear_auth,
            "`clear_auth` means nothing: no client gets that far without TLS",
            "leave `clear_auth` out",
        );
    }
    Ok(())
}
