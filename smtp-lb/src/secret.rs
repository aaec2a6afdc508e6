//! Files and secrets from outside, with a bound on each.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::plan::Secret;

/// Where something was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.to_string_lossy().escape_debug().fmt(f),
            Self::Env(name) => write!(f, "env:{}", name.escape_debug()),
        }
    }
}

impl From<&Path> for Origin {
    fn from(path: &Path) -> Self {
        Self::File(path.to_path_buf())
    }
}

impl From<&Secret> for Origin {
    fn from(secret: &Secret) -> Self {
        match secret {
            Secret::File(path) => Self::File(path.clone()),
            Secret::Env(name) => Self::Env(name.clone()),
        }
    }
}

/// Why something cannot be read. Its text never holds what was read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No such file.
    #[error("{0} does not exist")]
    Missing(Origin),
    /// No permission to read it, or to enter a folder above it.
    #[error("no permission to read {0}")]
    Denied(Origin),
    /// A folder, socket, device or pipe.
    #[error("{0} is not a regular file")]
    NotAFile(Origin),
    /// Larger than any sound one of its kind.
    #[error("{0} is larger than {1} KiB")]
    TooLarge(Origin, u64),
    /// Another reason.
    #[error("cannot read {0}: {1}")]
    Failed(Origin, #[source] io::Error),
    /// The variable is not set.
    #[error("the environment has no variable {}", .0.escape_debug())]
    NoVariable(String),
}

impl Unreadable {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "give the path of a file that exists; a relative path counts from where smtp-lb was started"
            }
            Self::Denied(_) => "run as root, or give the user of smtp-lb the right to read it",
            Self::NotAFile(_) => "give the path of a regular file",
            Self::TooLarge(..) => "see that it is the right file",
            Self::Failed(..) => "see to the file or its disk",
            Self::NoVariable(_) => "set it where smtp-lb is started, or use file:PATH",
        }
    }
}

/// Reads a whole regular file of at most `limit` octets. Zeroised, because a chain's file may
/// hold the key too.
pub(crate) fn file(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Missing(path.into()),
        io::ErrorKind::PermissionDenied => Unreadable::Denied(path.into()),
        _ => Unreadable::Failed(path.into(), error),
    };
    // Before it is opened: to open a pipe may wait for ever.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Unreadable::NotAFile(path.into()));
    }
    let too_large = || Unreadable::TooLarge(path.into(), limit / 1024);
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

/// Reads a secret of at most `limit` octets.
pub(crate) fn secret(secret: &Secret, limit: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    match secret {
        Secret::File(path) => file(path, limit),
        Secret::Env(name) => match std::env::var_os(name) {
            Some(value) if value.len() as u64 > limit => {
                Err(Unreadable::TooLarge(Origin::from(secret), limit / 1024))
            }
            Some(value) => Ok(Zeroizing::new(value.into_vec())),
            None => Err(Unreadable::NoVariable(name.clone())),
        },
    }
}

/// Reads a password: the newline that editors leave at the end of a file is not of it.
pub(crate) fn password(from: &Secret, limit: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let mut octets = secret(from, limit)?;
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
    Ok(octets)
}

/// Whether everybody on the host may read the file.
pub(crate) fn is_open(secret: &Secret) -> bool {
    match secret {
        Secret::File(path) => fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0),
        Secret::Env(_) => false,
    }
}
