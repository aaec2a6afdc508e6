//! A file: one record a line.

use std::fs::{self, OpenOptions};
use std::future::pending;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tokio::task::spawn_blocking;

use super::super::outgoing::Outgoing;
use super::worker::{LARGE_BATCH, Sink};
use crate::config::plan::RotatePlan;

/// Appends to a file. Whether the path still leads to it is asked before every batch, so that a
/// log that was rotated away is followed without a signal.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    rotate: Option<RotatePlan>,
    opened: Option<fs::File>,
}

impl File {
    /// Opens it, and makes it if missing, readable by owner and group.
    pub(super) fn open(path: PathBuf, rotate: Option<RotatePlan>) -> io::Result<Self> {
        let opened = Some(append(&path)?);
        Ok(Self {
            path,
            rotate,
            opened,
        })
    }
}

impl Sink for File {
    fn frame(&mut self, _: u64, out: &mut Vec<u8>, _: usize) {
        out.push(b'\n');
    }

    async fn open(&mut self) -> io::Result<()> {
        if self.opened.is_none() {
            let path = self.path.clone();
            self.opened = Some(spawn_blocking(move || append(&path)).await??);
        }
        Ok(())
    }

    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        let Some(mut file) = self.opened.take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (path, rotate) = (self.path.clone(), self.rotate);
        let mut records = std::mem::take(out);
        // A disk may stall; only a thread made for that waits for it.
        let (file, records, written) = spawn_blocking(move || {
            let written = follow(&path, &mut file, &mut records)
                .and_then(|()| match rotate {
                    Some(rotate) if records.is_whole() => put_aside(&path, &mut file, rotate),
                    _ => Ok(()),
                })
                .and_then(|()| write_all(&mut file, &mut records));
            (file, records, written)
        })
        .await?;
        // Kept also after an error: a record half written (a full disk) is then gone on with.
        self.opened = Some(file);
        *out = records;
        written
    }

    fn batch(&self) -> usize {
        LARGE_BATCH
    }

    async fn broken(&mut self) -> io::Error {
        pending().await
    }

    async fn close(self) {}
}

/// Opens the path anew where it no longer leads to `file`.
fn follow(path: &Path, file: &mut fs::File, out: &mut Outgoing) -> io::Result<()> {
    let here = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == (here.dev(), here.ino()) => Ok(()),
        _ => {
            *file = append(path)?;
            out.rewind();
            Ok(())
        }
    }
}

/// Puts the file aside if it is due, and begins it anew. A crash between two renames leaves a gap in the
/// numbers of files, and no record lost.
fn put_aside(path: &Path, file: &mut fs::File, rotate: RotatePlan) -> io::Result<()> {
    let here = file.metadata()?;
    // A file system that keeps no time of birth has none that is too old.
    let age = here.created().ok().and_then(|born| born.elapsed().ok());
    let late = age.zip(rotate.age).is_some_and(|(age, most)| age >= most);
    if !here.is_file() || here.len() == 0 || (here.len() < rotate.size && !late) {
        return Ok(());
    }
    for number in (1..rotate.keep).rev() {
        match fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))?;
    *file = append(path)?;
    Ok(())
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn write_all(file: &mut fs::File, out: &mut Outgoing) -> io::Result<()> {
    while !out.is_empty() {
        match file.write(out.rest()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => out.advance(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn append(path: &Path) -> io::Result<fs::File> {
    // A pipe that nobody reads must not hang the daemon; to a regular file the flags are nothing.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.cast_signed())
        .open(path)
}
