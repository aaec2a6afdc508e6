//! Records come out, in their order.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};

use super::super::batch::Batch;
use super::super::record::{self, SEGMENT_HEAD};
use super::super::segment::{self, Segment};
use super::Spool;

/// Where reading is.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) first: u64,
    /// The record that comes next.
    at: u64,
    offset: u64,
    file: BufReader<File>,
}

impl Spool {
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
            if let Some(end) = self.holes.end_at(self.at) {
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
}
