//! What client and server TLS profiles share: certificates, versions, cipher suites, groups.

use std::ops::Range;

use super::{Check, Checked, all};
use crate::config::diagnostic::Diagnostic;
use crate::config::plan::{CipherSuite, Group, Secret, TlsVersion};
use crate::config::raw::{self, At, SecretText};
use crate::config::value;

/// By preference: AES-128 is as safe as a session needs and cheaper than AES-256; `ChaCha20` is for
/// peers that have nothing else.
const CIPHER_SUITES: [CipherSuite; 9] = [
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

/// What a handshake may be made of.
pub(super) struct Parameters {
    pub min_version: TlsVersion,
    pub cipher_suites: Vec<CipherSuite>,
    pub groups: Vec<Group>,
}

/// The keys of a profile that say so, and where to find it among the errors.
pub(super) struct Written<'a> {
    /// `client_tls` or `server_tls`.
    pub section: &'static str,
    pub min_version: Option<raw::TlsVersion>,
    pub cipher_suites: Option<&'a At<Vec<At<raw::CipherSuite>>>>,
    pub groups: Option<&'a At<Vec<At<raw::Group>>>>,
}

pub(super) fn parameters(check: &mut Check<'_>, written: &Written<'_>) -> Checked<Parameters> {
    let min_version = match written.min_version {
        None | Some(raw::TlsVersion::V1_2) => TlsVersion::V1_2,
        Some(raw::TlsVersion::V1_3) => TlsVersion::V1_3,
    };
    let cipher_suites = written
        .cipher_suites
        .map_or(Ok(CIPHER_SUITES.to_vec()), |list| {
            let suites = each_once(check, list, "cipher suite", cipher_suite)?;
            whole_list(check, written, "cipher_suites")?;
            usable_suites(check, list, &suites, min_version)?;
            Ok(suites)
        });
    let groups = written.groups.map_or(Ok(GROUPS.to_vec()), |list| {
        let groups = each_once(check, list, "group", group)?;
        whole_list(check, written, "groups")?;
        if min_version == TlsVersion::V1_2 && groups == [Group::X25519MlKem768] {
            return Err(check.error(
                list,
                "TLS 1.2 cannot use `X25519MLKEM768`, and no other group is named",
                "name `\"X25519\"` too, or write `min_version = \"1.3\"`",
            ));
        }
        Ok(groups)
    });
    Ok(Parameters {
        min_version,
        cipher_suites: cipher_suites?,
        groups: groups?,
    })
}

fn usable_suites(
    check: &mut Check<'_>,
    list: &At<Vec<At<raw::CipherSuite>>>,
    suites: &[CipherSuite],
    min_version: TlsVersion,
) -> Checked<()> {
    let of_1_3 = |suite: &CipherSuite| version(*suite) == TlsVersion::V1_3;
    if !suites.iter().any(of_1_3) {
        return Err(check.error(
            list,
            "no cipher suite is of TLS 1.3, which is always offered",
            "name one, as `\"TLS_AES_128_GCM_SHA256\"`",
        ));
    }
    let of_1_2 = suites.iter().any(|suite| !of_1_3(suite));
    match min_version {
        TlsVersion::V1_2 if !of_1_2 => Err(check.error(
            list,
            "no cipher suite is of TLS 1.2, which is offered",
            "write `min_version = \"1.3\"`, or name one, as \
             `\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"`",
        )),
        TlsVersion::V1_3 if of_1_2 => {
            check.warning(
                list,
                "cipher suites of TLS 1.2 mean nothing with `min_version = \"1.3\"`",
                "leave out those with `_WITH_` in their names",
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether nothing was taken out of a list of this section, so that what it lacks was not written.
fn whole_list(check: &Check<'_>, written: &Written<'_>, key: &str) -> Checked<()> {
    check.pruned.section(&format!("{}.{key}", written.section))
}

fn each_once<W: Copy + PartialEq, P>(
    check: &mut Check<'_>,
    list: &[At<W>],
    noun: &str,
    plan: impl Fn(W) -> P,
) -> Checked<Vec<P>> {
    // No list has so many different words: a longer one has repeated itself by then, and what is
    // told of it is bounded.
    const MAX_WORDS: usize = 16;
    all(list.iter().take(MAX_WORDS).enumerate().map(|(at, word)| {
        match list[..at].iter().find(|earlier| ***earlier == **word) {
            None => Ok(plan(**word)),
            Some(first) => Err(twice(check, word, noun, first.span())),
        }
    }))
}

/// Tells of a thing that stands twice in its list.
pub(super) fn twice<T>(
    check: &mut Check<'_>,
    at: &At<T>,
    noun: &str,
    first: Range<usize>,
) -> crate::config::diagnostic::Reported {
    let message = format!("this {noun} is named twice");
    check
        .report
        .error(Diagnostic::new(at.span(), message, "name it once").also(first, "first named here"))
}

/// A key or its passphrase: where it is had from.
pub(super) fn secret(
    check: &mut Check<'_>,
    text: &At<SecretText>,
    example: &str,
) -> Checked<Secret> {
    check.value(text, |text| value::secret::parse(text, example))
}

/// As [`secret`], for what may be left out.
pub(super) fn secret_any(
    check: &mut Check<'_>,
    text: Option<&At<SecretText>>,
    example: &str,
) -> Checked<Option<Secret>> {
    text.map(|text| secret(check, text, example)).transpose()
}

/// The path of a file, for what may be left out.
pub(super) fn file_any(
    check: &mut Check<'_>,
    text: Option<&At<String>>,
) -> Checked<Option<std::path::PathBuf>> {
    text.map(|text| check.value(text, value::tls::file))
        .transpose()
}

fn version(suite: CipherSuite) -> TlsVersion {
    match suite {
        CipherSuite::Tls13Aes128GcmSha256
        | CipherSuite::Tls13Aes256GcmSha384
        | CipherSuite::Tls13Chacha20Poly1305Sha256 => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    }
}

fn cipher_suite(word: raw::CipherSuite) -> CipherSuite {
    match word {
        raw::CipherSuite::Tls13Aes128GcmSha256 => CipherSuite::Tls13Aes128GcmSha256,
        raw::CipherSuite::Tls13Aes256GcmSha384 => CipherSuite::Tls13Aes256GcmSha384,
        raw::CipherSuite::Tls13Chacha20Poly1305Sha256 => CipherSuite::Tls13Chacha20Poly1305Sha256,
        raw::CipherSuite::EcdheEcdsaAes128GcmSha256 => CipherSuite::EcdheEcdsaAes128GcmSha256,
        raw::CipherSuite::EcdheEcdsaAes256GcmSha384 => CipherSuite::EcdheEcdsaAes256GcmSha384,
        raw::CipherSuite::EcdheEcdsaChacha20Poly1305Sha256 => {
            CipherSuite::EcdheEcdsaChacha20Poly1305Sha256
        }
        raw::CipherSuite::EcdheRsaAes128GcmSha256 => CipherSuite::EcdheRsaAes128GcmSha256,
        raw::CipherSuite::EcdheRsaAes256GcmSha384 => CipherSuite::EcdheRsaAes256GcmSha384,
        raw::CipherSuite::EcdheRsaChacha20Poly1305Sha256 => {
            CipherSuite::EcdheRsaChacha20Poly1305Sha256
        }
    }
}

fn group(word: raw::Group) -> Group {
    match word {
        raw::Group::X25519MlKem768 => Group::X25519MlKem768,
        raw::Group::X25519 => Group::X25519,
        raw::Group::Secp256r1 => Group::Secp256r1,
        raw::Group::Secp384r1 => Group::Secp384r1,
    }
}
