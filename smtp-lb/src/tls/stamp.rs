//! Whether files have changed, without reading them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What changes with a file's content, whatever way it is replaced: device, inode, size, and
/// nanoseconds of the last changes of content and inode. `None`: it cannot be had.
pub(super) type Stamp = Option<(u64, u64, u64, i128, i128)>;

/// The files' state now, links followed.
pub(super) fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let nanoseconds = |seconds, rest| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let stamp = |file: &PathBuf| {
        let at = fs::metadata(file).ok()?;
        Some((
            at.dev(),
            at.ino(),
            at.size(),
            nanoseconds(at.mtime(), at.mtime_nsec()),
            nanoseconds(at.ctime(), at.ctime_nsec()),
        ))
    };
    files.iter().map(stamp).collect()
}
