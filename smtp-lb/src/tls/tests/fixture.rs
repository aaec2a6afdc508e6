//! Authorities, certificates, plans that name them, and two ends without a network.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};

use super::super::{Profiles, TlsError, Warning};
use crate::config::plan::{
    CertificatePlan, CipherSuite, ClientTlsPlan, Group, Plan, Resumption, Secret, ServerTlsPlan,
    Start, TlsVersion, Verify,
};
use crate::config::{SystemResolver, parse};

/// 2026-11-23, a day after the files of `data/` were made.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(498_720)
}

pub(super) const SUITES: [CipherSuite; 9] = [
    CipherSuite::Tls13Aes128GcmSha256,
    CipherSuite::Tls13Aes256GcmSha384,
    CipherSuite::Tls13Chacha20Poly1305Sha256,
    CipherSuite::EcdheEcdsaAes128GcmSha256,
    CipherSuite::EcdheRsaAes128GcmSha256,
    CipherSuite::EcdheEcdsaAes256GcmSha384,
    CipherSuite::EcdheRsaAes256GcmSha384,
    CipherSuite::EcdheEcdsaChacha20Poly1305Sha256,
    CipherSuite::EcdheRsaChacha20Poly1305Sha256,
];

pub(super) const GROUPS: [Group; 4] = [
    Group::X25519MlKem768,
    Group::X25519,
    Group::Secp256r1,
    Group::Secp384r1,
];

/// A file of `data/`.
pub(super) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/tls/tests/data")
        .join(name)
}

static SITES: AtomicU64 = AtomicU64::new(0);

/// An authority, and a folder for files.
pub(super) struct Site {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Site {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        // A name of its own: another authority is unknown, not false.
        let name = format!("authority {}", SITES.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let folder = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes as tools do that replace a certificate: a new file, moved over the old one.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let fresh = self.path("fresh");
        fs::write(&fresh, content).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(fresh, self.path(name)).unwrap();
        self.path(name)
    }

    /// A certificate of the authority for these names, in `NAME.pem` and `NAME.key`.
    pub(super) fn certificate(&self, name: &str, names: &[&str]) -> CertificatePlan {
        self.certificate_with(name, names, &KeyPair::generate().unwrap(), |_| {})
    }

    pub(super) fn certificate_with(
        &self,
        name: &str,
        names: &[&str],
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificatePlan {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        CertificatePlan {
            chain: self.write(&format!("{name}.pem"), certificate.pem()),
            key: Secret::File(self.write(&format!("{name}.key"), key.serialize_pem())),
            passphrase: None,
            names: vec![],
            ocsp: None,
        }
    }

    /// A list of the authority that revokes a serial number.
    pub(super) fn crl(&self, name: &str, serial: u64) -> PathBuf {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap();
        self.write(name, list.pem().unwrap())
    }

    /// A server profile that trusts the authority.
    pub(super) fn server_tls(&self, verify: Verify) -> ServerTlsPlan {
        ServerTlsPlan {
            name: "inside".to_owned(),
            start: Start::Implicit,
            verify,
            ca: Some(self.path("ca.pem")),
            server_name: None,
            certificate: None,
            min_version: TlsVersion::V1_2,
            cipher_suites: SUITES.to_vec(),
            groups: GROUPS.to_vec(),
            resumption: true,
        }
    }
}

pub(super) fn client_tls(certificates: Vec<CertificatePlan>) -> ClientTlsPlan {
    ClientTlsPlan {
        name: "public".to_owned(),
        certificates,
        min_version: TlsVersion::V1_2,
        cipher_suites: SUITES.to_vec(),
        groups: GROUPS.to_vec(),
        resumption: Resumption::Tickets(Duration::from_hours(12)),
        client_auth: None,
    }
}

pub(super) fn plan_of(clients: &[ClientTlsPlan], servers: &[ServerTlsPlan]) -> Plan {
    Plan {
        client_tls: clients.to_vec(),
        server_tls: servers.to_vec(),
        ..parse("test", "", &SystemResolver).map_or_else(|e| panic!("{e}"), |read| read.plan)
    }
}

/// What loading them says.
pub(super) fn load(
    clients: &[ClientTlsPlan],
    servers: &[ServerTlsPlan],
) -> Result<(Profiles, Vec<Warning>), Vec<TlsError>> {
    Profiles::load_at(&plan_of(clients, servers), now())
}

/// The configuration of a client profile that has no fault.
pub(super) fn accepting(plan: ClientTlsPlan) -> Arc<ServerConfig> {
    let (profiles, _) = load(&[plan], &[]).expect("no fault");
    profiles.clients[0].config()
}

/// The same of a server profile.
pub(super) fn connecting(plan: ServerTlsPlan) -> Arc<ClientConfig> {
    let (profiles, _) = load(&[], &[plan]).expect("no fault");
    profiles.servers[0].config()
}

/// Both ends of a connection after the handshake and the tickets.
pub(super) struct Ends {
    pub(super) client: ClientConnection,
    pub(super) server: ServerConnection,
}

/// Why it failed, and at whose end first.
#[derive(Debug)]
pub(super) enum Failed {
    Client(Error),
    Server(Error),
}

/// A handshake in memory.
pub(super) fn shake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<Ends, Failed> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut ends = Ends {
        client: ClientConnection::new(Arc::clone(client), name).unwrap(),
        server: ServerConnection::new(Arc::clone(server)).unwrap(),
    };
    while ends.client.wants_write() || ends.server.wants_write() {
        let mut wire = Vec::new();
        while ends.client.wants_write() {
            ends.client.write_tls(&mut wire).unwrap();
        }
        let mut read = wire.as_slice();
        while !read.is_empty() {
            ends.server.read_tls(&mut read).unwrap();
            ends.server.process_new_packets().map_err(Failed::Server)?;
        }
        let mut wire = Vec::new();
        while ends.server.wants_write() {
            ends.server.write_tls(&mut wire).unwrap();
        }
        let mut read = wire.as_slice();
        while !read.is_empty() {
            ends.client.read_tls(&mut read).unwrap();
            ends.client.process_new_packets().map_err(Failed::Client)?;
        }
    }
    assert!(!ends.client.is_handshaking() && !ends.server.is_handshaking());
    Ok(ends)
}

/// As [`shake`], of what must succeed.
pub(super) fn shaken(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, name: &str) -> Ends {
    shake(client, server, name).unwrap_or_else(|failed| panic!("{failed:?}"))
}

impl Ends {
    /// The certificate that the server showed.
    pub(super) fn shown(&self) -> Vec<u8> {
        self.client.peer_certificates().unwrap()[0].to_vec()
    }
}

/// The leaf of a chain's file.
pub(super) fn leaf(plan: &CertificatePlan) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(&plan.chain).unwrap().to_vec()
}
