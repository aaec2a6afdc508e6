//! Files that are replaced whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Writes `octets` beside the file, then puts them in its place. The file's mode is 0600. `handle`
/// is the open folder: a new name is on disk only when the folder is.
pub(super) fn replace(folder: &Path, handle: &File, name: &str, octets: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".{name}.new"));
    // Left by a crash.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write(&beside, octets).and_then(|()| fs::rename(&beside, folder.join(name)));
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    handle.sync_all()
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

/// A whole regular file. `None`: it is larger than `limit`.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // A pipe would be waited for.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut octets = Vec::new();
    // The length in the metadata is no bound: the file may grow.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut octets)?;
    Ok((octets.len() as u64 <= limit).then_some(octets))
}
