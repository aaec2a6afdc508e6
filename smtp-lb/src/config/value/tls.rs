//! Names, pins and files of TLS profiles.

use std::path::PathBuf;

use super::endpoint::is_host_name;
use super::{Fault, text};
use crate::config::diagnostic::quote;

/// Octets of a SHA-256 digest.
const DIGEST: usize = 32;

/// Reads the path of a PEM or DER file. What holds the file's text instead is not repeated: a
/// key may be in it.
pub(crate) fn file(written: &str) -> Result<PathBuf, Fault> {
    if written.contains("-----BEGIN") || written.contains('\n') {
        return Err(Fault::new(
            "this is the text of a file, not its path",
            "put it into a file, and write the file's whole path, beginning with `/`",
        ));
    }
    if let Some(path) = written.strip_prefix("file:") {
        return Err(Fault::new(
            format!("{} is not an absolute path", quote(written)),
            format!("write {}: it is no secret", quote(&format!("\"{path}\""))),
        ));
    }
    text::path(written)
}

/// Reads the name of a server as SNI has it: in lower case, never an address.
pub(crate) fn server_name(written: &str) -> Result<String, Fault> {
    if is_dns_name(written) {
        return Ok(written.to_ascii_lowercase());
    }
    Err(Fault::new(
        format!("{} is not the name of a server", quote(written)),
        "write a host name, as `\"mail.example.org\"`",
    ))
}

/// As [`server_name`], with `*.` in front for any one label.
pub(crate) fn server_name_pattern(written: &str) -> Result<String, Fault> {
    if is_dns_name(written.strip_prefix("*.").unwrap_or(written)) {
        return Ok(written.to_ascii_lowercase());
    }
    Err(Fault::new(
        format!("{} is not the name of a server", quote(written)),
        "write a host name, as `\"mail.example.org\"`, or `\"*.example.org\"` for one label more",
    ))
}

/// Reads `sha256:` and base64 with its padding, or 64 hexadecimal digits.
pub(crate) fn pin(written: &str) -> Result<[u8; DIGEST], Fault> {
    let digits = written.strip_prefix("sha256:");
    digits
        .and_then(|digits| hex(digits).or_else(|| base64(digits)))
        .ok_or_else(|| {
            Fault::new(
                format!("{} is not a pin", quote(written)),
                "write `sha256:` and the SHA-256 of the public key, in base64 or 64 hexadecimal \
                 digits",
            )
        })
}

fn is_dns_name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or(text);
    is_host_name(text) && !text.ends_with('.') && !last.bytes().all(|b| b.is_ascii_digit())
}

fn hex(text: &str) -> Option<[u8; DIGEST]> {
    if text.len() != DIGEST * 2 {
        return None;
    }
    let mut digest = [0; DIGEST];
    for (octet, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16);
        *octet = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(digest)
}

/// 43 digits of six bits and one `=` (RFC 4648 section 4); the last two bits are zero.
fn base64(text: &str) -> Option<[u8; DIGEST]> {
    let digits = text.strip_suffix('=')?.as_bytes();
    if digits.len() != 43 {
        return None;
    }
    let (mut digest, mut bits, mut held) = ([0; DIGEST], 0_u32, 0);
    let mut octets = digest.iter_mut();
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            *octets.next()? = u8::try_from(bits >> held).ok()?;
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files() {
        assert_eq!(file("/etc/x.pem"), Ok("/etc/x.pem".into()));
        for text in ["x.pem", "file:/etc/x.pem", "", "/x\n"] {
            assert!(file(text).is_err(), "{text}");
        }
        let fault = file("-----BEGIN PRIVATE KEY-----\nc2VjcmV0").unwrap_err();
        assert!(!format!("{fault:?}").contains("c2Vj"), "{fault:?}");
    }

    #[test]
    fn names() {
        assert_eq!(server_name("MX.example.org"), Ok("mx.example.org".into()));
        assert_eq!(
            server_name_pattern("*.Example.org"),
            Ok("*.example.org".into())
        );
        assert_eq!(server_name_pattern("localhost"), Ok("localhost".into()));
        for text in [
            "",
            "a b",
            "mx.",
            "192.0.2.1",
            "[::1]",
            "::1",
            "*.",
            "*",
            "a.*.b",
            "*.*.b",
            "mx\u{e9}",
            "*.1",
        ] {
            assert!(server_name_pattern(text).is_err(), "{text}");
            assert!(server_name(text).is_err(), "{text}");
        }
        assert!(server_name("*.example.org").is_err());
    }

    #[test]
    fn pins() {
        // SHA-256 of nothing.
        let digest = pin("sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").unwrap();
        assert_eq!((digest[0], digest[31]), (0xe3, 0x55));
        assert_eq!(
            pin("sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            Ok(digest)
        );
        for text in [
            "",
            "sha256:",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            // The last digit has bits that no octet takes.
            "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "sha256:47DEQpj8HBSa-_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8",
        ] {
            assert!(pin(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn pins_are_read_back(digest in any::<[u8; DIGEST]>()) {
            let hex = digest.map(|octet| format!("{octet:02x}")).concat();
            prop_assert_eq!(pin(&format!("sha256:{hex}")), Ok(digest));
        }

        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = (pin(&format!("sha256:{text}")), server_name_pattern(&text), file(&text));
        }
    }
}
