//! Temporary folders.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::netns::is_leftover;

/// A folder of its own, removed when dropped, or else by the next run. The role is for people who
/// look at the names.
pub fn temporary(role: &str) -> Result<TempDir> {
    static SWEEP: Once = Once::new();
    let root = std::env::temp_dir();
    SWEEP.call_once(|| sweep(&root));
    let prefix = format!("slb-{}-{role}-", std::process::id());
    Ok(tempfile::Builder::new().prefix(&prefix).tempdir_in(root)?)
}

/// Removes what crashed runs left.
fn sweep(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        if is_leftover(&entry.file_name().to_string_lossy()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A file that xtask has put into cargo's target folder, where this program lies, too.
pub fn in_target(file: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .map(|folder| folder.join(file))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("no {file} in the target folder; `cargo xtask provision --tests` puts it there")
        })
}
