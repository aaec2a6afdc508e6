//! The folder of what must survive a restart (`[general] state_path`).
//!
//! Who keeps something there names a file, writes it whole and reads it within a bound of its own.
//! A daemon has its folder for itself. All of it blocks.

mod durable;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why the folder, or a file in it, cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {source}", .path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Every user may put files there.
    #[error("everybody may write in {}: take that right away with `chmod o-w`", .0.display())]
    Open(PathBuf),
    /// Another daemon keeps its state there.
    #[error("another smtp-lb uses {}: give one of them another general.state_path", .0.display())]
    Taken(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any sound one.
    #[error("{} is larger than {limit} octets", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bound.
        limit: u64,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder, for this daemon alone while this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked.
    handle: File,
}

impl Folder {
    /// Makes the folder if missing, with mode 0700, and sees that it can be written.
    ///
    /// # Errors
    /// It cannot, or it is not ours alone.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Make {
            path: path.into(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let handle = File::open(path).map_err(failed)?;
        if handle.metadata().map_err(failed)?.permissions().mode() & 0o002 != 0 {
            return Err(StateError::Open(path.into()));
        }
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StateError::Taken(path.into())),
            Err(errno) => return Err(failed(errno.into())),
        }
        let folder = Self {
            path: path.into(),
            handle,
        };
        folder.write(".probe", b"")?;
        fs::remove_file(path.join(".probe")).map_err(failed)?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of this name, at most `limit` octets. `None`: there is none.
    ///
    /// # Errors
    /// It is larger, or cannot be read.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.path.join(name);
        match durable::read(&path, limit) {
            Ok(Some(octets)) => Ok(Some(octets)),
            Ok(None) => Err(StateError::TooLarge { path, limit }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::Read { path, source }),
        }
    }

    /// Puts `octets` in the place of the file of this name. Whoever reads it, after a crash too,
    /// finds all of the old or all of the new. On disk when it returns.
    ///
    /// # Errors
    /// The file is as it was.
    pub fn write(&self, name: &str, octets: &[u8]) -> Result<(), StateError> {
        durable::replace(&self.path, &self.handle, name, octets).map_err(|source| {
            StateError::Write {
                path: self.path.join(name),
                source,
            }
        })
    }

    /// Moves a file that makes no sense out of the way, for an operator to look at, and returns
    /// where to. Only the last such one is kept.
    ///
    /// # Errors
    /// It is where it was.
    pub fn set_aside(&self, name: &str) -> Result<PathBuf, StateError> {
        let (from, to) = (
            self.path.join(name),
            self.path.join(format!("{name}.corrupt")),
        );
        match fs::rename(&from, &to) {
            Ok(()) => Ok(to),
            Err(source) => Err(StateError::Write { path: from, source }),
        }
    }
}

#[cfg(test)]
mod tests;
