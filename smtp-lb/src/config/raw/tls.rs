//! `[[client_tls]]` and `[[server_tls]]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{At, SecretText};

/// TLS towards clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientTls {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// PEM file of the certificate and its chain, leaf first. It answers clients that name no
    /// server, or one that none has.
    #[schemars(required, extend("examples" = ["/etc/smtp-lb/mx.pem"]))]
    pub certificate: Option<At<String>>,
    /// The certificate's private key: `"file:PATH"` or `"env:NAME"` of a PEM.
    #[schemars(required, extend("examples" = ["file:/etc/smtp-lb/mx.key"]))]
    pub key: Option<At<SecretText>>,
    /// Of an encrypted PKCS#8 key: `"file:PATH"` or `"env:NAME"`.
    #[schemars(extend("examples" = ["env:MX_PASSPHRASE"]))]
    pub passphrase: Option<At<SecretText>>,
    /// File of a DER OCSP response, stapled to the certificate.
    #[schemars(extend("examples" = ["/etc/smtp-lb/mx.ocsp"]))]
    pub ocsp: Option<At<String>>,
    /// Further certificates, chosen by the server name that a client sends (SNI).
    #[serde(default)]
    pub certificate_for: Vec<CertificateFor>,
    /// Least version of TLS; 1.3 is always offered. Default: `"1.2"`.
    pub min_version: Option<TlsVersion>,
    /// Cipher suites by preference. Default: all, AES-128 before AES-256 before `ChaCha20`.
    #[schemars(length(min = 1))]
    #[schemars(extend("examples" = [["TLS_AES_128_GCM_SHA256"]]))]
    pub cipher_suites: Option<At<Vec<At<CipherSuite>>>>,
    /// Key exchange groups by preference. Default: all, in the order of their words here.
    #[schemars(length(min = 1), extend("examples" = [["X25519MLKEM768", "X25519"]]))]
    pub groups: Option<At<Vec<At<Group>>>>,
    /// How long a session can be resumed by its ticket, `"1m"` to `"7d"`, or `"off"`. The keys of
    /// tickets are changed twice in this time. Default: `"12h"`.
    #[schemars(extend("examples" = ["12h"]))]
    pub resumption: Option<At<String>>,
    /// Whether clients must have a certificate. Default: `"none"`.
    pub client_certificate: Option<At<ClientCertificate>>,
    /// PEM file of the authorities that may have signed clients' certificates.
    #[schemars(extend("examples" = ["/etc/smtp-lb/clients.pem"]))]
    pub client_ca: Option<At<String>>,
    /// PEM files of lists of revoked client certificates. Default: none.
    #[schemars(length(min = 1), extend("examples" = [["/etc/smtp-lb/clients.crl"]]))]
    pub client_crl: Option<At<Vec<At<String>>>>,
}

/// A further certificate, chosen by SNI.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateFor {
    /// Server names that it answers; `*.` stands for one label. Default: those in the certificate.
    #[schemars(length(min = 1), extend("examples" = [["*.example.org"]]))]
    pub names: Option<At<Vec<At<String>>>>,
    /// PEM file of the certificate and its chain, leaf first.
    #[schemars(required, extend("examples" = ["/etc/smtp-lb/mx.pem"]))]
    pub certificate: Option<At<String>>,
    /// The certificate's private key: `"file:PATH"` or `"env:NAME"` of a PEM.
    #[schemars(required, extend("examples" = ["file:/etc/smtp-lb/mx.key"]))]
    pub key: Option<At<SecretText>>,
    /// Of an encrypted PKCS#8 key: `"file:PATH"` or `"env:NAME"`.
    #[schemars(extend("examples" = ["env:MX_PASSPHRASE"]))]
    pub passphrase: Option<At<SecretText>>,
    /// File of a DER OCSP response, stapled to the certificate.
    #[schemars(extend("examples" = ["/etc/smtp-lb/mx.ocsp"]))]
    pub ocsp: Option<At<String>>,
}

/// Whether clients must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientCertificate {
    /// They are not asked for one.
    None,
    /// If a client has one, it must be good.
    Optional,
    /// A client must have a good one.
    Required,
}

/// TLS towards members.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerTls {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// How TLS begins. Default: `"implicit"`.
    pub start: Option<At<Start>>,
    /// What a member must prove. Default: `"full"`.
    pub verify: Option<At<Verify>>,
    /// PEM file of the authorities that members' certificates must come from. With `full` and
    /// `ca`. Default: the system's.
    #[schemars(extend("examples" = ["/etc/smtp-lb/inside-ca.pem"]))]
    pub ca: Option<At<String>>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of keys that members may have: `sha256:` and base64, or
    /// 64 hexadecimal digits. With `pinned`.
    #[schemars(length(min = 1))]
    #[schemars(extend("examples" = [["sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]]))]
    pub pins: Option<At<Vec<At<String>>>>,
    /// Name sent as SNI and looked for in the member's certificate. Default: the member's host
    /// name, or else its address, which is not sent.
    #[schemars(extend("examples" = ["mail.example.org"]))]
    pub server_name: Option<At<String>>,
    /// PEM file of our certificate and its chain, for members that ask for one. Default: none.
    #[schemars(extend("examples" = ["/etc/smtp-lb/lb.pem"]))]
    pub certificate: Option<At<String>>,
    /// The certificate's private key: `"file:PATH"` or `"env:NAME"` of a PEM.
    #[schemars(extend("examples" = ["file:/etc/smtp-lb/lb.key"]))]
    pub key: Option<At<SecretText>>,
    /// Of an encrypted PKCS#8 key: `"file:PATH"` or `"env:NAME"`.
    #[schemars(extend("examples" = ["env:LB_PASSPHRASE"]))]
    pub passphrase: Option<At<SecretText>>,
    /// Least version of TLS; 1.3 is always offered. Default: `"1.2"`.
    pub min_version: Option<TlsVersion>,
    /// Cipher suites by preference. Default: all, AES-128 before AES-256 before `ChaCha20`.
    #[schemars(length(min = 1))]
    #[schemars(extend("examples" = [["TLS_AES_128_GCM_SHA256"]]))]
    pub cipher_suites: Option<At<Vec<At<CipherSuite>>>>,
    /// Key exchange groups by preference. Default: all, in the order of their words here.
    #[schemars(length(min = 1), extend("examples" = [["X25519MLKEM768", "X25519"]]))]
    pub groups: Option<At<Vec<At<Group>>>>,
    /// Sessions with members are resumed. Default: true.
    pub resumption: Option<bool>,
}

/// How TLS to a member begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Start {
    /// With the connection.
    Implicit,
    /// By STARTTLS, never without it. SMTP is read.
    Starttls,
}

/// What a member must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verify {
    /// Chain and name.
    Full,
    /// Chain only.
    Ca,
    /// That it has one of the keys in `pins`.
    Pinned,
    /// Nothing: whoever answers is believed.
    None,
}

/// Version of TLS.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// A cipher suite, by its name in IANA's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum CipherSuite {
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Tls13Aes128GcmSha256,
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Tls13Aes256GcmSha384,
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    Tls13Chacha20Poly1305Sha256,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdheEcdsaAes128GcmSha256,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]
    EcdheEcdsaAes256GcmSha384,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdheEcdsaChacha20Poly1305Sha256,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    EcdheRsaAes128GcmSha256,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    EcdheRsaAes256GcmSha384,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdheRsaChacha20Poly1305Sha256,
}

/// A key exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Group {
    /// X25519 with ML-KEM-768, safe against quantum computers to come. TLS 1.3 only.
    #[serde(rename = "X25519MLKEM768")]
    X25519MlKem768,
    /// RFC 7748.
    X25519,
    /// NIST P-256.
    #[serde(rename = "secp256r1")]
    Secp256r1,
    /// NIST P-384.
    #[serde(rename = "secp384r1")]
    Secp384r1,
}
