//! `[[client_tls]]`.

use std::time::Duration;

use super::tls::{self, Written, file_any, secret, secret_any};
use super::{Check, Checked, all};
use crate::config::diagnostic::Reported;
use crate::config::plan::{CertificatePlan, ClientAuth, ClientAuthPlan, ClientTlsPlan, Resumption};
use crate::config::raw::{self, At, SecretText};
use crate::config::value;
use crate::config::value::duration;

const LIFETIME: Duration = Duration::from_hours(12);
const MIN_LIFETIME: Duration = Duration::from_mins(1);
/// RFC 8446 section 4.6.1 allows no more.
const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);

const KEY: &str = "/etc/smtp-lb/mx.key";
const PASSPHRASE: &str = "/etc/smtp-lb/mx.passphrase";

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::ClientTls) -> Checked<ClientTlsPlan> {
    let name = check.name(raw.name.as_ref());
    let first = certificate(
        check,
        raw.certificate.as_ref(),
        raw.key.as_ref(),
        raw.passphrase.as_ref(),
        raw.ocsp.as_ref(),
    );
    let further = all(raw.certificate_for.iter().map(|raw| further(check, raw)));
    let parameters = tls::parameters(
        check,
        &Written {
            section: "client_tls",
            min_version: raw.min_version,
            cipher_suites: raw.cipher_suites.as_ref(),
            groups: raw.groups.as_ref(),
        },
    );
    let resumption = check.value_or(
        raw.resumption.as_ref(),
        Resumption::Tickets(LIFETIME),
        |text| match text {
            "off" => Ok(Resumption::Off),
            _ => duration::parse(text, &(MIN_LIFETIME..=MAX_LIFETIME)).map(Resumption::Tickets),
        },
    );
    let client_auth = client_auth(check, raw);

    let parameters = parameters?;
    let mut certificates = vec![first?];
    certificates.extend(further?);
    Ok(ClientTlsPlan {
        name: name?,
        certificates,
        min_version: parameters.min_version,
        cipher_suites: parameters.cipher_suites,
        groups: parameters.groups,
        resumption: resumption?,
        client_auth: client_auth?,
    })
}

fn further(check: &mut Check<'_>, raw: &raw::CertificateFor) -> Checked<CertificatePlan> {
    let certificate = certificate(
        check,
        raw.certificate.as_ref(),
        raw.key.as_ref(),
        raw.passphrase.as_ref(),
        raw.ocsp.as_ref(),
    );
    let written = raw.names.as_deref().map_or(&[][..], Vec::as_slice);
    let mut seen = std::collections::HashMap::new();
    let names = all(written.iter().map(|text| {
        let name = check.value(text, value::tls::server_name_pattern)?;
        match seen.insert(name.clone(), text.span()) {
            None => Ok(name),
            Some(first) => Err(tls::twice(check, text, "server name", first)),
        }
    }));
    Ok(CertificatePlan {
        names: names?,
        ..certificate?
    })
}

fn certificate(
    check: &mut Check<'_>,
    chain: Option<&At<String>>,
    key: Option<&At<SecretText>>,
    passphrase: Option<&At<SecretText>>,
    ocsp: Option<&At<String>>,
) -> Checked<CertificatePlan> {
    let chain = check
        .must(chain)
        .and_then(|text| check.value(text, value::tls::file));
    let key = check.must(key).and_then(|text| secret(check, text, KEY));
    let passphrase = secret_any(check, passphrase, PASSPHRASE);
    let ocsp = file_any(check, ocsp);
    Ok(CertificatePlan {
        chain: chain?,
        key: key?,
        passphrase: passphrase?,
        names: Vec::new(),
        ocsp: ocsp?,
    })
}

fn client_auth(check: &mut Check<'_>, raw: &raw::ClientTls) -> Checked<Option<ClientAuthPlan>> {
    let ca = file_any(check, raw.client_ca.as_ref());
    let lists = raw.client_crl.as_deref().map_or(&[][..], Vec::as_slice);
    let crl = all(lists.iter().map(|text| check.value(text, value::tls::file)));
    let asked = raw.client_certificate.as_ref().and_then(|written| {
        let mode = match **written {
            raw::ClientCertificate::None => return None,
            raw::ClientCertificate::Optional => ClientAuth::Optional,
            raw::ClientCertificate::Required => ClientAuth::Required,
        };
        Some((written, mode))
    });
    let Some((written, mode)) = asked else {
        check.whole(raw.name.as_ref())?;
        let strange = [
            unasked(check, "client_ca", raw.client_ca.as_ref()),
            unasked(check, "client_crl", raw.client_crl.as_ref()),
        ];
        strange.into_iter().collect::<Checked<()>>()?;
        return Ok(None);
    };
    let (ca, crl) = (ca?, crl?);
    let Some(ca) = ca else {
        check.whole(raw.name.as_ref())?;
        return Err(check.error(
            written,
            "`client_ca` is needed to check clients' certificates",
            "add `client_ca = \"/etc/smtp-lb/clients.pem\"`",
        ));
    };
    Ok(Some(ClientAuthPlan { mode, ca, crl }))
}

/// A key that means something only where clients are asked for certificates.
fn unasked<T>(check: &mut Check<'_>, key: &str, value: Option<&At<T>>) -> Result<(), Reported> {
    let Some(value) = value else { return Ok(()) };
    Err(check.error(
        value,
        format!("`{key}` means nothing: clients are not asked for certificates"),
        format!(
            "write `client_certificate = \"required\"` or `\"optional\"`, or leave `{key}` out"
        ),
    ))
}
