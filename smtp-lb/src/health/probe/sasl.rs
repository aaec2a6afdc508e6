//! What a client says in AUTH: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195). In base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use zeroize::Zeroizing;

use super::Cause;

/// Text that gives a secret away.
pub(super) type Text = Zeroizing<String>;

pub(super) fn encode(octets: &[u8]) -> Text {
    Zeroizing::new(STANDARD.encode(octets))
}

/// The one response of PLAIN, without an authorization identity.
pub(super) fn plain(user: &[u8], password: &[u8]) -> Text {
    let message = Zeroizing::new([b"\0", user, b"\0", password].concat());
    encode(&message)
}

/// The response of CRAM-MD5 to the text of a 334.
pub(super) fn cram_md5(user: &[u8], password: &[u8], challenge: &[u8]) -> Result<Text, Cause> {
    use std::fmt::Write as _;

    let challenge = STANDARD.decode(challenge).map_err(|_| Cause::Challenge)?;
    // A key may have any length; were one refused, the exchange could not go on.
    let mut mac = Hmac::<Md5>::new_from_slice(password).map_err(|_| Cause::Challenge)?;
    mac.update(&challenge);
    let digest = mac.finalize().into_bytes();
    let mut hex = String::with_capacity(32);
    for octet in digest {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{octet:02x}");
    }
    Ok(encode(&[user, b" ", hex.as_bytes()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_rfcs() {
        // RFC 4616 section 4, RFC 2195 section 2.
        assert_eq!(
            *plain(b"tim", b"tanstaaftanstaaf"),
            "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
        );
        let challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        assert_eq!(
            *cram_md5(b"tim", b"tanstaaftanstaaf", challenge).unwrap(),
            "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
        );
        assert!(cram_md5(b"tim", b"x", b"no base64").is_err());
    }
}
