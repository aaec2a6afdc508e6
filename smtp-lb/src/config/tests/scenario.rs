//! What sound scenarios, TLS profiles and gateways become.

use std::time::Duration;

use super::{hides_clients, read};
use crate::config::plan::*;

/// One virtual server with these keys, and a profile of each kind with these keys.
fn config(keys: &str, client: &str, server: &str) -> String {
    format!(
        "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n{keys}\n\
         [[pool]]\nname = \"p\"\nmembers = [\"mx.example.org:25\", \"10.0.0.1:25\"]\n\
         [[client_tls]]\nname = \"c\"\ncertificate = \"/c.pem\"\nkey = \"file:/c.key\"\n{client}\n\
         [[server_tls]]\nname = \"s\"\n{server}\n"
    )
}

fn plan(keys: &str, client: &str, server: &str) -> Plan {
    let loaded = read(&config(keys, client, server));
    loaded.unwrap_or_else(|found| panic!("{found}")).plan
}

const SUITES: [CipherSuite; 9] = [
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

const GROUPS: [Group; 4] = [
    Group::X25519MlKem768,
    Group::X25519,
    Group::Secp256r1,
    Group::Secp384r1,
];

const BOTH: &str = "mode = \"bridge\"\nclient_tls = \"c\"\nserver_tls = \"s\"";

#[test]
fn defaults() {
    let plan = plan(BOTH, "", "");
    let server = &plan.virtual_servers[0];
    assert_eq!(server.mode, Mode::Bridge);
    assert_eq!(
        (server.client_tls, server.server_tls),
        (Some(ClientTlsId(0)), Some(ServerTlsId(0)))
    );
    assert_eq!(server.gateway, None);
    assert_eq!(
        plan.client_tls,
        [ClientTlsPlan {
            name: "c".into(),
            certificates: vec![CertificatePlan {
                chain: "/c.pem".into(),
                key: Secret::File("/c.key".into()),
                passphrase: None,
                names: vec![],
                ocsp: None,
            }],
            min_version: TlsVersion::V1_2,
            cipher_suites: SUITES.into(),
            groups: GROUPS.into(),
            resumption: Resumption::Tickets(Duration::from_hours(12)),
            client_auth: None,
        }]
    );
    assert_eq!(
        plan.server_tls,
        [ServerTlsPlan {
            name: "s".into(),
            start: Start::Implicit,
            verify: Verify::Full,
            ca: None,
            server_name: None,
            certificate: None,
            min_version: TlsVersion::V1_2,
            cipher_suites: SUITES.into(),
            groups: GROUPS.into(),
            resumption: true,
        }]
    );
    let hosts = plan.pools[0].members.iter().map(|it| it.host.as_deref());
    assert_eq!(hosts.collect::<Vec<_>>(), [Some("mx.example.org"), None]);
}

#[test]
fn every_key_of_a_client_profile() {
    let plan = plan(
        BOTH,
        r#"
        passphrase = "env:PASS"
        ocsp = "/c.ocsp"
        min_version = "1.3"
        cipher_suites = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
        groups = ["X25519MLKEM768"]
        resumption = "off"
        client_certificate = "optional"
        client_ca = "/ca.pem"
        client_crl = ["/a.crl", "/b.crl"]
        [[client_tls.certificate_for]]
        names = ["*.Example.net", "b"]
        certificate = "/n.pem"
        key = "env:KEY"
        passphrase = "file:/p"
        ocsp = "/n.ocsp"
        [[client_tls.certificate_for]]
        certificate = "/o.pem"
        key = "file:/o.key"
        "#,
        "",
    );
    let profile = &plan.client_tls[0];
    let [first, named, own] = &profile.certificates[..] else {
        panic!("three certificates")
    };
    assert_eq!(first.passphrase, Some(Secret::Env("PASS".into())));
    assert_eq!(first.ocsp, Some("/c.ocsp".into()));
    assert_eq!(
        *named,
        CertificatePlan {
            chain: "/n.pem".into(),
            key: Secret::Env("KEY".into()),
            passphrase: Some(Secret::File("/p".into())),
            names: vec!["*.example.net".into(), "b".into()],
            ocsp: Some("/n.ocsp".into()),
        }
    );
    assert!(own.names.is_empty());
    assert_eq!(profile.min_version, TlsVersion::V1_3);
    assert_eq!(
        profile.cipher_suites,
        [
            CipherSuite::Tls13Chacha20Poly1305Sha256,
            CipherSuite::Tls13Aes128GcmSha256
        ]
    );
    assert_eq!(profile.groups, [Group::X25519MlKem768]);
    assert_eq!(profile.resumption, Resumption::Off);
    assert_eq!(
        profile.client_auth,
        Some(ClientAuthPlan {
            mode: ClientAuth::Optional,
            ca: "/ca.pem".into(),
            crl: vec!["/a.crl".into(), "/b.crl".into()],
        })
    );
}

#[test]
fn every_key_of_a_server_profile() {
    let keys = r#"
        start = "starttls"
        verify = "ca"
        ca = "/ca.pem"
        server_name = "Mail.example.org"
        certificate = "/lb.pem"
        key = "file:/lb.key"
        passphrase = "env:P"
        min_version = "1.3"
        cipher_suites = ["TLS_AES_256_GCM_SHA384"]
        groups = ["secp384r1", "secp256r1"]
        resumption = false
    "#;
    let plan = plan(BOTH, "", keys);
    assert_eq!(
        plan.server_tls[0],
        ServerTlsPlan {
            name: "s".into(),
            start: Start::StartTls,
            verify: Verify::Ca,
            ca: Some("/ca.pem".into()),
            server_name: Some("mail.example.org".into()),
            certificate: Some(CertificatePlan {
                chain: "/lb.pem".into(),
                key: Secret::File("/lb.key".into()),
                passphrase: Some(Secret::Env("P".into())),
                names: vec![],
                ocsp: None,
            }),
            min_version: TlsVersion::V1_3,
            cipher_suites: vec![CipherSuite::Tls13Aes256GcmSha384],
            groups: vec![Group::Secp384r1, Group::Secp256r1],
            resumption: false,
        }
    );
    // STARTTLS to members takes someone who reads.
    assert!(plan.virtual_servers[0].gateway.is_some());
}

#[test]
fn pins() {
    let hex = "00".repeat(32);
    let plan = plan(
        BOTH,
        "",
        &format!(
            "verify = \"pinned\"\npins = [\"sha256:{hex}\", \"sha256:/{}8=\"]",
            "/".repeat(41)
        ),
    );
    assert_eq!(
        plan.server_tls[0].verify,
        Verify::Pinned(vec![[0; 32], [0xff; 32]])
    );
}

#[test]
fn words_of_cipher_suites_are_iana_s() {
    let names = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    let plan = plan(BOTH, &format!("cipher_suites = {names:?}"), "");
    assert_eq!(plan.client_tls[0].cipher_suites, SUITES);
}

/// By default it is there where it must be, and nowhere else.
#[test]
fn gateways_implied() {
    let (c, s) = ("client_tls = \"c\"", "server_tls = \"s\"");
    let starttls = "start = \"starttls\"";
    for (mode, profiles, server, read) in [
        ("plain", String::new(), "", false),
        ("offload", c.to_owned(), "", false),
        ("bridge", format!("{c}\n{s}"), "", false),
        ("passthrough", String::new(), "", false),
        ("encrypt-server-side", s.to_owned(), "", false),
        ("starttls", c.to_owned(), "", true),
        ("starttls", format!("{c}\n{s}"), "", true),
        ("starttls", format!("{c}\n{s}"), starttls, true),
        ("bridge", format!("{c}\n{s}"), starttls, true),
        ("encrypt-server-side", s.to_owned(), starttls, true),
        // Another's profile.
        ("plain", String::new(), starttls, false),
    ] {
        let keys = format!("mode = \"{mode}\"\n{profiles}");
        let implied = plan(&keys, "", server).virtual_servers.remove(0).gateway;
        assert_eq!(implied.is_some(), read, "{keys}");
        if mode != "passthrough" {
            let written = plan(&format!("{keys}\ngateway = {{}}"), "", server);
            let written = written.virtual_servers[0].gateway.clone();
            assert!(written.is_some(), "{keys}");
            assert!(implied.is_none() || implied == written);
        }
    }
}

#[test]
fn gateway_keys() {
    let keys = "mode = \"starttls\"\nclient_tls = \"c\"\n[virtual_server.gateway]";
    let gateway = |more: &str| {
        let mut plan = plan(&format!("{keys}\n{more}"), "", "");
        plan.virtual_servers.remove(0).gateway.unwrap()
    };
    let defaults = gateway("");
    assert!(!defaults.hostname.is_empty());
    assert_eq!(
        defaults,
        GatewayPlan {
            hostname: defaults.hostname.clone(),
            banner: "{hostname} ESMTP".into(),
            starttls: Activation::Require,
            balance_unit: BalanceUnit::Message,
            line_endings: LineEndings::Reject,
            clear_auth: false,
            xclient: true,
            bad_commands: 20,
            junk_commands: 100,
            recipients: 1000,
            command_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(3),
            min_rate: 16,
            reply_timeout: Duration::from_mins(5),
            data_reply_timeout: Duration::from_mins(10),
        }
    );
    let all = r#"
        hostname = "MX.example.org"
        banner = "{member} by {hostname}"
        starttls = "allow"
        balance_unit = "session"
        line_endings = "normalize"
        clear_auth = true
        xclient = "off"
        bad_commands = 2
        junk_commands = 3
        recipients = 4
        command_timeout = "5s"
        data_timeout = "6s"
        min_rate = 0
        reply_timeout = "7s"
        data_reply_timeout = "8s"
    "#;
    assert_eq!(
        gateway(all),
        GatewayPlan {
            hostname: "MX.example.org".into(),
            banner: "{member} by {hostname}".into(),
            starttls: Activation::Allow,
            balance_unit: BalanceUnit::Session,
            line_endings: LineEndings::Normalize,
            clear_auth: true,
            xclient: false,
            bad_commands: 2,
            junk_commands: 3,
            recipients: 4,
            command_timeout: Duration::from_secs(5),
            data_timeout: Duration::from_secs(6),
            min_rate: 0,
            reply_timeout: Duration::from_secs(7),
            data_reply_timeout: Duration::from_secs(8),
        }
    );
    assert_eq!(gateway("starttls = \"none\"").starttls, Activation::None);
}

#[test]
fn handshake_timeout() {
    let plan = plan(
        &format!("{BOTH}\nlimits = {{ handshake_timeout = \"1ms\" }}"),
        "",
        "",
    );
    let limits = &plan.virtual_servers[0].limits;
    assert_eq!(limits.handshake_timeout, Duration::from_millis(1));
}

#[test]
fn warned_of() {
    let warned = |keys: &str, client: &str, server: &str| -> Vec<(String, String)> {
        let text = config(keys, client, server);
        let loaded = read(&text).unwrap_or_else(|found| panic!("{found}"));
        let found = loaded.warnings.iter().filter(|it| !hides_clients(it));
        found
            .map(|it| (it.text.to_owned(), it.message.to_owned()))
            .collect()
    };
    let said = |text: &str, message: &str| (text.to_owned(), message.to_owned());
    assert_eq!(warned(BOTH, "", ""), []);
    assert_eq!(
        warned("", "", ""),
        [
            said("\"c\"", "no virtual server uses the profile `c`"),
            said("\"s\"", "no virtual server uses the profile `s`"),
        ]
    );
    assert_eq!(
        warned(BOTH, "", "verify = \"none\""),
        [said(
            "\"none\"",
            "members are not verified: whoever answers at their address gets the mail"
        )]
    );
    assert_eq!(
        warned(
            BOTH,
            "min_version = \"1.3\"\ncipher_suites = [\"TLS_AES_128_GCM_SHA256\", \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]",
            "",
        ),
        [said(
            "[\"TLS_AES_128_GCM_SHA256\", \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]",
            "cipher suites of TLS 1.2 mean nothing with `min_version = \"1.3\"`"
        )]
    );

    let used = "mode = \"starttls\"\nclient_tls = \"c\"\nserver_tls = \"s\"\n";
    let gateway = |keys: &str| format!("{used}[virtual_server.gateway]\n{keys}");
    assert_eq!(
        warned(&gateway("starttls = \"none\""), "", ""),
        [said(
            "\"none\"",
            "no client can use TLS: STARTTLS is not offered"
        )]
    );
    let meaningless = [said(
        "true",
        "`clear_auth` means nothing: no client gets that far without TLS",
    )];
    assert_eq!(warned(&gateway("clear_auth = true"), "", ""), meaningless);
    assert_eq!(
        warned(
            &format!("{BOTH}\ngateway = {{ clear_auth = true }}"),
            "",
            ""
        ),
        meaningless
    );
    assert_eq!(
        warned(&gateway("clear_auth = true\nstarttls = \"allow\""), "", ""),
        []
    );

    let monitored = |start: &str| {
        let text = config(BOTH, "", start).replace(
            "[[client_tls]]",
            "monitors = [\"m\"]\n[[monitor]]\nname = \"m\"\ntype = \"smtp\"\n[[client_tls]]",
        );
        let warnings = read(&text).unwrap().warnings;
        warnings
            .iter()
            .filter(|it| !hides_clients(it))
            .map(|it| (it.text.to_owned(), it.message.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(monitored("start = \"starttls\""), []);
    assert_eq!(
        monitored(""),
        [said(
            "\"s\"",
            "the members of `p` expect TLS, and their monitor of type `smtp` speaks without it: \
             they will be down"
        )]
    );
}
