//! The segments of a queue, its cursor and its ledger, kept in step. All of it blocks.

mod append;
mod holes;
mod read;
mod recover;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::cursor::{Cursor, Mark};
use super::segment::Segment;
use super::{Causes, Ledger};
use crate::config::plan::Overflow;
use holes::Holes;
use read::Reader;

/// Octets of a segment, of a queue that has room for many such.
const SEGMENT: u64 = 32 << 20;
/// Segments that a queue has at least, when it is full.
const SEGMENTS: u64 = 8;

/// What a queue may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Bounds {
    /// Octets of all segments.
    pub(in crate::event) size: u64,
    /// Age of a record.
    pub(in crate::event) age: Option<Duration>,
    pub(in crate::event) overflow: Overflow,
}

/// A queue on disk.
#[derive(Debug)]
pub(in crate::event) struct Spool {
    folder: PathBuf,
    bounds: Bounds,
    /// Ours while this is open: two daemons, or two configurations of one, never share a queue.
    _lock: File,
    cursor: Cursor,
    mark: Mark,
    /// Oldest first, none overlapping. The last one is appended to if `active` is there.
    segments: VecDeque<Segment>,
    active: Option<File>,
    /// Index of the next record.
    next: u64,
    /// Index of the next record to be read.
    at: u64,
    reader: Option<Reader>,
    /// What is lost and not yet passed by the cursor.
    holes: Holes,
    /// Reused for what is written.
    buffer: Vec<u8>,
    /// Has anything been written since it was last synchronised?
    dirty: bool,
    /// Does the ledger on disk lag behind?
    behind: bool,
}

impl Spool {
    /// Opens the queue in `folder`, and makes it if missing. What a crash cut is cut off. `WouldBlock`:
    /// somebody else has it open.
    pub(in crate::event) fn open(folder: &Path, bounds: Bounds) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let (cursor, mark) = Cursor::open(&folder.join("cursor"))?;
        let mut spool = Self {
            folder: folder.to_owned(),
            bounds,
            _lock: lock,
            cursor,
            mark,
            segments: VecDeque::new(),
            active: None,
            next: mark.done,
            at: mark.done,
            reader: None,
            holes: Holes::default(),
            buffer: Vec::new(),
            dirty: false,
            behind: false,
        };
        spool.recover()?;
        Ok(spool)
    }

    /// Gives up a whole segment.
    fn discard(&mut self, segment: Segment, cause: fn(&mut Causes) -> &mut u64) -> io::Result<()> {
        if self.segments.back() == Some(&segment) {
            self.close_active()?;
        }
        self.lose(segment.first, segment.end(), cause);
        self.save()?;
        self.segments.retain(|kept| kept.first != segment.first);
        self.remove(&segment)
    }

    /// Gives up what is too old, of what is not on its way.
    pub(in crate::event) fn expire(&mut self, now: u64) -> io::Result<()> {
        let Some(oldest) = self.oldest_time(now) else {
            return Ok(());
        };
        while let Some(segment) = self
            .segments
            .iter()
            .find(|segment| segment.first >= self.at && segment.count > 0)
            .filter(|segment| segment.newest < oldest)
            .copied()
        {
            self.discard(segment, |lost| &mut lost.aged)?;
        }
        Ok(())
    }

    fn oldest_time(&self, now: u64) -> Option<u64> {
        let age = u64::try_from(self.bounds.age?.as_nanos()).ok()?;
        Some(now.saturating_sub(age))
    }

    /// Every record before `index` is done with.
    pub(in crate::event) fn done(&mut self, index: u64) -> io::Result<()> {
        let index = index.min(self.at);
        if index <= self.mark.done {
            return Ok(());
        }
        let sent = index - self.mark.done - self.holes.pass(index);
        self.mark.done = index;
        self.mark.ledger.sent += sent;
        self.behind = true;
        self.prune()
    }

    /// The record at `index` that is on its way cannot be carried.
    pub(in crate::event) fn too_large(&mut self, index: u64) {
        self.lose(index, index + 1, |lost| &mut lost.too_large);
    }

    /// What is on its way is to be read again.
    pub(in crate::event) fn rewind(&mut self) {
        self.at = self.mark.done;
        self.reader = None;
    }

    /// Removes segments that are done with.
    fn prune(&mut self) -> io::Result<()> {
        let done = self.mark.done;
        let passed = |segment: &Segment| segment.end() <= done;
        while self.segments.front().is_some_and(passed) {
            if self.segments.len() == 1 && self.active.is_some() {
                break;
            }
            self.save()?;
            if let Some(segment) = self.segments.pop_front() {
                self.remove(&segment)?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, segment: &Segment) -> io::Result<()> {
        if self
            .reader
            .as_ref()
            .is_some_and(|it| it.first == segment.first)
        {
            self.reader = None;
        }
        match fs::remove_file(segment.path(&self.folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What of it is lost already, as records that were too old when they were read before, is counted
    /// no second time.
    fn lose(&mut self, start: u64, end: u64, cause: fn(&mut Causes) -> &mut u64) {
        let lost = self.holes.add(start, end);
        if lost > 0 {
            *cause(&mut self.mark.ledger.lost) += lost;
            self.behind = true;
        }
    }

    /// Writes cursor and ledger, if they changed.
    pub(in crate::event) fn save(&mut self) -> io::Result<()> {
        self.mark.next = self.next;
        self.cursor.write(&self.mark)?;
        self.behind = false;
        Ok(())
    }

    /// As [`Spool::save`] where that is needed.
    pub(in crate::event) fn keep(&mut self) -> io::Result<()> {
        if self.behind { self.save() } else { Ok(()) }
    }

    /// Puts on disk what was written.
    pub(in crate::event) fn sync(&mut self) -> io::Result<()> {
        self.keep()?;
        if std::mem::take(&mut self.dirty) {
            if let Some(file) = &self.active {
                file.sync_data()?;
            }
            self.cursor.sync()?;
        }
        Ok(())
    }

    /// Octets of all segments.
    pub(in crate::event) fn octets(&self) -> u64 {
        self.segments.iter().map(|segment| segment.octets).sum()
    }

    /// The last sequence number that was given.
    pub(in crate::event) fn sequence(&self) -> u64 {
        self.mark.sequence
    }

    /// Index of the next record to be read.
    #[cfg(test)]
    pub(in crate::event) fn at(&self) -> u64 {
        self.at
    }

    /// Time of the oldest segment that is not done with, by its newest record.
    pub(in crate::event) fn oldest(&self) -> Option<u64> {
        let waiting = |segment: &&Segment| segment.end() > self.mark.done && segment.count > 0;
        self.segments
            .iter()
            .find(waiting)
            .map(|segment| segment.newest)
    }

    pub(in crate::event) fn ledger(&self) -> Ledger {
        Ledger {
            accepted: self.next - 1,
            queued: (self.next - self.mark.done).saturating_sub(self.holes.total()),
            ..self.mark.ledger
        }
    }
}

impl Bounds {
    fn segment(&self) -> u64 {
        (self.size / SEGMENTS).clamp(4096, SEGMENT)
    }
}
