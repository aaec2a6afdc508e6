//! What is said of each fault, and what never is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{KeyPair, date_time_ymd};

use super::fixture::*;
use crate::config::plan::{
    CertificatePlan, ClientAuth, ClientAuthPlan, ClientTlsPlan, Secret, ServerTlsPlan, Verify,
};

/// The errors of one client profile, with the folder's path taken out.
fn errors(site: &Site, plan: ClientTlsPlan) -> Vec<String> {
    told(site, &load(&[plan], &[]).err().unwrap_or_default())
}

fn server_errors(site: &Site, plan: ServerTlsPlan) -> Vec<String> {
    told(site, &load(&[], &[plan]).err().unwrap_or_default())
}

fn told<T: std::fmt::Display + std::fmt::Debug>(site: &Site, list: &[T]) -> Vec<String> {
    let folder = format!(
        "{}/",
        site.path("").display().to_string().trim_end_matches('/')
    );
    let data = format!("{}/", data("").display().to_string().trim_end_matches('/'));
    let plain = |text: String| text.replace(&folder, "").replace(&data, "");
    list.iter()
        .map(|item| {
            // Neither of the two forms may show what a file holds.
            for text in [item.to_string(), format!("{item:?}")] {
                for secret in ["open-sesame", "MIG", "MHc", "PRIVATE KEY-----"] {
                    assert!(!text.contains(secret), "{text}");
                }
            }
            plain(item.to_string())
        })
        .collect()
}

fn profile(change: impl FnOnce(&Site, &mut CertificatePlan)) -> Vec<String> {
    let site = Site::new();
    let mut certificate = site.certificate("mx", &["mx.example.org"]);
    change(&site, &mut certificate);
    errors(&site, client_tls(vec![certificate]))
}

/// Makes the file that stands for a chain.
type Chain<'a> = &'a dyn Fn(&Site) -> PathBuf;
/// Makes a plan wrong.
type Change<'a> = &'a dyn Fn(&Site, &mut CertificatePlan);

fn fixed(key: &str, passphrase: Option<&str>) -> Vec<String> {
    profile(|site, certificate| {
        certificate.chain = data("certificate.pem");
        certificate.key = Secret::File(data(key));
        certificate.passphrase = passphrase.map(|text| Secret::File(site.write("pass", text)));
    })
}

#[test]
fn every_fault_of_a_chain_is_named() {
    let table: &[(&str, Chain<'_>)] = &[
        ("gone.pem does not exist", &|site| site.path("gone.pem")),
        ("ca.pem/x does not exist", &|site| site.path("ca.pem/x")),
        ("d is not a regular file", &|site| {
            fs::create_dir(site.path("d")).unwrap();
            site.path("d")
        }),
        ("x is not PEM", &|site| site.write("x", b"\x30\x82binary")),
        ("x is not PEM", &|site| site.write("x", b"")),
        ("mx.key has no certificate", &|site| site.path("mx.key")),
        ("x is damaged: its PEM cannot be decoded", &|site| {
            site.write("x", "-----BEGIN CERTIFICATE-----\nAAAA\n")
        }),
        ("certificate 2 of x cannot be parsed", &|site| {
            let mut text = fs::read_to_string(site.path("mx.pem")).unwrap();
            text.push_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
            site.write("x", text)
        }),
        ("x is larger than 1024 KiB", &|site| {
            site.write("x", vec![b'x'; 1024 * 1024 + 1])
        }),
    ];
    for (text, chain) in table {
        let errors = profile(|site, certificate| certificate.chain = chain(site));
        assert_eq!(
            errors,
            [format!("client_tls \"public\", certificate: {text}")]
        );
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let errors = profile(|site, certificate| {
        let path = site.path("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        certificate.key = Secret::File(path);
    });
    assert_eq!(
        errors,
        ["client_tls \"public\", key: fifo is not a regular file"]
    );
}

#[test]
fn what_may_not_be_read_is_named() {
    let errors = profile(|site, certificate| {
        fs::set_permissions(site.path("mx.key"), fs::Permissions::from_mode(0o0)).unwrap();
        certificate.ocsp = None;
    });
    // Root may read all.
    if !rustix::process::geteuid().is_root() {
        assert_eq!(
            errors,
            ["client_tls \"public\", key: no permission to read mx.key"]
        );
    }
}

#[test]
fn every_fault_of_a_key_is_named() {
    let table: &[(&str, Change<'_>)] = &[
        ("key: gone.key does not exist", &|site, certificate| {
            certificate.key = Secret::File(site.path("gone.key"));
        }),
        (
            "key: the environment has no variable SMTP_LB_NO_SUCH",
            &|_, certificate| {
                certificate.key = Secret::Env("SMTP_LB_NO_SUCH".to_owned());
            },
        ),
        ("key: mx.pem has no private key", &|site, certificate| {
            certificate.key = Secret::File(site.path("mx.pem"));
        }),
        ("key: x is not PEM", &|site, certificate| {
            certificate.key = Secret::File(site.write("x", "open-sesame"));
        }),
        (
            "key: the private key in x is damaged or of a kind not supported",
            &|site, certificate| {
                let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
                certificate.key = Secret::File(site.write("x", text));
            },
        ),
        (
            "key: the private key in other.key does not belong to the certificate in mx.pem",
            &|site, certificate| {
                certificate.key = site.certificate("other", &["other"]).key;
            },
        ),
        (
            "certificate: the private key in mx.key belongs to certificate 2 of both.pem, \
             not the first",
            &|site, certificate| {
                let mut text = fs::read_to_string(site.path("ca.pem")).unwrap();
                text.push_str(&fs::read_to_string(site.path("mx.pem")).unwrap());
                certificate.chain = site.write("both.pem", text);
            },
        ),
    ];
    for (text, change) in table {
        assert_eq!(profile(change), [format!("client_tls \"public\", {text}")]);
    }
}

#[test]
fn encrypted_keys() {
    // Slow without optimisation, as it is meant to be.
    assert!(fixed("encrypted-scrypt.pem", Some("open-sesame")).is_empty());
    for file in ["encrypted-aes.pem", "encrypted-3des.pem"] {
        for passphrase in ["open-sesame", "open-sesame\n", "open-sesame\r\n"] {
            assert!(fixed(file, Some(passphrase)).is_empty(), "{file}");
        }
        let needed =
            format!("key: the private key in {file} is encrypted, and no passphrase is given");
        assert_eq!(
            fixed(file, None),
            [format!("client_tls \"public\", {needed}")]
        );
        let wrong =
            format!("passphrase: the passphrase does not decrypt the private key in {file}");
        for passphrase in ["", "open-sesam", "open-sesame\n\n", " open-sesame"] {
            assert_eq!(
                fixed(file, Some(passphrase)),
                [format!("client_tls \"public\", {wrong}")]
            );
        }
    }
    assert_eq!(
        fixed("legacy.pem", Some("open-sesame")),
        [
            "client_tls \"public\", key: the private key in legacy.pem is encrypted in the old way \
          (Proc-Type: 4,ENCRYPTED)"
        ]
    );
    assert_eq!(
        fixed("encrypted-pbes1.pem", Some("open-sesame")),
        [
            "client_tls \"public\", key: the private key in encrypted-pbes1.pem is damaged, or \
          encrypted with an algorithm not supported"
        ]
    );
}

#[test]
fn certificates_out_of_their_time() {
    let dated = |from: i32, to: i32| {
        let site = Site::new();
        let key = KeyPair::generate().unwrap();
        let certificate = site.certificate_with("mx", &["mx.example.org"], &key, |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        });
        errors(&site, client_tls(vec![certificate]))
    };
    assert!(dated(2026, 2027).is_empty());
    assert_eq!(
        dated(2025, 2026),
        [
            "client_tls \"public\", certificate: the certificate in mx.pem expired at \
          2026-01-01T00:00:00Z"
        ]
    );
    assert_eq!(
        dated(2027, 2028),
        [
            "client_tls \"public\", certificate: the certificate in mx.pem is not valid before \
          2027-01-01T00:00:00Z"
        ]
    );
}

#[test]
fn ocsp_responses() {
    let with = |site: &Site, ocsp: PathBuf| {
        let mut certificate = site.certificate("mx", &["mx.example.org"]);
        certificate.chain = data("certificate.pem");
        certificate.key = Secret::File(data("pkcs8.pem"));
        certificate.ocsp = Some(ocsp);
        client_tls(vec![certificate])
    };
    let site = Site::new();
    let sound = fs::read(data("ocsp.der")).unwrap();
    for (text, content) in [
        (
            "x is not an OCSP response in DER",
            b"-----BEGIN OCSP RESPONSE-----".as_slice(),
        ),
        (
            "x is not an OCSP response in DER",
            &sound[..sound.len() - 1],
        ),
        ("x is not an OCSP response in DER", b""),
        // tryLater (RFC 6960 4.2.1).
        (
            "the OCSP response in x is an error of the responder (3)",
            &[0x30, 3, 0x0a, 1, 3],
        ),
    ] {
        let found = errors(&site, with(&site, site.write("x", content)));
        assert_eq!(found, [format!("client_tls \"public\", ocsp: {text}")]);
    }
    let mut other = site.certificate("mx", &["mx.example.org"]);
    other.ocsp = Some(data("ocsp.der"));
    assert_eq!(
        errors(&site, client_tls(vec![other])),
        ["client_tls \"public\", ocsp: the OCSP response in ocsp.der is about another certificate"]
    );
    // One that is over is left out, as if it were not there.
    let plan = plan_of(&[with(&site, data("ocsp.der"))], &[]);
    let later = now() + std::time::Duration::from_hours(24 * 8);
    let (_, warnings) = super::super::Profiles::load_at(&plan, later).unwrap();
    assert_eq!(
        told(&site, &warnings)[0],
        "client_tls \"public\", ocsp: the OCSP response in ocsp.der expired at \
         2026-11-29T01:20:18Z, and is not stapled"
    );
    // Any octet may be wrong, and nothing panics.
    for at in 0..sound.len() {
        for value in [0, 0x30, 0x7f, 0x80, 0xff] {
            let mut der = sound.clone();
            der[at] = value;
            let _ = super::super::ocsp::parse(&der, &[1]);
            let _ = super::super::ocsp::parse(&der[..at], &[1]);
        }
    }
}

#[test]
fn authorities_and_revocations() {
    let with = |site: &Site, ca: PathBuf, crl: Vec<PathBuf>| {
        let mut plan = client_tls(vec![site.certificate("mx", &["mx.example.org"])]);
        let mode = ClientAuth::Required;
        plan.client_auth = Some(ClientAuthPlan { mode, ca, crl });
        errors(site, plan)
    };
    let site = Site::new();
    let ca = site.path("ca.pem");
    let leaf = site.certificate("leaf", &["x"]).chain;
    let damaged = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    for (text, found) in [
        (
            "client_ca: gone does not exist",
            with(&site, site.path("gone"), vec![]),
        ),
        (
            "client_ca: leaf.pem has no certificate of an authority",
            with(&site, leaf, vec![]),
        ),
        (
            "client_crl: gone does not exist",
            with(&site, ca.clone(), vec![site.path("gone")]),
        ),
        (
            "client_crl: ca.pem has no certificate revocation list",
            with(&site, ca.clone(), vec![ca.clone()]),
        ),
        (
            "client_crl: x is no usable certificate revocation list",
            with(&site, ca.clone(), vec![site.write("x", damaged)]),
        ),
    ] {
        assert_eq!(found, [format!("client_tls \"public\", {text}")]);
    }
    let mut plan = site.server_tls(Verify::Full);
    plan.ca = Some(site.path("mx.key"));
    assert_eq!(
        server_errors(&site, plan),
        ["server_tls \"inside\", ca: mx.key has no certificate"]
    );
}

#[test]
fn all_faults_of_all_profiles_at_once() {
    let site = Site::new();
    let mut first = site.certificate("mx", &["mx.example.org"]);
    first.chain = site.path("a");
    first.key = Secret::File(site.path("b"));
    let mut second = site.certificate("two", &["two.example.org"]);
    second.ocsp = Some(site.path("c"));
    let mut server = site.server_tls(Verify::Full);
    server.ca = Some(site.path("d"));
    let errors = load(&[client_tls(vec![first, second])], &[server]).unwrap_err();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error.place.table,
                error.place.certificate_for,
                error.place.key,
            )
        })
        .collect();
    assert_eq!(
        keys,
        [
            ("client_tls", None, "certificate"),
            ("client_tls", None, "key"),
            ("client_tls", Some(0), "ocsp"),
            ("server_tls", None, "ca"),
        ]
    );
    assert!(errors.iter().all(|error| !error.fault.help().is_empty()));
}

#[test]
fn what_is_hardly_meant_is_warned_of() {
    let site = Site::new();
    let mut first = site.certificate("mx", &["mx.example.org"]);
    fs::set_permissions(site.path("mx.key"), fs::Permissions::from_mode(0o644)).unwrap();
    first.passphrase = Some(Secret::File(site.write("pass", "open-sesame")));
    first.names = vec!["mx.example.org".to_owned(), "mx.example.net".to_owned()];
    let second = site.certificate("nameless", &[]);
    let (_, warnings) = load(&[client_tls(vec![first, second])], &[]).unwrap();
    let expected = [
        "key: every user of this host can read the secret in mx.key",
        "passphrase: the private key in mx.key is not encrypted, so the passphrase has no use",
        "names: the certificate in mx.pem is not for the name mx.example.net",
        "certificate: the certificate in nameless.pem holds no name, so nobody is ever given it",
    ];
    assert_eq!(
        told(&site, &warnings),
        expected.map(|text| format!("client_tls \"public\", {text}"))
    );
}
