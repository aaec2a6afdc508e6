//! Records that go into or come out of the store together.

use super::record::Record;

/// Records with their times and sequence numbers, in one buffer that is kept.
#[derive(Debug, Default)]
pub(in crate::event) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    end: usize,
    time: u64,
    sequence: u64,
    /// Of those that were read.
    index: Option<u64>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Item<'a> {
    pub(in crate::event) time: u64,
    pub(in crate::event) sequence: u64,
    pub(in crate::event) text: &'a [u8],
}

impl Batch {
    /// Adds what `write` appends.
    pub(in crate::event) fn push(
        &mut self,
        time: u64,
        sequence: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.add((time, sequence, None), write);
    }

    /// Adds a record that stands at `index`.
    pub(super) fn put(&mut self, index: u64, record: Record<'_>) {
        self.add((record.time, record.sequence, Some(index)), |out| {
            out.extend_from_slice(record.text);
        });
    }

    fn add(
        &mut self,
        (time, sequence, index): (u64, u64, Option<u64>),
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        write(&mut self.bytes);
        self.records.push(Place {
            end: self.bytes.len(),
            time,
            sequence,
            index,
        });
    }

    /// Where in the store the record stands that was read at that place.
    pub(in crate::event) fn index(&self, place: usize) -> Option<u64> {
        self.records.get(place)?.index
    }

    pub(in crate::event) fn len(&self) -> usize {
        self.records.len()
    }

    pub(in crate::event) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(in crate::event) fn octets(&self) -> usize {
        self.bytes.len()
    }

    pub(in crate::event) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    pub(in crate::event) fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|place| place.end));
        starts.zip(&self.records).map(|(start, place)| Item {
            time: place.time,
            sequence: place.sequence,
            text: self.bytes.get(start..place.end).unwrap_or_default(),
        })
    }
}
