//! What a process that was killed leaves behind: pins of its filter, records in memory. All are named by the
//! process that made them, and go with the next run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

const PINS: &str = "/sys/fs/bpf";
const PIN: &str = "slb-bench-";
const FOLDER: &str = "slbb-log-";

/// Where a process pins its filter.
pub(super) fn pins(process: u32) -> PathBuf {
    PathBuf::from(format!("{PINS}/{PIN}{process}-log"))
}

/// A folder for the records of this process.
pub(super) fn folder(within: &Path) -> Result<TempDir> {
    let prefix = format!("{FOLDER}{}-", std::process::id());
    Ok(tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(within)?)
}

/// Removes what processes left that are no more.
pub(super) fn sweep(records: &Path) {
    for (folder, prefix) in [(Path::new(PINS), PIN), (records, FOLDER)] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if is_orphan(&entry.file_name().to_string_lossy(), prefix, |process| {
                Path::new("/proc").join(process.to_string()).exists()
            }) {
                // What cannot be removed does no harm to what is measured.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn is_orphan(name: &str, prefix: &str, lives: impl Fn(u32) -> bool) -> bool {
    let rest = name.strip_prefix(prefix).unwrap_or_default();
    let process = rest.split('-').next().unwrap_or_default();
    process.parse().is_ok_and(|process| !lives(process))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_left_is_an_orphan() {
        let lives = |process| process == 7;
        for (name, orphan) in [
            ("slb-bench-8-log", true),
            ("slb-bench-8-0", true),
            ("slb-bench-7-log", false),
            ("slb-bench--log", false),
            ("slb-bench-x-log", false),
            ("smtp-lb", false),
        ] {
            assert_eq!(is_orphan(name, PIN, lives), orphan, "{name}");
        }
        assert!(is_orphan("slbb-log-8-aB3", FOLDER, lives));
    }
}
