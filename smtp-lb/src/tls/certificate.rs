//! A certificate with its key and what is stapled to it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::error::{Fault, Flaw, Notice, Origin};
use super::ocsp::{self, OcspFault};
use super::{SMALL, key, pem};
use crate::config::plan::CertificatePlan;
use crate::secret;

/// What handshakes use.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) certified: Arc<CertifiedKey>,
    /// Server names that it answers, lower case.
    pub(super) names: Vec<String>,
    pub(super) facts: Facts,
    /// When the stapled OCSP response ends.
    pub(super) staple_until: Option<SystemTime>,
}

/// What people want to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// The chain's file.
    pub(super) file: Origin,
    /// Subject, as RFC 4514 writes it. Foreign text.
    pub(super) subject: String,
    /// DNS names in it. Foreign text.
    pub(super) names: Vec<String>,
    pub(super) not_after: SystemTime,
    /// Tells it from its successor.
    pub(super) serial: Vec<u8>,
}

/// Reads what `plan` names. `warn` hears of what is usable and hardly meant, by key.
pub(super) fn load(
    plan: &CertificatePlan,
    now: SystemTime,
    warn: &mut dyn FnMut(&'static str, Notice),
) -> Result<Loaded, Vec<Flaw>> {
    let chain = chain(plan).map_err(|fault| fault.of("certificate"));
    let key = key::load(&plan.key, plan.passphrase.as_ref());
    // Both are looked at before either is an error, so that all is told at once.
    let ((chain, facts, not_before), key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
    };
    matches(plan, &chain, key.signing.as_ref()).map_err(|flaw| vec![flaw])?;
    let file = || Origin::from(plan.chain.as_path());
    let mut flaws = Vec::new();
    if now < not_before {
        flaws.push(Fault::NotYetValid(file(), not_before).of("certificate"));
    }
    if facts.not_after <= now {
        flaws.push(Fault::Expired(file(), facts.not_after).of("certificate"));
    }
    let mut certified = CertifiedKey::new(chain, key.signing);
    let mut staple_until = None;
    match staple(plan, &facts.serial, now, warn) {
        Ok(Some((staple, until))) => {
            certified.ocsp = Some(staple);
            staple_until = until;
        }
        Ok(None) => {}
        Err(fault) => flaws.push(fault.of("ocsp")),
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    for (key, secret) in [
        ("key", Some(&plan.key)),
        ("passphrase", plan.passphrase.as_ref()),
    ] {
        if let Some(secret) = secret.filter(|secret| secret::is_open(secret)) {
            warn(key, Notice::SecretReadable(Origin::from(secret)));
        }
    }
    if plan.passphrase.is_some() && !key.was_encrypted {
        warn(
            "passphrase",
            Notice::PassphraseUnused(Origin::from(&plan.key)),
        );
    }
    let names = if plan.names.is_empty() {
        facts.names.clone()
    } else {
        let covered = |name: &&String| !covers(&certified, &facts, name);
        for name in plan.names.iter().filter(covered) {
            warn("names", Notice::NameNotCovered(file(), name.clone()));
        }
        plan.names.clone()
    };
    Ok(Loaded {
        certified: Arc::new(certified),
        names,
        facts,
        staple_until,
    })
}

type Chain = (Vec<CertificateDer<'static>>, Facts, SystemTime);

fn chain(plan: &CertificatePlan) -> Result<Chain, Fault> {
    let file = Origin::from(plan.chain.as_path());
    let text = secret::file(&plan.chain, SMALL)?;
    let chain = pem::certificates(&text, &file)?;
    let bad = |position| Fault::BadCertificate(file.clone(), position);
    let mut leaf = None;
    for (position, der) in (1..).zip(&chain) {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| bad(position))?;
        if leaf.is_none() {
            let validity = parsed.validity();
            let facts = Facts {
                file: file.clone(),
                subject: parsed.subject().to_string(),
                names: names(&parsed),
                not_after: time(validity.not_after.timestamp()),
                serial: parsed.raw_serial().to_vec(),
            };
            leaf = Some((facts, time(validity.not_before.timestamp())));
        }
    }
    let (facts, not_before) = leaf.ok_or_else(|| Fault::NoCertificate(file.clone()))?;
    Ok((chain, facts, not_before))
}

/// DNS names of the subject's alternative names; the common name has not counted since RFC 6125.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// A wildcard covers itself only; another name is matched as a client would.
fn covers(certified: &CertifiedKey, facts: &Facts, name: &String) -> bool {
    let parsed = certified
        .end_entity_cert()
        .and_then(ParsedCertificate::try_from);
    let expected = ServerName::try_from(name.as_str());
    facts.names.contains(name)
        || matches!((parsed, expected), (Ok(parsed), Ok(expected))
            if verify_server_name(&parsed, &expected).is_ok())
}

fn matches(
    plan: &CertificatePlan,
    chain: &[CertificateDer<'static>],
    key: &dyn SigningKey,
) -> Result<(), Flaw> {
    let Some(public) = key.public_key() else {
        return Ok(());
    };
    // Not by rustls, which knows no certificates of version 1; its clients do not accept them,
    // others do.
    let belongs = |der: &CertificateDer<'static>| {
        let parsed = X509Certificate::from_der(der);
        parsed.is_ok_and(|(_, parsed)| parsed.public_key().raw == public.as_ref())
    };
    let (key, file) = (Origin::from(&plan.key), Origin::from(plan.chain.as_path()));
    match chain.iter().position(belongs) {
        Some(0) => Ok(()),
        Some(at) => Err(Fault::Order {
            key,
            chain: file,
            position: at + 1,
        }
        .of("certificate")),
        None => Err(Fault::Mismatch { key, chain: file }.of("key")),
    }
}

type Staple = (Vec<u8>, Option<SystemTime>);

fn staple(
    plan: &CertificatePlan,
    serial: &[u8],
    now: SystemTime,
    warn: &mut dyn FnMut(&'static str, Notice),
) -> Result<Option<Staple>, Fault> {
    let Some(path) = &plan.ocsp else {
        return Ok(None);
    };
    let file = || Origin::from(path.as_path());
    let der = secret::file(path, SMALL)?;
    let answer = ocsp::parse(&der, serial).map_err(|fault| match fault {
        OcspFault::NotDer => Fault::OcspNotDer(file()),
        OcspFault::Refused(status) => Fault::OcspRefused(file(), status),
        OcspFault::Other => Fault::OcspOther(file()),
    })?;
    // Clients take an old response for an attack, and the lack of one for nothing.
    if let Some(end) = answer.next_update.filter(|end| *end <= now) {
        warn("ocsp", Notice::OcspExpired(file(), end));
        return Ok(None);
    }
    if !answer.good {
        warn("ocsp", Notice::OcspNotGood(file()));
    }
    Ok(Some((der.to_vec(), answer.next_update)))
}

/// From seconds since the Unix epoch.
pub(super) fn time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// To seconds since the Unix epoch.
pub(super) fn unix(time: SystemTime) -> i64 {
    let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => -seconds(before.duration()),
    }
}
