//! Claims the control socket: right mode from its first moment, one daemon to a path.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use socket2::{Domain, SockAddr, Socket, Type};

/// Tries to get at the folder while another daemon is claiming in it.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why the control socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A live daemon answers on it.
    #[error("smtp-lb is already running: it answers on {}", .0.display())]
    AlreadyRunning(PathBuf),
    /// The path leads to something that is no socket.
    #[error("{} exists and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// Another process holds the folder locked.
    #[error("{} stays locked by another process", .0.display())]
    Locked(PathBuf),
    /// The path is empty, or longer than the 107 octets that a socket address holds.
    #[error("{} cannot be a socket's path: it must name a file in at most 107 octets", .0.display())]
    BadPath(PathBuf),
    /// A system call failed.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
}

/// A bound socket; removed from the file system when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    inode: (u64, u64),
    listener: UnixListener,
}

impl Claim {
    /// Binds `path` with file mode `mode`, making its folder if missing, and takes the place
    /// of a socket that a dead daemon left.
    pub fn new(path: &Path, mode: u32) -> Result<Self, SocketError> {
        if path.file_name().is_none() || SockAddr::unix(path).is_err() {
            return Err(SocketError::BadPath(path.into()));
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let io = |doing, path: &Path| {
            let path = path.to_path_buf();
            move |source| SocketError::Io {
                doing,
                path,
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .map_err(io("make the folder", folder))?;
        // Between looking for a live daemon and taking its place nobody else may do the same.
        let _lock = lock(folder)?;
        refuse_live(path)?;

        // Bound in a folder that only we may enter, so that no client can come in before the
        // mode is set; a umask would do, but belongs to all threads.
        let private = folder.join(format!(".{}", std::process::id()));
        let _ = fs::remove_dir_all(&private);
        DirBuilder::new()
            .mode(0o700)
            .create(&private)
            .map_err(io("make the folder", &private))?;
        let bound = bind_in(&private, path, mode);
        let _ = fs::remove_dir_all(&private);
        let (listener, inode) = bound.map_err(io("bind the control socket", path))?;
        Ok(Self {
            path: path.into(),
            inode,
            listener,
        })
    }

    /// Where it is bound.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The listener, non-blocking.
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.set_nonblocking(true)?;
        self.listener.try_clone()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Not ours any more if another daemon has taken the place since.
        if fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn bind_in(private: &Path, path: &Path, mode: u32) -> io::Result<(UnixListener, (u64, u64))> {
    // Through the folder's descriptor: the private path may be too long for an address.
    let folder = File::open(private)?;
    let address = format!(
        "/proc/self/fd/{}/s",
        std::os::fd::AsRawFd::as_raw_fd(&folder)
    );
    let listener = UnixListener::bind(address)?;
    let bound = private.join("s");
    fs::set_permissions(&bound, Permissions::from_mode(mode))?;
    let meta = fs::symlink_metadata(&bound)?;
    fs::rename(&bound, path)?;
    Ok((listener, (meta.dev(), meta.ino())))
}

fn lock(folder: &Path) -> Result<File, SocketError> {
    let io = |source| SocketError::Io {
        doing: "lock",
        path: folder.into(),
        source,
    };
    let file = File::open(folder).map_err(io)?;
    for _ in 0..LOCK_TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => sleep(LOCK_PAUSE),
            Err(errno) => return Err(io(errno.into())),
        }
    }
    Err(SocketError::Locked(folder.into()))
}

/// A socket that refuses connections is left over; one that takes them is a daemon.
fn refuse_live(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.into()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(SocketError::Io {
                doing: "look at",
                path: path.into(),
                source,
            });
        }
    }
    let knock = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A daemon that hangs has a full listen queue: it is alive, and must not hang us.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    match knock() {
        Ok(()) => Err(SocketError::AlreadyRunning(path.into())),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(SocketError::AlreadyRunning(path.into()))
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::NotFound
            ) =>
        {
            Ok(())
        }
        Err(source) => Err(SocketError::Io {
            doing: "connect to",
            path: path.into(),
            source,
        }),
    }
}
