//! Buffers of a worker, used by one session at a time and only while it is polled.

use std::cell::RefCell;

/// Octets taken by one read: four records of the largest size.
pub(in crate::proxy) const READ: usize = 64 * 1024;

/// Octets of records that could not be digested yet, before those that a read adds: of a large
/// certificate chain in a handshake, else of one record (RFC 5246 6.2.3: 16 KiB + 2,053).
pub(super) const KEPT: usize = 32 * 1024;

thread_local! {
    /// Records as they come, what was kept of earlier ones before them: reads begin at [`KEPT`].
    pub(super) static INCOMING: RefCell<Box<[u8]>> = RefCell::new(vec![0; KEPT + READ].into());
    /// What one read brought, decrypted.
    pub(in crate::proxy) static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Records to be sent.
    pub(super) static OUTGOING: RefCell<Outgoing> = const { RefCell::new(Outgoing::new()) };
}

/// A buffer that grows to what was needed most and is never cleared octet by octet.
#[derive(Debug)]
pub(super) struct Outgoing {
    octets: Vec<u8>,
    filled: usize,
}

impl Outgoing {
    const fn new() -> Self {
        Self {
            octets: Vec::new(),
            filled: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(super) fn filled(&self) -> &[u8] {
        self.octets.get(..self.filled).unwrap_or_default()
    }

    /// Room for at least `size` more octets.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let end = self.filled + size;
        if self.octets.len() < end {
            self.octets.resize(end, 0);
        }
        self.octets.get_mut(self.filled..).unwrap_or_default()
    }

    /// Says that so many octets of the room were written.
    pub(super) fn add(&mut self, written: usize) {
        self.filled = (self.filled + written).min(self.octets.len());
    }

    /// Changes the last octet.
    pub(super) fn amend(&mut self, octet: u8) {
        if let Some(last) = self.octets.get_mut(..self.filled).and_then(<[_]>::last_mut) {
            *last = octet;
        }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        let room = self.room(octets.len());
        if let Some(room) = room.get_mut(..octets.len()) {
            room.copy_from_slice(octets);
        }
        self.add(octets.len());
    }
}
