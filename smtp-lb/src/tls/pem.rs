//! PEM (RFC 7468) to what is in it.

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use zeroize::Zeroizing;

use super::error::{Fault, Origin};

/// All certificates, in order. Never empty.
pub(super) fn certificates(
    pem: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateDer<'static>>, Fault> {
    all(pem, origin, Fault::NoCertificate)
}

/// All revocation lists. Never empty.
pub(super) fn crls(
    pem: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    all(pem, origin, Fault::NoCrl)
}

fn all<T: PemObject>(
    pem: &[u8],
    origin: &Origin,
    none: fn(Origin) -> Fault,
) -> Result<Vec<T>, Fault> {
    look(pem, origin)?;
    let found: Result<Vec<T>, _> = T::pem_slice_iter(pem).collect();
    let found = found.map_err(|_| Fault::DamagedPem(origin.clone()))?;
    if found.is_empty() {
        return Err(none(origin.clone()));
    }
    Ok(found)
}

/// The first private key, in DER.
pub(super) fn key(pem: &[u8], origin: &Origin) -> Result<(SectionKind, Zeroizing<Vec<u8>>), Fault> {
    look(pem, origin)?;
    for section in Section::pem_slice_iter(pem) {
        let Section(kind, der) = section.map_err(|_| Fault::DamagedPem(origin.clone()))?;
        if matches!(
            kind,
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey
        ) {
            return Ok((kind, der));
        }
    }
    Err(Fault::NoKey(origin.clone()))
}

/// Any section, zeroised.
struct Section(SectionKind, Zeroizing<Vec<u8>>);

impl PemObject for Section {
    fn from_pem(kind: SectionKind, der: Vec<u8>) -> Option<Self> {
        Some(Self(kind, Zeroizing::new(der)))
    }
}

/// What has no section at all is another format, rather than a file without this or that.
fn look(pem: &[u8], origin: &Origin) -> Result<(), Fault> {
    match memchr::memmem::find(pem, b"-----BEGIN ") {
        Some(_) => Ok(()),
        None => Err(Fault::NotPem(origin.clone())),
    }
}
