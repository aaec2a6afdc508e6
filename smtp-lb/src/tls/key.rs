//! Private keys: PKCS#8 (also encrypted), PKCS#1 and SEC1.

use std::sync::Arc;

use memchr::memmem;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::SectionKind;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::SigningKey;
use zeroize::Zeroizing;

use super::error::{Fault, Flaw, Origin};
use super::{SMALL, pem};
use crate::config::plan::Secret;
use crate::secret;

/// The label of encrypted PKCS#8 (RFC 7468 11), less what makes it that of a plain one.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// RFC 1421 4.6.1.1, as OpenSSL wrote it before PKCS#8.
const LEGACY: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A key, and whether a passphrase was needed.
pub(super) struct Key {
    pub(super) signing: Arc<dyn SigningKey>,
    pub(super) was_encrypted: bool,
}

/// Reads and, with the passphrase, decrypts a key.
pub(super) fn load(from: &Secret, passphrase: Option<&Secret>) -> Result<Key, Flaw> {
    let origin = Origin::from(from);
    let text = secret::secret(from, SMALL).map_err(|why| Fault::from(why).of("key"))?;
    if memmem::find(&text, LEGACY).is_some() {
        return Err(Fault::LegacyEncryption(origin).of("key"));
    }
    let was_encrypted = memmem::find(&text, ENCRYPTED).is_some();
    let signing = if was_encrypted {
        let Some(passphrase) = passphrase else {
            return Err(Fault::PassphraseNeeded(origin).of("key"));
        };
        let passphrase =
            secret::password(passphrase, SMALL).map_err(|why| Fault::from(why).of("passphrase"))?;
        decrypt(&text, &passphrase, &origin)?
    } else {
        let (kind, der) = pem::key(&text, &origin).map_err(|fault| fault.of("key"))?;
        signing(kind, &der, &origin)?
    };
    Ok(Key {
        signing,
        was_encrypted,
    })
}

fn decrypt(text: &[u8], passphrase: &[u8], origin: &Origin) -> Result<Arc<dyn SigningKey>, Flaw> {
    // The decoder of PEM does not know the label; what is under it is written as under the
    // one that it knows.
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = memmem::find(rest, b" ENCRYPTED PRIVATE KEY-----") {
        let (before, after) = rest.split_at(at);
        plain.extend_from_slice(before);
        rest = after.strip_prefix(b" ENCRYPTED").unwrap_or(after);
    }
    plain.extend_from_slice(rest);
    let (kind, der) = pem::key(&plain, origin).map_err(|fault| fault.of("key"))?;
    let unsupported = || Fault::UnsupportedEncryption(origin.clone()).of("key");
    if kind != SectionKind::PrivateKey {
        return Err(unsupported());
    }
    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| unsupported())?;
    let decrypted = info.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs8::pkcs5::Error::NoPbes1CryptSupport
            | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. },
        ) => unsupported(),
        // Also what is no key once decrypted: by chance a wrong passphrase leaves no other mark.
        _ => Fault::WrongPassphrase(origin.clone()).of("passphrase"),
    })?;
    signing(SectionKind::PrivateKey, decrypted.as_bytes(), origin)
}

/// `der` is lent, so that its owner can zeroise it.
fn signing(kind: SectionKind, der: &[u8], origin: &Origin) -> Result<Arc<dyn SigningKey>, Flaw> {
    let der = match kind {
        SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
        SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
        _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
    };
    any_supported_type(&der).map_err(|_| Fault::UnsupportedKey(origin.clone()).of("key"))
}
