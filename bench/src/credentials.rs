//! A certificate authority and one P-256 certificate, which all servers of a run share.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256,
};
use tempfile::TempDir;

use crate::lab;
use crate::transport::tls::NAME;

/// The files, removed when dropped.
pub(crate) struct Credentials(TempDir);

impl Credentials {
    /// Makes them anew.
    pub(crate) fn make() -> Result<Self> {
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose issuer has its own name for a self-signed one.
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "authority.example");
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        let authority = CertifiedIssuer::self_signed(authority, key()?)?;
        let key = key()?;
        let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &authority)?;

        let credentials = Self(lab::scratch()?);
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        fs::write(credentials.ca(), authority.pem())?;
        fs::write(credentials.certificate(), &certificate)?;
        fs::write(credentials.key(), &key)?;
        fs::write(credentials.both(), certificate + &key)?;
        for secret in [credentials.key(), credentials.both()] {
            fs::set_permissions(secret, Permissions::from_mode(0o600))?;
        }
        Ok(credentials)
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The servers' certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    /// Its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("key.pem")
    }

    /// Certificate and key in one file.
    pub(crate) fn both(&self) -> PathBuf {
        self.path("both.pem")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
