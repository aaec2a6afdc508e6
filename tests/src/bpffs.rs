//! The BPF file system, where programs and maps are pinned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;

/// Where it is mounted.
pub const ROOT: &str = "/sys/fs/bpf";

/// `BPF_FS_MAGIC`.
const MAGIC: u64 = 0xcafe_4a11;

/// Mounts it, if it is not.
pub fn mount() -> Result<()> {
    // Tests run side by side: without a lock two of them would each mount it, one over the other.
    let lock = fs::File::create("/tmp/smtp-lb-bpffs.lock")?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
    let kind = rustix::fs::statfs(ROOT).context(ROOT)?.f_type;
    if u64::try_from(kind).is_ok_and(|kind| kind & 0xffff_ffff == MAGIC) {
        return Ok(());
    }
    let status = Command::new("mount")
        .args(["-t", "bpf", "bpf", ROOT])
        .status()?;
    if !status.success() {
        bail!("cannot mount {ROOT}: not root?");
    }
    Ok(())
}

/// A folder for pins, removed with all that is in it.
#[derive(Debug)]
pub struct Pins(PathBuf);

impl Pins {
    /// A path that no other test has. It is left to the daemon to make the folder.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        mount()?;
        sweep();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slb-{}-{number}", std::process::id());
        Ok(Self(Path::new(ROOT).join(name)))
    }

    /// The same for a path that is given. What is there already is removed.
    pub fn at(path: &Path) -> Result<Self> {
        mount()?;
        let pins = Self(path.to_path_buf());
        pins.remove();
        Ok(pins)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) {
        // Not there is well, too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes pins that crashed runs left.
fn sweep() {
    let entries = fs::read_dir(ROOT).into_iter().flatten().flatten();
    for entry in entries {
        if crate::netns::is_leftover(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
