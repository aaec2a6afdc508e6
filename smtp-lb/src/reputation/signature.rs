//! Signatures of minisign.

use std::io::{self, Read};

use minisign_verify::{PublicKey, Signature};
use thiserror::Error;

use super::fetch::FetchError;

/// Octets of a signature file at the most.
pub(super) const MAX_SIGNATURE: u64 = 8 * 1024;

/// Why a signature is not good.
#[derive(Debug, Error)]
pub(super) enum SignatureError {
    /// It cannot be had.
    #[error("the signature: {0}")]
    Fetch(#[source] FetchError),
    /// The configured key is none.
    #[error("public_key is no key of minisign")]
    Key,
    /// The signature file is none.
    #[error("the signature file is none of minisign's")]
    Unreadable,
    /// Of the old kind, which is over the whole file at once.
    #[error("the signature is of the old kind; sign with `minisign -S -H`")]
    Old,
    /// It is not of this feed, or not by this key.
    #[error("the signature is not good")]
    Wrong,
    /// The feed cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
}

/// Where the signature of what is at a URL lies: beside it, whatever its query.
pub(super) fn url(of: &str) -> String {
    let end = of.find(['?', '#']).unwrap_or(of.len());
    let (path, rest) = of.split_at(end);
    format!("{path}.minisig{rest}")
}

/// Holds a feed against its signature.
pub(super) fn verify(
    key: &str,
    signature: &str,
    mut feed: impl Read,
) -> Result<(), SignatureError> {
    let key = PublicKey::from_base64(key).map_err(|_| SignatureError::Key)?;
    let signature = Signature::decode(signature).map_err(|_| SignatureError::Unreadable)?;
    let mut verifier = key.verify_stream(&signature).map_err(|error| match error {
        minisign_verify::Error::UnsupportedLegacyMode => SignatureError::Old,
        _ => SignatureError::Wrong,
    })?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = feed.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        verifier.update(&buffer[..read]);
    }
    verifier.finalize().map_err(|_| SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    // minisign's own example, in its documentation.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/\
        z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1556193335\tfile:test\n\
        y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";

    #[test]
    fn a_signature_lies_beside_its_feed() {
        assert_eq!(url("https://a/b.txt"), "https://a/b.txt.minisig");
        assert_eq!(url("https://a/b?key=1"), "https://a/b.minisig?key=1");
    }

    #[test]
    fn only_what_was_signed_is_good() {
        assert!(verify(KEY, SIGNATURE, &b"test"[..]).is_ok());
        assert!(matches!(
            verify(KEY, SIGNATURE, &b"tesT"[..]),
            Err(SignatureError::Wrong)
        ));
        assert!(matches!(
            verify(KEY, "no signature", &b"test"[..]),
            Err(SignatureError::Unreadable)
        ));
        assert!(matches!(
            verify("RWQ", SIGNATURE, &b"test"[..]),
            Err(SignatureError::Key)
        ));
        let other = KEY.replace("79ml", "79mm");
        assert!(verify(&other.replace("Y7GF", "Y7GG"), SIGNATURE, &b"test"[..]).is_err());
    }
}
