//! `[[server_tls]]`.

use std::collections::HashMap;

use super::tls::{self, Written, file_any, secret_any};
use super::{Check, Checked, all};
use crate::config::diagnostic::Reported;
use crate::config::plan::{CertificatePlan, ServerTlsPlan, Start, Verify};
use crate::config::raw::{self, At};
use crate::config::value;

const KEY: &str = "/etc/smtp-lb/lb.key";
const PASSPHRASE: &str = "/etc/smtp-lb/lb.passphrase";

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::ServerTls) -> Checked<ServerTlsPlan> {
    let name = check.name(raw.name.as_ref());
    let ca = file_any(check, raw.ca.as_ref());
    let verify = verify(check, raw);
    let server_name = raw
        .server_name
        .as_ref()
        .map(|text| check.value(text, value::tls::server_name))
        .transpose();
    let certificate = certificate(check, raw);
    let parameters = tls::parameters(
        check,
        &Written {
            section: "server_tls",
            min_version: raw.min_version,
            cipher_suites: raw.cipher_suites.as_ref(),
            groups: raw.groups.as_ref(),
        },
    );
    let parameters = parameters?;
    Ok(ServerTlsPlan {
        name: name?,
        start: start(raw),
        verify: verify?,
        ca: ca?,
        server_name: server_name?,
        certificate: certificate?,
        min_version: parameters.min_version,
        cipher_suites: parameters.cipher_suites,
        groups: parameters.groups,
        resumption: raw.resumption.unwrap_or(true),
    })
}

/// How TLS begins with this profile.
pub(super) fn start(raw: &raw::ServerTls) -> Start {
    match raw.start.as_deref() {
        None | Some(raw::Start::Implicit) => Start::Implicit,
        Some(raw::Start::Starttls) => Start::StartTls,
    }
}

fn verify(check: &mut Check<'_>, raw: &raw::ServerTls) -> Checked<Verify> {
    let mut seen = HashMap::new();
    let pins = raw.pins.as_deref().map_or(&[][..], Vec::as_slice);
    let pins = all(pins.iter().map(|text| {
        let pin = check.value(text, value::tls::pin)?;
        match seen.insert(pin, text.span()) {
            None => Ok(pin),
            Some(first) => Err(tls::twice(check, text, "key", first)),
        }
    }));
    check.whole(raw.name.as_ref())?;
    let word = raw.verify.as_deref().copied();
    let (ca, unpinned) = match word {
        None | Some(raw::Verify::Full | raw::Verify::Ca) => {
            (Ok(()), meaningless(check, "pins", raw.pins.as_ref(), raw))
        }
        Some(raw::Verify::Pinned) => (meaningless(check, "ca", raw.ca.as_ref(), raw), Ok(())),
        Some(raw::Verify::None) => (
            meaningless(check, "ca", raw.ca.as_ref(), raw),
            meaningless(check, "pins", raw.pins.as_ref(), raw),
        ),
    };
    let pins = pins?;
    ca?;
    unpinned?;
    match (&raw.verify, word) {
        (_, None | Some(raw::Verify::Full)) | (None, _) => Ok(Verify::Full),
        (_, Some(raw::Verify::Ca)) => Ok(Verify::Ca),
        (Some(written), Some(raw::Verify::Pinned)) => {
            if raw.pins.is_none() {
                return Err(check.error(
                    written,
                    "`verify = \"pinned\"` needs `pins`",
                    "add `pins = [\"sha256:…\"]`, the SHA-256 of each member's public key",
                ));
            }
            check.pruned.section("server_tls.pins")?;
            Ok(Verify::Pinned(pins))
        }
        (Some(written), Some(raw::Verify::None)) => {
            check.warning(
                written,
                "members are not verified: whoever answers at their address gets the mail",
                "write `verify = \"full\"`, or `\"pinned\"` with the `pins` of their keys",
            );
            Ok(Verify::None)
        }
    }
}

/// `ca` or `pins` where nothing is held against it.
fn meaningless<T>(
    check: &mut Check<'_>,
    key: &str,
    value: Option<&At<T>>,
    raw: &raw::ServerTls,
) -> Result<(), Reported> {
    let Some(value) = value else { return Ok(()) };
    let (word, help) = match raw.verify.as_deref() {
        Some(raw::Verify::Pinned) => ("pinned", "`verify = \"full\"`"),
        Some(raw::Verify::None) if key == "ca" => ("none", "`verify = \"full\"`"),
        Some(raw::Verify::None) => ("none", "`verify = \"pinned\"`"),
        Some(raw::Verify::Ca) => ("ca", "`verify = \"pinned\"`"),
        Some(raw::Verify::Full) | None => ("full", "`verify = \"pinned\"`"),
    };
    Err(check.error(
        value,
        format!("`{key}` means nothing with `verify = \"{word}\"`"),
        format!("write {help}, or leave `{key}` out"),
    ))
}

/// Ours: a certificate and a key, or neither.
fn certificate(check: &mut Check<'_>, raw: &raw::ServerTls) -> Checked<Option<CertificatePlan>> {
    let chain = file_any(check, raw.certificate.as_ref());
    let key = secret_any(check, raw.key.as_ref(), KEY);
    let passphrase = secret_any(check, raw.passphrase.as_ref(), PASSPHRASE);
    let alone = match (&raw.certificate, &raw.key, &raw.passphrase) {
        (Some(_), Some(_), _) | (None, None, None) => Ok(()),
        (Some(certificate), None, _) => check.whole(raw.name.as_ref()).and_then(|_| {
            Err(check.error(
                certificate,
                "the certificate has no key",
                format!("add `key = \"file:{KEY}\"`"),
            ))
        }),
        (None, Some(key), _) => check.whole(raw.name.as_ref()).and_then(|_| {
            Err(check.error(
                key,
                "the key has no certificate",
                "add `certificate = \"/etc/smtp-lb/lb.pem\"`",
            ))
        }),
        (None, None, Some(passphrase)) => check.whole(raw.name.as_ref()).and_then(|_| {
            Err(check.error(
                passphrase,
                "the passphrase is of no key",
                format!("add `key = \"file:{KEY}\"` and `certificate = \"/etc/smtp-lb/lb.pem\"`"),
            ))
        }),
    };
    let (chain, key, passphrase) = (chain?, key?, passphrase?);
    alone?;
    Ok(chain.zip(key).map(|(chain, key)| CertificatePlan {
        chain,
        key,
        passphrase,
        names: Vec::new(),
        ocsp: None,
    }))
}
