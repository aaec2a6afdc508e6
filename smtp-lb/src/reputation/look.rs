//! One look at a source: what is there is fetched, held against its signature, read, and held
//! against what there was.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fetch::{self, Fetch, FetchError, Validators};
use super::kept::Partial;
use super::parse::{ParseError, Parsed, Parser, Rules};
use super::signature::{self, SignatureError};
use crate::config::plan::{FeedPlan, FeedSource};

/// Octets read at once.
const CHUNK: usize = 256 * 1024;

/// Why a look at a source gave nothing.
#[derive(Debug, Error)]
pub(super) enum LookError {
    /// It cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for a copy of it.
    #[error("cannot write a copy of it: {0}")]
    Write(#[source] io::Error),
    /// A file is larger than the bound.
    #[error("it is larger than max_size, {0} octets")]
    TooLarge(u64),
    /// It is not by whom it should be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It is no feed.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It changed too much at once.
    #[error(
        "it has {new} entries in place of {old}, which is more of a change than max_change, {most} %; `smtp-lb reputation refresh --force` takes it"
    )]
    Change {
        /// Good lines now.
        new: usize,
        /// Good lines of what is in force.
        old: usize,
        /// The bound.
        most: u32,
    },
    /// The task was ended.
    #[error("the look was broken off")]
    Broken,
}

/// By what a file is told from what it was: inode, size, seconds and nanoseconds of its last
/// change.
pub(super) type FileId = (u64, u64, i64, i64);

/// By what we know whether a source has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// File or URL: of another source nothing is known.
    pub(super) source: String,
    pub(super) validators: Validators,
    pub(super) file: Option<FileId>,
    /// When it was taken, in seconds since the Unix epoch.
    pub(super) taken: u64,
}

/// What came of a look.
pub(super) enum Found {
    /// The file is the one that the last look saw, however that ended.
    Untouched,
    /// What is in force is what is there.
    Current,
    /// Something new.
    New(Box<New>),
}

/// Something new.
pub(super) struct New {
    pub(super) parsed: Parsed,
    pub(super) stamp: Stamp,
    /// A copy of it.
    pub(super) copy: Partial,
}

/// What came of a look, and at which file.
pub(super) struct Looked {
    /// Of a file whose look need not be repeated as long as it is this one.
    pub(super) seen: Option<FileId>,
    pub(super) result: Result<Found, LookError>,
}

/// What a look needs to know.
pub(super) struct Look {
    pub(super) plan: FeedPlan,
    pub(super) rules: Rules,
    pub(super) stamp: Stamp,
    /// File that the last look saw.
    pub(super) seen: Option<FileId>,
    /// Good lines of what is in force; `None`: any number is welcome.
    pub(super) lines: Option<usize>,
    /// Where copies are made.
    pub(super) folder: Option<Arc<Path>>,
    /// Seconds since the Unix epoch.
    pub(super) now: u64,
}

impl Look {
    /// Looks.
    pub(super) async fn look(self) -> Looked {
        match self.plan.source.clone() {
            FeedSource::File(path) => tokio::task::spawn_blocking(move || self.at_file(&path))
                .await
                .unwrap_or(Looked {
                    seen: None,
                    result: Err(LookError::Broken),
                }),
            FeedSource::Https { url, proxy, ca } => Looked {
                seen: None,
                result: self.at_url(&url, proxy.as_deref(), ca).await,
            },
        }
    }

    /// Looks at a file. Blocks.
    pub(super) fn at_file(&self, path: &Path) -> Looked {
        let mut seen = None;
        let result = self.file(path, &mut seen);
        if matches!(
            result,
            Err(LookError::Read { .. } | LookError::Write(_) | LookError::Signature(_))
        ) {
            // The same file may be found good yet: its signature lies beside it.
            seen = None;
        }
        Looked { seen, result }
    }

    fn file(&self, path: &Path, seen: &mut Option<FileId>) -> Result<Found, LookError> {
        let mut file = File::open(path).map_err(unreadable(path))?;
        let meta = file.metadata().map_err(unreadable(path))?;
        if !meta.is_file() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return Err(unreadable(path)(error));
        }
        let id = (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
        *seen = Some(id);
        if self.seen == Some(id) {
            return Ok(Found::Untouched);
        }
        let stamp = Stamp {
            source: path.display().to_string(),
            file: Some(id),
            taken: self.now,
            ..Stamp::default()
        };
        if stamp.source == self.stamp.source && stamp.file == self.stamp.file {
            return Ok(Found::Current);
        }
        // A copy, so that what is verified is what is read and kept.
        let (copy, mut to) = Partial::new(self.folder.as_deref()).map_err(LookError::Write)?;
        self.copy(path, &mut file, &mut to)?;
        let signature = if self.plan.public_key.is_some() {
            let mut path = path.as_os_str().to_owned();
            path.push(".minisig");
            Some(read_signature(Path::new(&path))?)
        } else {
            None
        };
        self.read(copy, stamp, signature.as_deref())
    }

    fn copy(&self, path: &Path, from: &mut File, to: &mut File) -> Result<(), LookError> {
        let (most, mut size) = (self.plan.max_size, 0);
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).map_err(unreadable(path))?;
            if read == 0 {
                return Ok(());
            }
            size += read as u64;
            if size > most {
                return Err(LookError::TooLarge(most));
            }
            to.write_all(&buffer[..read]).map_err(LookError::Write)?;
        }
    }

    async fn at_url(
        self,
        url: &str,
        proxy: Option<&str>,
        ca: Option<PathBuf>,
    ) -> Result<Found, LookError> {
        let fetching = within(self.plan.timeout, self.fetch(url, proxy, ca));
        let Some((copy, signature, stamp)) = fetching.await? else {
            return Ok(Found::Current);
        };
        blocking(move || self.read(copy, stamp, signature.as_deref())).await
    }

    async fn fetch(
        &self,
        url: &str,
        proxy: Option<&str>,
        ca: Option<PathBuf>,
    ) -> Result<Option<(Partial, Option<String>, Stamp)>, LookError> {
        let tls = blocking(move || Ok(fetch::tls(ca.as_deref())?)).await?;
        let known = if self.stamp.source == url {
            self.stamp.validators.clone()
        } else {
            Validators::default()
        };
        let folder = self.folder.as_deref();
        let (copy, file) = Partial::new(folder).map_err(LookError::Write)?;
        let fetch = Fetch {
            url,
            proxy,
            tls: Arc::clone(&tls),
            max_size: self.plan.max_size,
        };
        let Some(validators) = fetch.get(&known, &mut file.into()).await? else {
            return Ok(None);
        };
        let signature = if self.plan.public_key.is_some() {
            let (copy, file) = Partial::new(folder).map_err(LookError::Write)?;
            let fetch = Fetch {
                url: &signature::url(url),
                proxy,
                tls,
                max_size: signature::MAX_SIGNATURE,
            };
            fetch
                .get(&Validators::default(), &mut file.into())
                .await
                .map_err(SignatureError::Fetch)?;
            Some(read_signature(copy.path())?)
        } else {
            None
        };
        let stamp = Stamp {
            source: url.to_owned(),
            validators,
            file: None,
            taken: self.now,
        };
        Ok(Some((copy, signature, stamp)))
    }

    fn read(
        &self,
        copy: Partial,
        stamp: Stamp,
        signature: Option<&str>,
    ) -> Result<Found, LookError> {
        let path = copy.path();
        if let Some(key) = &self.plan.public_key {
            let file = File::open(path).map_err(unreadable(path))?;
            signature::verify(key, signature.unwrap_or_default(), &file)?;
        }
        let parsed = read(path, &self.rules)?;
        if let (Some(old), Some(most)) = (self.lines, self.plan.max_change)
            && changes_too_much(old, parsed.good, most)
        {
            return Err(LookError::Change {
                new: parsed.good,
                old,
                most,
            });
        }
        Ok(Found::New(Box::new(New {
            parsed,
            stamp,
            copy,
        })))
    }
}

/// Whether the step from `old` to `new` entries is one of more than `most` per cent.
fn changes_too_much(old: usize, new: usize, most: u32) -> bool {
    // What was empty may become anything.
    old > 0 && new.abs_diff(old) as u128 * 100 > old as u128 * u128::from(most)
}

/// Reads the copy of a feed, whose size is known to be within the bound.
pub(super) fn read(path: &Path, rules: &Rules) -> Result<Parsed, LookError> {
    let mut file = File::open(path).map_err(unreadable(path))?;
    let mut parser = Parser::new(rules.clone());
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable(path))?;
        if read == 0 {
            return Ok(parser.finish()?);
        }
        parser.push(&buffer[..read])?;
    }
}

fn read_signature(path: &Path) -> Result<String, LookError> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| {
            file.take(signature::MAX_SIGNATURE)
                .read_to_string(&mut text)
        })
        .map_err(unreadable(path))?;
    Ok(text)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> LookError {
    move |source| LookError::Read {
        path: path.to_owned(),
        source,
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, LookError>>,
) -> Result<T, LookError> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done,
        Err(_) => Err(FetchError::Timeout.into()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LookError> + Send + 'static,
) -> Result<T, LookError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LookError::Broken))
}

#[cfg(test)]
mod tests {
    use super::changes_too_much;

    #[test]
    fn a_change_is_measured_by_what_there_was() {
        for (old, new, most, too_much) in [
            (100, 150, 50, false),
            (100, 151, 50, true),
            (100, 50, 50, false),
            (100, 49, 50, true),
            (100, 0, 99, true),
            (100, 0, 100, false),
            (1, 101, 10_000, false),
            (0, 1_000_000, 1, false),
            (usize::MAX, 0, u32::MAX, false),
        ] {
            assert_eq!(
                changes_too_much(old, new, most),
                too_much,
                "{old} to {new}, {most} %"
            );
        }
    }
}
