//! `net.ipv4.tcp_syncookies` of this network namespace: whether the kernel makes and takes SYN cookies.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;

const PATH: &str = "/proc/sys/net/ipv4/tcp_syncookies";

/// The kernel gives its number for any SYN, and not only when a queue of its own is full.
pub(crate) const ALL: u8 = 2;

/// The setting. Its file stays open: where a flood has left no descriptor, it can be set all the same.
#[derive(Debug)]
pub(crate) struct Syncookies(File);

impl Syncookies {
    /// Of the namespace that the thread is in.
    pub(crate) fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(PATH)?;
        Ok(Self(file))
    }

    pub(crate) fn get(&self) -> io::Result<u8> {
        let mut octets = [0; 8];
        let length = self.0.read_at(&mut octets, 0)?;
        let text = String::from_utf8_lossy(&octets[..length]);
        let read = text.trim().parse();
        read.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a number"))
    }

    pub(crate) fn set(&self, value: u8) -> io::Result<()> {
        let text = format!("{value}\n");
        let written = self.0.write_at(text.as_bytes(), 0)?;
        if written < text.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }

    /// Sets it back to what it was, unless somebody else has set it meanwhile.
    pub(crate) fn restore(&self, former: u8) -> io::Result<()> {
        if self.get()? == ALL {
            self.set(former)?;
        }
        Ok(())
    }
}
