//! A file: one record a line.

use std::fs::{self, OpenOptions};
use std::future::pending;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tokio::task::spawn_blocking;

use super::super::outgoing::Outgoing;
use super::worker::Sink;

/// Appends to a file. Whether the path still leads to it is asked before every batch, so that a
/// log that was rotated away is followed without a signal.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    opened: Option<fs::File>,
}

impl File {
    /// Opens it, and makes it if missing, readable by owner and group.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let opened = Some(append(&path)?);
        Ok(Self { path, opened })
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
        let path = self.path.clone();
        let mut records = std::mem::take(out);
        // A disk may stall; only a thread made for that waits for it.
        let (file, records, written) = spawn_blocking(move || {
            let written = follow(&path, &mut file, &mut records)
                .and_then(|()| write_all(&mut file, &mut records));
            (file, records, written)
        })
        .await?;
        // Kept also after an error: a record half written (a full disk) is then gone on with.
        self.opened = Some(file);
        *out = records;
        written
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
