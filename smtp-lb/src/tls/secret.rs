//! Files and secrets from outside, with a bound on each.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::error::{Fault, Origin};
use crate::config::plan::Secret;

/// Largest key, certificate chain, OCSP response or passphrase, in octets.
pub(super) const SMALL: u64 = 1024 * 1024;
/// Largest file of authorities or of revocations, in octets.
pub(super) const LARGE: u64 = 64 * 1024 * 1024;

/// Reads a whole regular file of at most `limit` octets. Zeroised, because a chain's file may
/// hold the key too.
pub(super) fn file(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Fault::Missing(path.into()),
        io::ErrorKind::PermissionDenied => Fault::Denied(path.into()),
        _ => Fault::Unreadable(path.into(), error),
    };
    // Before it is opened: to open a pipe may wait for ever.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile(path.into()));
    }
    let too_large = || Fault::TooLarge(path.into(), limit / 1024);
    if metadata.len() > limit {
        return Err(too_large());
    }
    // Of its full size at once: a vector that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(capacity(metadata.len())));
    let opened = File::open(path).map_err(failed)?;
    opened
        .take(limit + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(octets)
}

/// Reading to the end wants a little more room than what there is.
fn capacity(length: u64) -> usize {
    usize::try_from(length)
        .unwrap_or_default()
        .saturating_add(64)
}

/// Reads a secret.
pub(super) fn secret(secret: &Secret) -> Result<Zeroizing<Vec<u8>>, Fault> {
    match secret {
        Secret::File(path) => file(path, SMALL),
        Secret::Env(name) => match std::env::var_os(name) {
            Some(value) if value.len() as u64 > SMALL => {
                Err(Fault::TooLarge(Origin::from(secret), SMALL / 1024))
            }
            Some(value) => Ok(Zeroizing::new(value.into_vec())),
            None => Err(Fault::NoVariable(name.clone())),
        },
    }
}

/// Reads a passphrase: the newline that editors leave at the end of a file is not of it.
pub(super) fn passphrase(from: &Secret) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut octets = secret(from)?;
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
    Ok(octets)
}

/// Whether everybody on the host may read the file.
pub(super) fn is_open(secret: &Secret) -> bool {
    match secret {
        Secret::File(path) => fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0),
        Secret::Env(_) => false,
    }
}
