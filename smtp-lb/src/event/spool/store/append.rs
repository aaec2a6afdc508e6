//! Records go in, and room is made for them.

use std::io;
use std::os::unix::fs::FileExt as _;

use super::super::Causes;
use super::super::batch::{Batch, Item};
use super::super::record::{self, HEAD, MOST, Record, SEGMENT_HEAD};
use super::super::segment::{self, Segment};
use super::Spool;
use crate::config::plan::Overflow;

impl Spool {
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

    pub(super) fn close_active(&mut self) -> io::Result<()> {
        if let Some(file) = self.active.take() {
            file.sync_data()?;
        }
        Ok(())
    }
}
