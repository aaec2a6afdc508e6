//! TLS profiles. Files are named here, and read where they are used.

use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is had from; never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// `file:PATH`.
    File(PathBuf),
    /// `env:NAME`.
    Env(String),
}

/// `[[client_tls]]`: TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTlsPlan {
    /// Unique name.
    pub name: String,
    /// Never empty. The first answers clients that name no server, or one that none has.
    pub certificates: Vec<CertificatePlan>,
    /// Least version; 1.3 is always offered.
    pub min_version: TlsVersion,
    /// By preference. Never empty.
    pub cipher_suites: Vec<CipherSuite>,
    /// By preference. Never empty.
    pub groups: Vec<Group>,
    /// Session resumption.
    pub resumption: Resumption,
    /// Certificates of clients.
    pub client_auth: Option<ClientAuthPlan>,
}

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePlan {
    /// PEM, leaf first.
    pub chain: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: Secret,
    /// Of an encrypted PKCS#8 key.
    pub passphrase: Option<Secret>,
    /// Server names that it answers, lower case, `*.` in front for one label. Empty: those in
    /// the certificate.
    pub names: Vec<String>,
    /// DER of an OCSP response, stapled.
    pub ocsp: Option<PathBuf>,
}

/// Certificates of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthPlan {
    /// Must there be one?
    pub mode: ClientAuth,
    /// PEM of the authorities that may have signed it.
    pub ca: PathBuf,
    /// PEM of revocation lists.
    pub crl: Vec<PathBuf>,
}

/// Must a client have a certificate?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// If it has one, it must be good.
    Optional,
    /// It must have a good one.
    Required,
}

/// Session resumption towards clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// None.
    Off,
    /// Stateless tickets (RFC 8446 4.6.1, RFC 5077), under keys changed twice in this time, which
    /// is also how long a ticket is good.
    Tickets(Duration),
}

/// `[[server_tls]]`: TLS towards members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTlsPlan {
    /// Unique name.
    pub name: String,
    /// How it begins.
    pub start: Start,
    /// What the member must prove.
    pub verify: Verify,
    /// PEM of authorities. `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Name sent as SNI and looked for in the certificate. `None`: the member's host name, or else
    /// its address, which is not sent.
    pub server_name: Option<String>,
    /// Ours, for members that ask for one.
    pub certificate: Option<CertificatePlan>,
    /// Least version; 1.3 is always offered.
    pub min_version: TlsVersion,
    /// By preference. Never empty.
    pub cipher_suites: Vec<CipherSuite>,
    /// By preference. Never empty.
    pub groups: Vec<Group>,
    /// Sessions with members are resumed.
    pub resumption: bool,
}

/// How TLS to a member begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the connection.
    Implicit,
    /// By STARTTLS (RFC 3207), never without it.
    StartTls,
}

/// What a member must prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// Chain and name.
    Full,
    /// Chain only.
    Ca,
    /// One of these keys: SHA-256 of the certificate's `SubjectPublicKeyInfo`. Never empty.
    Pinned(Vec<[u8; 32]>),
    /// Nothing.
    None,
}

/// Version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// Cipher suites, all with forward secrecy and AEAD; the name in the configuration is that of
/// IANA's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of IANA's registry")]
pub enum CipherSuite {
    Tls13Aes128GcmSha256,
    Tls13Aes256GcmSha384,
    Tls13Chacha20Poly1305Sha256,
    EcdheEcdsaAes128GcmSha256,
    EcdheEcdsaAes256GcmSha384,
    EcdheEcdsaChacha20Poly1305Sha256,
    EcdheRsaAes128GcmSha256,
    EcdheRsaAes256GcmSha384,
    EcdheRsaChacha20Poly1305Sha256,
}

/// Key exchange groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// X25519 and ML-KEM-768, safe against quantum computers to come.
    X25519MlKem768,
    /// RFC 7748.
    X25519,
    /// NIST P-256.
    Secp256r1,
    /// NIST P-384.
    Secp384r1,
}
