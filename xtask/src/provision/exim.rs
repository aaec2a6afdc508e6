//! Exim, beside the Postfix that is installed: Debian lets no machine have both.

use std::fs;

use anyhow::Result;

use super::debian;
use crate::{paths, sh};

/// Unpacks it, unless it is there.
pub(crate) fn unpacked() -> Result<()> {
    let exim = paths::exim();
    if exim.join("usr/sbin/exim4").is_file() {
        return Ok(());
    }
    // Moved when whole: what was broken off is begun anew.
    let fresh = paths::target().join("exim-unpacking");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    debian::unpack("exim4-daemon-light", &fresh)?;
    // It runs from here as an ordinary program, not as one that makes its caller root.
    sh::run(
        std::process::Command::new("chmod")
            .arg("u-s")
            .arg(fresh.join("usr/sbin/exim4")),
    )?;
    Ok(fs::rename(fresh, exim)?)
}
