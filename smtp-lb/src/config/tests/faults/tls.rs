//! TLS profiles that mean nothing.

use super::says;

fn client(keys: &str) -> String {
    format!(
        "[[client_tls]]\nname = \"c\"\ncertificate = \"/c.pem\"\nkey = \"file:/c.key\"\n{keys}\n"
    )
}

fn server(keys: &str) -> String {
    format!("[[server_tls]]\nname = \"s\"\n{keys}\n")
}

#[test]
fn certificates_of_clients() {
    says(
        &client("client_certificate = \"required\"\nclient_crl = [\"/crl\"]"),
        &[(
            5,
            "\"required\"",
            "`client_ca` is needed to check clients' certificates",
            "add `client_ca = \"/etc/smtp-lb/clients.pem\"`",
        )],
    );
    let unasked = |key: &str| {
        (
            format!("`{key}` means nothing: clients are not asked for certificates"),
            format!(
                "write `client_certificate = \"required\"` or `\"optional\"`, or leave `{key}` out"
            ),
        )
    };
    let (ca, crl) = (unasked("client_ca"), unasked("client_crl"));
    for asked in ["", "client_certificate = \"none\""] {
        says(
            &client(&format!(
                "{asked}\nclient_ca = \"/ca\"\nclient_crl = [\"/crl\"]"
            )),
            &[
                (6, "\"/ca\"", &ca.0, &ca.1),
                (7, "[\"/crl\"]", &crl.0, &crl.1),
            ],
        );
    }
    says(
        &client("client_certificate = \"require\"\nclient_ca = \"/ca\""),
        &[(
            5,
            "\"require\"",
            "unknown word `require` for `client_certificate`",
            "did you mean `\"required\"`?",
        )],
    );
}

#[test]
fn client_profiles() {
    says(
        "[[client_tls]]\nname = \"c\"\n[[client_tls.certificate_for]]\nnames = []",
        &[
            (
                1,
                "[[client_tls]]",
                "`certificate` is missing from `client_tls`",
                "add `certificate = \"/etc/smtp-lb/mx.pem\"`",
            ),
            (
                1,
                "[[client_tls]]",
                "`key` is missing from `client_tls`",
                "add `key = \"file:/etc/smtp-lb/mx.key\"`",
            ),
            (
                3,
                "[[client_tls.certificate_for]]",
                "`certificate` is missing from `client_tls.certificate_for`",
                "add `certificate = \"/etc/smtp-lb/mx.pem\"`",
            ),
            (
                3,
                "[[client_tls.certificate_for]]",
                "`key` is missing from `client_tls.certificate_for`",
                "add `key = \"file:/etc/smtp-lb/mx.key\"`",
            ),
            (
                4,
                "[]",
                "`names` is empty",
                "name at least one, as `[\"*.example.org\"]`, or leave `names` out",
            ),
        ],
    );
    says(
        &client(
            "ocsp = \"mx.ocsp\"\nmin_version = \"1.1\"\nresumption = \"30s\"\n\
             [[client_tls.certificate_for]]\nnames = [\"*.a.org\", \"*.A.org\", \"192.0.2.1\", \"a.*\"]\n\
             certificate = \"file:/n.pem\"\nkey = \"file:n.key\"\npassphrase = \"env:A-B\"",
        ),
        &[
            (
                5,
                "\"mx.ocsp\"",
                "`mx.ocsp` is not an absolute path",
                "write the whole path, beginning with `/`",
            ),
            (
                6,
                "\"1.1\"",
                "unknown word `1.1` for `min_version`",
                "did you mean `\"1.2\"`?",
            ),
            (
                7,
                "\"30s\"",
                "`30s` is out of bounds",
                "write a duration from `\"1m\"` to `\"7d\"`",
            ),
            (
                9,
                "\"*.A.org\"",
                "this server name is named twice",
                "name it once",
            ),
            (
                9,
                "\"192.0.2.1\"",
                "`192.0.2.1` is not the name of a server",
                "write a host name, as `\"mail.example.org\"`, or `\"*.example.org\"` for one label more",
            ),
            (
                9,
                "\"a.*\"",
                "`a.*` is not the name of a server",
                "write a host name, as `\"mail.example.org\"`, or `\"*.example.org\"` for one label more",
            ),
            (
                10,
                "\"file:/n.pem\"",
                "`file:/n.pem` is not an absolute path",
                "write `\"/n.pem\"`: it is no secret",
            ),
            (
                11,
                "\"file:n.key\"",
                "`file:` is not followed by an absolute path",
                "write `\"file:/etc/smtp-lb/mx.key\"`, with the whole path",
            ),
            (
                12,
                "\"*******\"",
                "`env:` is not followed by the name of an environment variable",
                "write letters, digits and `_`, as `\"env:MX_SECRET\"`",
            ),
        ],
    );
}

#[test]
fn cipher_suites_and_groups() {
    let only_1_3 = "[\"TLS_AES_128_GCM_SHA256\"]";
    let only_1_2 = "[\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]";
    for profile in [client, server] {
        let last = profile("").lines().count();
        says(
            &profile(&format!("cipher_suites = {only_1_3}")),
            &[(
                last,
                only_1_3,
                "no cipher suite is of TLS 1.2, which is offered",
                "write `min_version = \"1.3\"`, or name one, as `\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"`",
            )],
        );
        for version in ["", "min_version = \"1.3\""] {
            says(
                &profile(&format!("cipher_suites = {only_1_2}\n{version}")),
                &[(
                    last,
                    only_1_2,
                    "no cipher suite is of TLS 1.3, which is always offered",
                    "name one, as `\"TLS_AES_128_GCM_SHA256\"`",
                )],
            );
        }
        says(
            &profile("groups = [\"X25519MLKEM768\"]"),
            &[(
                last,
                "[\"X25519MLKEM768\"]",
                "TLS 1.2 cannot use `X25519MLKEM768`, and no other group is named",
                "name `\"X25519\"` too, or write `min_version = \"1.3\"`",
            )],
        );
        says(
            &profile("groups = [\"X25519\", \"x448\", \"X25519\"]\ncipher_suites = []"),
            &[
                (
                    last,
                    "\"x448\"",
                    "unknown word `x448` for `groups`",
                    "write `\"X25519MLKEM768\"`, `\"X25519\"`, `\"secp256r1\"` or `\"secp384r1\"`",
                ),
                (
                    last,
                    "\"X25519\"",
                    "this group is named twice",
                    "name it once",
                ),
                (
                    last + 1,
                    "[]",
                    "`cipher_suites` is empty",
                    "name at least one, as `[\"TLS_AES_128_GCM_SHA256\"]`, or leave `cipher_suites` out",
                ),
            ],
        );
        // What was taken out might have been the one that is missed.
        says(
            &profile("cipher_suites = [\"TLS_AES_128_GCM_SHA256\", \"TLS_AES_128_GCM_SHA257\"]"),
            &[(
                last,
                "\"TLS_AES_128_GCM_SHA257\"",
                "unknown word `TLS_AES_128_GCM_SHA257` for `cipher_suites`",
                "did you mean `\"TLS_AES_128_GCM_SHA256\"`?",
            )],
        );
    }
}

#[test]
fn verification() {
    let pin = "\"sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"";
    let pins = format!("[{pin}]");
    says(
        &server("verify = \"pinned\"\nca = \"/ca\""),
        &[(
            4,
            "\"/ca\"",
            "`ca` means nothing with `verify = \"pinned\"`",
            "write `verify = \"full\"`, or leave `ca` out",
        )],
    );
    says(
        &server("verify = \"pinned\""),
        &[(
            3,
            "\"pinned\"",
            "`verify = \"pinned\"` needs `pins`",
            "add `pins = [\"sha256:…\"]`, the SHA-256 of each member's public key",
        )],
    );
    for (verify, word) in [
        ("", "full"),
        ("verify = \"full\"", "full"),
        ("verify = \"ca\"", "ca"),
        ("verify = \"none\"", "none"),
    ] {
        says(
            &server(&format!("{verify}\npins = {pins}")),
            &[(
                4,
                &pins,
                &format!("`pins` means nothing with `verify = \"{word}\"`"),
                "write `verify = \"pinned\"`, or leave `pins` out",
            )],
        );
    }
    says(
        &server("verify = \"none\"\nca = \"/ca\""),
        &[(
            4,
            "\"/ca\"",
            "`ca` means nothing with `verify = \"none\"`",
            "write `verify = \"full\"`, or leave `ca` out",
        )],
    );
    says(
        &server(&format!(
            "verify = \"pinned\"\npins = [{pin}, \"sha256:x\", {pin}]\nserver_name = \"10.0.0.1\"\nstart = \"tls\""
        )),
        &[
            (
                4,
                "\"sha256:x\"",
                "`sha256:x` is not a pin",
                "write `sha256:` and the SHA-256 of the public key, in base64 or 64 hexadecimal digits",
            ),
            (4, pin, "this key is named twice", "name it once"),
            (
                5,
                "\"10.0.0.1\"",
                "`10.0.0.1` is not the name of a server",
                "write a host name, as `\"mail.example.org\"`",
            ),
            (
                6,
                "\"tls\"",
                "unknown word `tls` for `start`",
                "write `\"implicit\"` or `\"starttls\"`",
            ),
        ],
    );
}

#[test]
fn our_certificate() {
    says(
        &server("certificate = \"/c.pem\"\npassphrase = \"env:P\""),
        &[(
            3,
            "\"/c.pem\"",
            "the certificate has no key",
            "add `key = \"file:/etc/smtp-lb/lb.key\"`",
        )],
    );
    says(
        &server("key = \"file:/k\""),
        &[(
            3,
            "\"file:/k\"",
            "the key has no certificate",
            "add `certificate = \"/etc/smtp-lb/lb.pem\"`",
        )],
    );
    says(
        &server("passphrase = \"env:P\""),
        &[(
            3,
            "\"env:P\"",
            "the passphrase is of no key",
            "add `key = \"file:/etc/smtp-lb/lb.key\"` and `certificate = \"/etc/smtp-lb/lb.pem\"`",
        )],
    );
}

#[test]
fn names_are_unique() {
    says(
        &format!("{}{}", client(""), client("")),
        &[(
            7,
            "\"c\"",
            "the name `c` is taken",
            "write a name that no other has",
        )],
    );
}
