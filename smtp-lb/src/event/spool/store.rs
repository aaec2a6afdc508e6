//! The segments of a queue, its cursor and its ledger, kept in step. All of it blocks.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::batch::{Batch, Item};
use super::cursor::{Cursor, Mark};
use super::record::{self, HEAD, MOST, Record, SEGMENT_HEAD};
use super::segment::{self, Segment};
use super::{Causes, Ledger};
use crate::config::plan::Overflow;

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
    /// Stretches that are lost and not yet passed by the cursor, `start..end`, in order.
    holes: VecDeque<(u64, u64)>,
    /// Reused for what is written.
    buffer: Vec<u8>,
    /// Has anything been written since it was last synchronised?
    dirty: bool,
    /// Does the ledger on disk lag behind?
    behind: bool,
}

#[derive(Debug)]
struct Reader {
    first: u64,
    /// The record that comes next.
    at: u64,
    offset: u64,
    file: BufReader<File>,
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
            holes: VecDeque::new(),
            buffer: Vec::new(),
            dirty: false,
            behind: false,
        };
        spool.recover()?;
        Ok(spool)
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut firsts = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            firsts.extend(entry?.file_name().to_str().and_then(segment::first_of));
        }
        firsts.sort_unstable();
        for (place, &first) in firsts.iter().enumerate() {
            let scan = segment::scan(&self.folder, first)?;
            let next = firsts.get(place + 1);
            let mut found = scan.segment;
            if first < self.next && !self.segments.is_empty() {
                // Its beginning was told of by the segment before it: not of our making.
                continue;
            }
            if let Some(&next) = next {
                // What is missing between two segments was dropped whole, or is no more what was
                // written. The former had been counted before the file was removed.
                if scan.rest > 0 {
                    let lost = next.saturating_sub(found.end().max(self.mark.done));
                    self.mark.ledger.lost.corrupt += lost;
                    self.cut(&mut found)?;
                }
            } else if scan.rest > 0 {
                self.mark.ledger.torn += 1;
                self.cut(&mut found)?;
            }
            self.mark.sequence = self.mark.sequence.max(scan.sequence);
            self.next = self.next.max(found.end());
            self.segments.push_back(found);
        }
        self.next = self.next.max(self.mark.next);
        self.holes_between();
        self.reconcile();
        self.prune()?;
        self.save()
    }

    /// Cuts off what is not sound, so that it is told of once.
    fn cut(&mut self, segment: &mut Segment) -> io::Result<()> {
        let file = segment::open(&self.folder, segment)?;
        if segment.octets == 0 {
            file.write_all_at(&record::segment_head(segment.first), 0)?;
            segment.octets = SEGMENT_HEAD as u64;
        }
        file.set_len(segment.octets)?;
        self.dirty = true;
        Ok(())
    }

    /// A crash between a loss and its entry in the ledger, or between the entry and the removal of the
    /// file, leaves a ledger that does not add up. What is on disk is right.
    fn reconcile(&mut self) {
        let ledger = self.ledger();
        let told = ledger.sent + ledger.lost.total() + ledger.queued;
        let lost = &mut self.mark.ledger.lost;
        lost.overflow += ledger.accepted.saturating_sub(told);
        let mut excess = told.saturating_sub(ledger.accepted);
        for cause in [
            &mut lost.aged,
            &mut lost.corrupt,
            &mut lost.too_large,
            &mut lost.overflow,
        ] {
            let taken = excess.min(*cause);
            *cause -= taken;
            excess -= taken;
        }
    }

    /// Stretches without a segment, beyond the cursor, were dropped and counted before.
    fn holes_between(&mut self) {
        let mut end = self.mark.done;
        let mut found = VecDeque::new();
        for segment in &self.segments {
            if segment.first > end {
                found.push_back((end, segment.first));
            }
            end = end.max(segment.end());
        }
        if self.next > end {
            found.push_back((end, self.next));
        }
        for hole in found {
            self.hole(hole.0, hole.1);
        }
    }

    /// Takes the records of a batch from the place `from` on; those without room are lost by the policy.
    /// Returns up to which place they are taken; after an error the rest may be tried again.
    pub(in crate::event) fn append(
        &mut self,
        batch: &Batch,
        from: usize,
    ) -> (usize, io::Result<()>) {
        let mut taken = from;
        let mut items = batch.iter().skip(from).peekable();
        while items.peek().is_some() {
            match self.append_some(&mut items, &mut taken) {
                Ok(()) => {}
                Err(error) => return (taken, Err(error)),
            }
        }
        // What was refused is in the ledger on disk, or it would be forgotten by a crash.
        (taken, self.keep())
    }

    /// Writes as many as go into one segment, at once.
    fn append_some<'a>(
        &mut self,
        items: &mut std::iter::Peekable<impl Iterator<Item = Item<'a>>>,
        taken: &mut usize,
    ) -> io::Result<()> {
        let Some(first) = items.peek() else {
            return Ok(());
        };
        if first.text.len() > MOST {
            self.refuse(first.sequence, |lost| &mut lost.too_large)?;
            items.next();
            *taken += 1;
            return Ok(());
        }
        let size = (HEAD + first.text.len()) as u64;
        if !self.make_room(size)? {
            self.refuse(first.sequence, |lost| &mut lost.overflow)?;
            items.next();
            *taken += 1;
            return Ok(());
        }
        self.roll_for(size)?;
        let (Some(mut segment), Some(file)) = (self.segments.back().copied(), &self.active) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.buffer.clear();
        let room = self.bounds.size.saturating_sub(self.octets());
        let most = room.min(
            self.bounds
                .segment()
                .saturating_sub(segment.octets)
                .max(size),
        );
        let (mut count, mut sequence) = (0, self.mark.sequence);
        while let Some(item) = items.peek() {
            let size = HEAD + item.text.len();
            if item.text.len() > MOST || (self.buffer.len() + size) as u64 > most {
                break;
            }
            let record = Record {
                time: item.time,
                sequence: item.sequence,
                text: item.text,
            };
            record::append(segment.end(), record, &mut self.buffer);
            segment.count += 1;
            segment.newest = segment.newest.max(item.time);
            sequence = item.sequence;
            count += 1;
            items.next();
        }
        if let Err(error) = file.write_all_at(&self.buffer, segment.octets) {
            // What is there of it is cut off again, and was never read.
            let _ = file.set_len(segment.octets);
            self.reader = None;
            return Err(error);
        }
        segment.octets += self.buffer.len() as u64;
        self.next = segment.end();
        self.mark.sequence = sequence;
        if let Some(last) = self.segments.back_mut() {
            *last = segment;
        }
        self.dirty = true;
        *taken += count;
        Ok(())
    }

    /// A record that is not taken has its place in the ledger and in the numbers all the same.
    fn refuse(&mut self, sequence: u64, cause: fn(&mut Causes) -> &mut u64) -> io::Result<()> {
        // An index of its own would have to be in a segment: the next one begins behind it.
        self.close_active()?;
        let index = self.next;
        self.next += 1;
        self.mark.sequence = sequence;
        self.lose(index, index + 1, cause);
        Ok(())
    }

    /// Makes `size` octets fit, by the policy. `false`: they do not.
    fn make_room(&mut self, size: u64) -> io::Result<bool> {
        let head = SEGMENT_HEAD as u64;
        while self.octets() + size + head > self.bounds.size {
            if self.bounds.overflow == Overflow::Newest || !self.drop_oldest()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives up the oldest segment of which nothing is on its way. `false`: there is none.
    fn drop_oldest(&mut self) -> io::Result<bool> {
        let free = |segment: &&Segment| segment.first >= self.at && segment.count > 0;
        let Some(oldest) = self.segments.iter().find(free).copied() else {
            return Ok(false);
        };
        if self.segments.back() == Some(&oldest) && self.segments.len() > 1 {
            // The newest records, before older ones which are on their way.
            return Ok(false);
        }
        self.discard(oldest, |lost| &mut lost.overflow)?;
        Ok(true)
    }

    fn discard(&mut self, segment: Segment, cause: fn(&mut Causes) -> &mut u64) -> io::Result<()> {
        if self.segments.back() == Some(&segment) {
            self.close_active()?;
        }
        self.lose(segment.first, segment.end(), cause);
        self.save()?;
        self.segments.retain(|kept| kept.first != segment.first);
        self.remove(&segment)
    }

    /// Begins a new segment where the last one is full or closed.
    fn roll_for(&mut self, size: u64) -> io::Result<()> {
        if let (Some(last), Some(_)) = (self.segments.back(), &self.active)
            && last.octets + size <= self.bounds.segment()
        {
            return Ok(());
        }
        self.close_active()?;
        let segment = Segment::empty(self.next);
        if self
            .segments
            .back()
            .is_some_and(|last| last.first == segment.first)
        {
            // An empty one of the same name, as a crash leaves it.
            self.segments.pop_back();
        }
        let file = segment::open(&self.folder, &segment)?;
        file.set_len(0)?;
        file.write_all_at(&record::segment_head(segment.first), 0)?;
        self.segments.push_back(segment);
        self.active = Some(file);
        Ok(())
    }

    fn close_active(&mut self) -> io::Result<()> {
        if let Some(file) = self.active.take() {
            file.sync_data()?;
        }
        Ok(())
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

    /// Reads what is next, up to `records` and about `octets`, into an empty batch. They are on their
    /// way until [`Spool::done`] or [`Spool::rewind`]. Returns the index behind the last one.
    pub(in crate::event) fn read(
        &mut self,
        batch: &mut Batch,
        (records, octets): (usize, usize),
        now: u64,
    ) -> io::Result<u64> {
        let oldest = self.oldest_time(now);
        let mut bytes = Vec::new();
        while batch.len() < records && batch.octets() < octets && self.at < self.next {
            if let Some(end) = self.hole_at(self.at) {
                self.at = end;
                continue;
            }
            let at = self.at;
            let Some(segment) = self.segments.iter().find(|it| at < it.end()).copied() else {
                break;
            };
            if at < segment.first {
                // Neither there nor told of as lost: a file that somebody removed.
                self.lose(at, segment.first, |lost| &mut lost.corrupt);
                continue;
            }
            let found = match self.fetch(&segment, &mut bytes) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => {
                    self.reader = None;
                    return Err(error);
                }
            };
            let record = found.then(|| record::read(at, &bytes)).flatten();
            let Some(record) = record else {
                // Where the next record begins is not known any more.
                self.reader = None;
                if self.segments.back() == Some(&segment) {
                    self.close_active()?;
                }
                self.lose(at, segment.end(), |lost| &mut lost.corrupt);
                continue;
            };
            self.at += 1;
            if oldest.is_some_and(|oldest| record.time < oldest) {
                self.lose(at, at + 1, |lost| &mut lost.aged);
            } else {
                batch.put(at, record);
            }
        }
        Ok(self.at)
    }

    /// Octets of the record at `at` of that segment.
    fn fetch(&mut self, segment: &Segment, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let fits = |reader: &Reader| reader.first == segment.first && reader.at <= self.at;
        let mut reader = match self.reader.take().filter(fits) {
            Some(reader) => reader,
            None => Reader {
                first: segment.first,
                at: segment.first,
                offset: SEGMENT_HEAD as u64,
                file: segment::reader(&self.folder, segment.first)?,
            },
        };
        loop {
            if !segment::next(&mut reader.file, bytes)? {
                return Ok(false);
            }
            reader.offset += bytes.len() as u64;
            reader.at += 1;
            if reader.at > self.at {
                break;
            }
        }
        if reader.at == segment.end() {
            // What the buffer holds behind it may be half a record; it is read when it is whole.
            reader.file.seek(SeekFrom::Start(reader.offset))?;
        }
        self.reader = Some(reader);
        Ok(true)
    }

    /// Every record before `index` is done with.
    pub(in crate::event) fn done(&mut self, index: u64) -> io::Result<()> {
        let index = index.min(self.at);
        if index <= self.mark.done {
            return Ok(());
        }
        let mut sent = index - self.mark.done;
        while let Some(&(start, end)) = self.holes.front() {
            if start >= index {
                break;
            }
            sent -= end.min(index) - start;
            self.holes.pop_front();
            if end > index {
                self.holes.push_front((index, end));
                break;
            }
        }
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
        let mut at = start;
        while at < end {
            if let Some(past) = self.hole_at(at) {
                at = past;
                continue;
            }
            let next = self.holes.partition_point(|hole| hole.0 <= at);
            let until = self.holes.get(next).map_or(end, |hole| hole.0.min(end));
            *cause(&mut self.mark.ledger.lost) += until - at;
            self.hole(at, until);
            self.behind = true;
            at = until;
        }
    }

    /// Adds a stretch that overlaps none.
    fn hole(&mut self, start: u64, end: u64) {
        let place = self.holes.partition_point(|hole| hole.0 < start);
        if let Some(before) = place.checked_sub(1).and_then(|at| self.holes.get_mut(at))
            && before.1 == start
        {
            before.1 = end;
        } else {
            self.holes.insert(place, (start, end));
        }
    }

    fn hole_at(&self, index: u64) -> Option<u64> {
        let place = self.holes.partition_point(|hole| hole.0 <= index);
        let (_, end) = self.holes.get(place.checked_sub(1)?)?;
        (*end > index).then_some(*end)
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
        let lost: u64 = self.holes.iter().map(|(start, end)| end - start).sum();
        Ledger {
            accepted: self.next - 1,
            queued: (self.next - self.mark.done).saturating_sub(lost),
            ..self.mark.ledger
        }
    }
}

impl Bounds {
    fn segment(&self) -> u64 {
        (self.size / SEGMENTS).clamp(4096, SEGMENT)
    }
}
