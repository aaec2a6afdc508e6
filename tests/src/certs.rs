//! Certificates: an authority and what it signs, as PEM files in a folder of their own.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use tempfile::TempDir;

use crate::folder::temporary;

/// Kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// ECDSA over P-256.
    P256,
    /// RSA with 2,048 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl Key {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Rsa => &rcgen::PKCS_RSA_SHA256,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    /// From 2020 to 2049.
    Now,
    /// In 2001.
    Past,
    /// In 2049.
    Future,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// PEM.
    pub chain: PathBuf,
    /// PEM, PKCS#8.
    pub key: PathBuf,
    /// DER of the certificate.
    pub der: Vec<u8>,
    /// SHA-256 of its `SubjectPublicKeyInfo`, in hexadecimal.
    pub pin: String,
    serial: u64,
}

/// An authority with its folder.
#[derive(Debug)]
pub struct Certs {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certs {
    /// A new authority.
    pub fn new() -> Result<Self> {
        let folder = temporary("certs")?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities of one name but with another key are told apart by their key alone, as
        // when somebody forges one.
        params
            .distinguished_name
            .push(DnType::CommonName, "smtp-lb test authority");
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31));
        let key = KeyPair::generate()?;
        fs::write(
            folder.path().join("ca.pem"),
            params.self_signed(&key)?.pem(),
        )?;
        Ok(Self {
            folder,
            issuer: Issuer::new(params, key),
        })
    }

    /// PEM of the authority.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Where all files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A good certificate of a server, for host names and addresses.
    pub fn server(&self, file: &str, names: &[&str]) -> Result<Leaf> {
        self.issue(file, names, Key::P256, Valid::Now, Usage::Server)
    }

    /// A good certificate of a client.
    pub fn client(&self, file: &str, names: &[&str]) -> Result<Leaf> {
        self.issue(file, names, Key::P256, Valid::Now, Usage::Client)
    }

    /// A certificate in `FILE.pem`, its key in `FILE.key`. What is there is replaced by renaming,
    /// as careful tools do, key first.
    pub fn issue(
        &self,
        file: &str,
        names: &[&str],
        key: Key,
        valid: Valid,
        usage: Usage,
    ) -> Result<Leaf> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, file);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        (params.not_before, params.not_after) = match valid {
            Valid::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31)),
            Valid::Past => (date_time_ymd(2001, 1, 1), date_time_ymd(2001, 12, 31)),
            Valid::Future => (date_time_ymd(2049, 1, 1), date_time_ymd(2049, 12, 31)),
        };
        let serial = serial();
        params.serial_number = Some(SerialNumber::from(serial));
        let pair = KeyPair::generate_for(key.algorithm())?;
        let certificate = params.signed_by(&pair, &self.issuer)?;
        let leaf = Leaf {
            chain: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
            der: certificate.der().to_vec(),
            pin: self.sha256(&pair.subject_public_key_info())?,
            serial,
        };
        replace(&leaf.key, &pair.serialize_pem())?;
        replace(&leaf.chain, &certificate.pem())?;
        Ok(leaf)
    }

    /// A list, in `FILE.crl`, that revokes these.
    pub fn revoke(&self, file: &str, leaves: &[&Leaf]) -> Result<PathBuf> {
        let revoked = leaves.iter().map(|leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2049, 12, 31),
            crl_number: SerialNumber::from(serial()),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.folder.path().join(format!("{file}.crl"));
        replace(&path, &list.signed_by(&self.issuer)?.pem()?)?;
        Ok(path)
    }

    /// A certificate's key, encrypted (PKCS#8, PBES2), in `FILE.enc`.
    pub fn encrypt(&self, leaf: &Leaf, passphrase: &str) -> Result<PathBuf> {
        let path = leaf.key.with_extension("enc");
        openssl(&[
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-in",
            &leaf.key.to_string_lossy(),
            "-out",
            &path.to_string_lossy(),
            "-passout",
            &format!("pass:{passphrase}"),
        ])?;
        Ok(path)
    }

    fn sha256(&self, octets: &[u8]) -> Result<String> {
        let path = self.folder.path().join("digested");
        fs::write(&path, octets)?;
        let printed = openssl(&["dgst", "-sha256", "-r", &path.to_string_lossy()])?;
        let digest = printed.split(' ').next().context("no digest")?;
        Ok(digest.to_owned())
    }
}

/// Numbers that no other certificate of this run has.
fn serial() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0x0100_0000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Nobody else may read it, as is right for keys.
fn replace(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    Ok(fs::rename(fresh, path)?)
}

fn openssl(args: &[&str]) -> Result<String> {
    let output = Command::new("openssl").args(args).output()?;
    if !output.status.success() {
        bail!(
            "openssl {}: {}",
            args[0],
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::{Certs, Key, Usage, Valid, openssl};

    /// openssl's verdict on a leaf.
    fn verify(certs: &Certs, leaf: &super::Leaf, purpose: &str) -> Result<String, String> {
        openssl(&[
            "verify",
            "-CAfile",
            &certs.ca().to_string_lossy(),
            "-purpose",
            purpose,
            &leaf.chain.to_string_lossy(),
        ])
        .map_err(|error| error.to_string())
    }

    #[test]
    fn openssl_finds_them_as_they_should_be() {
        let certs = Certs::new().unwrap();
        for key in [Key::P256, Key::Rsa, Key::Ed25519] {
            let leaf = certs
                .issue(
                    "a",
                    &["a.example", "10.0.0.1", "::1"],
                    key,
                    Valid::Now,
                    Usage::Server,
                )
                .unwrap();
            verify(&certs, &leaf, "sslserver").unwrap();
            verify(&certs, &leaf, "sslclient").unwrap_err();
            assert_eq!(leaf.pin.len(), 64);
        }
        let client = certs.client("c", &["c.example"]).unwrap();
        verify(&certs, &client, "sslclient").unwrap();
        for (valid, why) in [(Valid::Past, "expired"), (Valid::Future, "not yet valid")] {
            let leaf = certs
                .issue("v", &["v.example"], Key::P256, valid, Usage::Server)
                .unwrap();
            let error = verify(&certs, &leaf, "sslserver").unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let other = Certs::new().unwrap();
        verify(&other, &client, "sslclient").unwrap_err();

        let list = certs.revoke("list", &[&client]).unwrap();
        let error = openssl(&[
            "verify",
            "-CAfile",
            &certs.ca().to_string_lossy(),
            "-crl_check",
            "-CRLfile",
            &list.to_string_lossy(),
            &client.chain.to_string_lossy(),
        ])
        .unwrap_err();
        assert!(error.to_string().contains("revoked"), "{error}");

        let encrypted = certs.encrypt(&client, "geheim").unwrap();
        let text = std::fs::read_to_string(encrypted).unwrap();
        assert!(text.contains("ENCRYPTED PRIVATE KEY"), "{text}");
    }
}
