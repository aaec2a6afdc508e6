//! Small file systems in memory, to be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// A file system of a bounded size, mounted at a folder. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of so many KiB. The folder must be there.
    pub fn mount(at: &Path, kib: u64) -> Result<Self> {
        let options = format!("size={kib}k,mode=0755");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "slb-tests"])
            .arg(at))?;
        Ok(Self(at.to_path_buf()))
    }

    /// Gives it another size.
    pub fn resize(&self, kib: u64) -> Result<()> {
        let options = format!("remount,size={kib}k");
        run(Command::new("mount").args(["-o", &options]).arg(&self.0))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Who has a file open in it keeps it a little longer.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
