//! Whom to trust: files of authorities and of revocations, or the system's authorities.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::time;
use super::error::{Fault, Notice, Origin};
use super::{LARGE, pem};
use crate::secret;

/// The authorities in a file.
pub(super) fn roots(path: &Path) -> Result<Arc<RootCertStore>, Fault> {
    let origin = Origin::from(path);
    let text = secret::file(path, LARGE)?;
    let mut roots = RootCertStore::empty();
    for (position, der) in (1..).zip(pem::certificates(&text, &origin)?) {
        let bad = || Fault::BadCertificate(origin.clone(), position);
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| bad())?;
        // One that signed itself is its own authority, as self-made certificates of servers are.
        if parsed.is_ca() || parsed.subject() == parsed.issuer() {
            roots.add(der.clone()).map_err(|_| bad())?;
        }
    }
    if roots.is_empty() {
        return Err(Fault::NoAuthority(origin));
    }
    Ok(Arc::new(roots))
}

/// The system's authorities. A few that cannot be read are no fault: bundles hold odd ones.
pub(super) fn system() -> Result<Arc<RootCertStore>, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Fault::NoSystemAuthorities);
    }
    Ok(Arc::new(roots))
}

/// The revocation lists in some files.
pub(super) fn crls(
    paths: &[PathBuf],
    now: SystemTime,
    warn: &mut dyn FnMut(&'static str, Notice),
) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    let mut all = Vec::new();
    for path in paths {
        let origin = Origin::from(path.as_path());
        let text = secret::file(path, LARGE)?;
        for der in pem::crls(&text, &origin)? {
            let bad = |_| Fault::BadCrl(origin.clone());
            let (_, parsed) = CertificateRevocationList::from_der(&der).map_err(bad)?;
            let end = parsed.next_update().map(|end| time(end.timestamp()));
            // What it revokes stays revoked, so an old one is better than none, and than no mail.
            if let Some(end) = end.filter(|end| *end <= now) {
                warn("client_crl", Notice::CrlStale(origin.clone(), end));
            }
            all.push(der);
        }
    }
    Ok(all)
}
