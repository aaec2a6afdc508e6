//! Servers beside those that are installed: Debian lets no machine have two of a kind.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::debian;
use crate::{paths, sh};

/// Unpacks all of them that are not there.
pub(crate) fn unpacked() -> Result<()> {
    unpack("exim4-daemon-light", &paths::exim(), "usr/sbin/exim4")?;
    unpack("syslog-ng-core", &paths::syslog_ng(), "usr/sbin/syslog-ng")
}

fn unpack(package: &str, folder: &Path, program: &str) -> Result<()> {
    if folder.join(program).is_file() {
        return Ok(());
    }
    // Moved when whole: what was broken off is begun anew.
    let fresh = folder.with_extension("unpacking");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    debian::unpack(package, &fresh)?;
    // It runs from here as an ordinary program, not as one that makes its caller root.
    sh::run(Command::new("chmod").arg("u-s").arg(fresh.join(program)))?;
    Ok(fs::rename(fresh, folder)?)
}
