//! What is wrong with a profile's files, and what to do about it.

use std::time::SystemTime;

use crate::config::{Finding, Place};
pub use crate::secret::{Origin, Unreadable};

/// A profile that cannot be used. Its text never holds what a file holds.
#[derive(Debug, thiserror::Error)]
#[error("{} \"{}\", {}: {fault}", .place.table, .place.profile.escape_debug(), .place.key)]
pub struct TlsError {
    /// The setting that names the file.
    pub place: Place,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be had at all.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Nothing in it looks like PEM.
    #[error("{0} is not PEM")]
    NotPem(Origin),
    /// PEM that ends early, or whose base64 is none.
    #[error("{0} is damaged: its PEM cannot be decoded")]
    DamagedPem(Origin),
    /// PEM, but no certificate in it.
    #[error("{0} has no certificate")]
    NoCertificate(Origin),
    /// What stands as a certificate is none.
    #[error("certificate {1} of {0} cannot be parsed")]
    BadCertificate(Origin, usize),
    /// PEM, but no private key in it.
    #[error("{0} has no private key")]
    NoKey(Origin),
    /// RFC 1421 encryption, whose key derivation is one round of MD5.
    #[error("the private key in {0} is encrypted in the old way (Proc-Type: 4,ENCRYPTED)")]
    LegacyEncryption(Origin),
    /// Encrypted, and no passphrase is configured.
    #[error("the private key in {0} is encrypted, and no passphrase is given")]
    PassphraseNeeded(Origin),
    /// The passphrase does not open it.
    #[error("the passphrase does not decrypt the private key in {0}")]
    WrongPassphrase(Origin),
    /// Encrypted in a way that is not known here, or a damaged key.
    #[error("the private key in {0} is damaged, or encrypted with an algorithm not supported")]
    UnsupportedEncryption(Origin),
    /// Neither ECDSA P-256, P-384 or P-521, nor RSA, nor Ed25519.
    #[error("the private key in {0} is damaged or of a kind not supported")]
    UnsupportedKey(Origin),
    /// The key is not that of the certificate.
    #[error("the private key in {key} does not belong to the certificate in {chain}")]
    Mismatch {
        /// The key.
        key: Origin,
        /// The chain.
        chain: Origin,
    },
    /// The key is that of another certificate of the chain.
    #[error("the private key in {key} belongs to certificate {position} of {chain}, not the first")]
    Order {
        /// The key.
        key: Origin,
        /// The chain.
        chain: Origin,
        /// Which, from 1.
        position: usize,
    },
    /// Its time is over.
    #[error("the certificate in {0} expired at {at}", at = moment(*.1))]
    Expired(Origin, SystemTime),
    /// Its time has not come.
    #[error("the certificate in {0} is not valid before {at}", at = moment(*.1))]
    NotYetValid(Origin, SystemTime),
    /// Certificates, but none that can sign others.
    #[error("{0} has no certificate of an authority")]
    NoAuthority(Origin),
    /// The machine has no authorities.
    #[error("no certificates of authorities found on this system")]
    NoSystemAuthorities,
    /// PEM, but no revocation list in it.
    #[error("{0} has no certificate revocation list")]
    NoCrl(Origin),
    /// What stands as a revocation list is none.
    #[error("{0} is no usable certificate revocation list")]
    BadCrl(Origin),
    /// Not what RFC 6960 describes.
    #[error("{0} is not an OCSP response in DER")]
    OcspNotDer(Origin),
    /// The responder had no answer to give.
    #[error("the OCSP response in {0} is an error of the responder ({1})")]
    OcspRefused(Origin, u8),
    /// It speaks of other certificates only.
    #[error("the OCSP response in {0} is about another certificate")]
    OcspOther(Origin),
    /// The settings do not go together.
    #[error("the settings do not go together: {0}")]
    Unusable(String),
}

impl Fault {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable(why) => why.help(),
            Self::NotPem(_) => {
                "give a file with lines as -----BEGIN …-----; `openssl x509 -inform der` and \
                 `openssl pkey -inform der` make one of DER"
            }
            Self::DamagedPem(_) => "copy the file anew, with its BEGIN and END lines",
            Self::NoCertificate(_) => {
                "give the certificate, followed by those between it and its root"
            }
            Self::BadCertificate(..) => "see what `openssl x509 -text` says of it",
            Self::NoKey(_) => {
                "give a file with BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY"
            }
            Self::LegacyEncryption(_) => {
                "`openssl pkcs8 -topk8 -in OLD -out NEW` encrypts it in a way that is supported"
            }
            Self::PassphraseNeeded(_) => "add passphrase = \"file:PATH\" or \"env:NAME\"",
            Self::WrongPassphrase(_) => {
                "give its passphrase; one newline at the end of a file does not count"
            }
            Self::UnsupportedEncryption(_) => {
                "`openssl pkcs8 -topk8 -v2 aes-256-cbc` encrypts it in a way that is supported"
            }
            Self::UnsupportedKey(_) => {
                "use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519"
            }
            Self::Mismatch { .. } => "give the key that the certificate was made with",
            Self::Order { .. } => "put the certificate of the key first, then those that signed it",
            Self::Expired(..) => "renew the certificate",
            Self::NotYetValid(..) => "see that the clock of this host is right",
            Self::NoAuthority(_) => "give the certificates of the authorities to trust, as PEM",
            Self::NoSystemAuthorities => {
                "install the system's (package ca-certificates), or set ca"
            }
            Self::NoCrl(_) => "give a file with -----BEGIN X509 CRL-----",
            Self::BadCrl(_) => "see what `openssl crl -text` says of it",
            Self::OcspNotDer(_) => "write it with `openssl ocsp -respout FILE`",
            Self::OcspRefused(..) => "ask the responder anew, or leave ocsp out",
            Self::OcspOther(_) => "ask for the response anew: it belongs to one certificate only",
            Self::Unusable(_) => "see min_version, cipher_suites and groups",
        }
    }

    /// Of the setting `key`.
    pub(super) fn of(self, key: &'static str) -> Flaw {
        Flaw { key, fault: self }
    }
}

/// A fault and the key of the setting that it is of, in a profile yet to be named.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) key: &'static str,
    pub(super) fault: Fault,
}

/// Something usable, and yet hardly meant. Its text never holds what a file holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} \"{}\", {}: {notice}", .place.table, .place.profile.escape_debug(), .place.key)]
pub struct Warning {
    /// The setting.
    pub place: Place,
    /// What of it.
    pub notice: Notice,
}

/// What is hardly meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// The file of a key or passphrase can be read by everybody on the host.
    #[error("every user of this host can read the secret in {0}")]
    SecretReadable(Origin),
    /// Nothing is encrypted with it.
    #[error("the private key in {0} is not encrypted, so the passphrase has no use")]
    PassphraseUnused(Origin),
    /// Clients that ask for this name will not accept the certificate.
    #[error("the certificate in {0} is not for the name {1}")]
    NameNotCovered(Origin, String),
    /// No client can ask for it.
    #[error("the certificate in {0} holds no name, so nobody is ever given it")]
    NeverChosen(Origin),
    /// Its end is near.
    #[error("the certificate in {0} is valid until {at} only", at = moment(*.1))]
    ExpiresSoon(Origin, SystemTime),
    /// It is not stapled.
    #[error("the OCSP response in {0} expired at {at}, and is not stapled", at = moment(*.1))]
    OcspExpired(Origin, SystemTime),
    /// It is stapled, and says so to clients.
    #[error("the OCSP response in {0} says that the certificate is revoked or not known")]
    OcspNotGood(Origin),
    /// It counts still, but newer revocations are not in it.
    #[error("the revocation list in {0} should have been replaced at {at}", at = moment(*.1))]
    CrlStale(Origin, SystemTime),
}

impl Notice {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::SecretReadable(_) => "`chmod o= FILE`",
            Self::PassphraseUnused(_) => "leave passphrase out",
            Self::NameNotCovered(..) => "leave it out of names, or give a certificate for it",
            Self::NeverChosen(_) => "add names = [\"mx.example.org\"]",
            Self::ExpiresSoon(..) => "renew the certificate; a new file is taken up by itself",
            Self::OcspExpired(..) | Self::CrlStale(..) => {
                "fetch it anew; a new file is taken up by itself"
            }
            Self::OcspNotGood(_) => "replace the certificate",
        }
    }
}

impl From<&TlsError> for Finding {
    fn from(error: &TlsError) -> Self {
        Self {
            place: error.place.clone(),
            message: error.to_string(),
            help: error.fault.help().to_owned(),
        }
    }
}

impl From<&Warning> for Finding {
    fn from(warning: &Warning) -> Self {
        Self {
            place: warning.place.clone(),
            message: warning.to_string(),
            help: warning.notice.help().to_owned(),
        }
    }
}

/// As RFC 3339 writes it, to the second.
pub(super) fn moment(at: SystemTime) -> String {
    let second = super::certificate::unix(at);
    jiff::Timestamp::from_second(second).map_or_else(|_| second.to_string(), |at| at.to_string())
}
