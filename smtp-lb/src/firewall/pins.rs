//! The pin folder on a bpffs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use rustix::mount::{MountFlags, mount};
use serde::Serialize;
use thiserror::Error;

/// `BPF_FS_MAGIC`.
const BPFFS: u64 = 0xcafe_4a11;
/// Where a bpffs belongs.
const ROOT: &str = "/sys/fs/bpf";

/// The pin folder cannot be used.
#[derive(Debug, Error)]
pub enum PinError {
    /// It is not on a bpffs, and none could be mounted.
    #[error("{path} is not on a bpffs; `mount -t bpf bpf {ROOT}` mounts one")]
    NotBpffs {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be made, read or removed.
    #[error("{path}: {source}")]
    Io {
        /// The path at fault.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> PinError + '_ {
    |source| PinError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Makes the folders, and mounts the bpffs where it belongs if that is missing.
pub(crate) fn prepare(pin_path: &Path, folders: &[&Path]) -> Result<(), PinError> {
    if pin_path.starts_with(ROOT) && !is_bpffs(Path::new(ROOT)) {
        // A failure shows in the check below, which says what to do.
        let _ = mount("bpf", ROOT, "bpf", MountFlags::empty(), None);
    }
    let there = pin_path.ancestors().find(|path| path.exists());
    if !there.is_some_and(is_bpffs) {
        return Err(PinError::NotBpffs {
            path: pin_path.to_owned(),
        });
    }
    for folder in folders {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    Ok(())
}

fn is_bpffs(path: &Path) -> bool {
    #[expect(
        clippy::cast_sign_loss,
        reason = "the magic's type differs by platform"
    )]
    statfs(path).is_ok_and(|fs| fs.f_type as u64 & 0xffff_ffff == BPFFS)
}

/// Is a filter of a former run on some interface?
pub(crate) fn is_attached(pin_path: &Path) -> bool {
    entries(&pin_path.join("links")).is_ok_and(|links| !links.is_empty())
}

/// Name of an interface's link. A bpffs takes no dot (`eth0.100`), an interface no colon.
pub(crate) fn link_name(interface: &str) -> String {
    interface.replace('.', ":")
}

/// What a detach took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetachReport {
    /// Interfaces that are no longer filtered.
    pub interfaces: Vec<String>,
    /// Pinned maps removed, with all they counted.
    pub maps: usize,
    /// What `net.ipv4.tcp_syncookies` was set back to, if a daemon that was killed had set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_syncookies: Option<u8>,
    /// What could not be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Takes filter, counters and pins away. Nothing there: an empty report.
pub(crate) fn detach(pin_path: &Path) -> Result<DetachReport, PinError> {
    let mut report = DetachReport {
        interfaces: Vec::new(),
        maps: 0,
        tcp_syncookies: None,
        warnings: Vec::new(),
    };
    if !pin_path.exists() {
        return Ok(report);
    }
    // Links first: no packet meets a program whose maps are going.
    let links = pin_path.join("links");
    for link in entries(&links)? {
        fs::remove_file(&link).map_err(io_error(&link))?;
        if let Some(name) = link.file_name() {
            report
                .interfaces
                .push(name.to_string_lossy().replace(':', "."));
        }
    }
    for folder in entries(pin_path)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if folder != links && !name.starts_with("abi-") {
            continue;
        }
        for map in entries(&folder)? {
            fs::remove_file(&map).map_err(io_error(&map))?;
            report.maps += 1;
        }
        fs::remove_dir(&folder).map_err(io_error(&folder))?;
    }
    fs::remove_dir(pin_path).map_err(io_error(pin_path))?;
    Ok(report)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PinError> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(folder)(error)),
    };
    let mut paths: Vec<PathBuf> = listed
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(io_error(folder))?;
    paths.sort();
    Ok(paths)
}
