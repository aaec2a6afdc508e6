//! Encoded records on their way out, with the bounds between them.

use super::queue::Done;

/// A buffer that is kept from batch to batch, so that encoding a record allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// Octets written.
    written: usize,
    /// Records that are done with, whether told of by [`Outgoing::take_done`] or not.
    past: usize,
    /// Which of them were given up.
    refused: Vec<usize>,
    done: Done,
}

impl Outgoing {
    /// Adds what `encode` appends as one record.
    pub(super) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Is all done with?
    pub(super) fn is_empty(&self) -> bool {
        self.past == self.ends.len()
    }

    /// Does what is still to be written begin with a record's beginning?
    pub(super) fn is_whole(&self) -> bool {
        let end = self
            .past
            .checked_sub(1)
            .and_then(|last| self.ends.get(last));
        self.written == end.copied().unwrap_or(0)
    }

    /// All octets still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// What is still to be written of the record that is next.
    pub(super) fn record(&self) -> &[u8] {
        let end = self.ends.get(self.past).copied().unwrap_or(self.written);
        self.bytes.get(self.written..end).unwrap_or_default()
    }

    /// What is still to be written, record by record.
    pub(super) fn records(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let ends = self.ends.get(self.past..).unwrap_or_default();
        let mut start = self.written;
        ends.iter().map(move |&end| {
            let record = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            record
        })
    }

    /// `octets` more are written; a record counts as sent with its last octet.
    pub(super) fn advance(&mut self, octets: usize) {
        self.written = (self.written + octets).min(self.bytes.len());
        while self
            .ends
            .get(self.past)
            .is_some_and(|&end| end <= self.written)
        {
            self.past += 1;
            self.done.sent += 1;
        }
    }

    /// Gives up the next record.
    pub(super) fn refuse(&mut self) {
        if let Some(&end) = self.ends.get(self.past) {
            self.written = end;
            self.refused.push(self.past);
            self.past += 1;
            self.done.too_large += 1;
        }
    }

    /// A record begun and not finished is to be written from its beginning.
    pub(super) fn rewind(&mut self) {
        let begun = self
            .past
            .checked_sub(1)
            .and_then(|last| self.ends.get(last));
        self.written = begun.copied().unwrap_or(0);
    }

    /// Records done with since the last call.
    pub(super) fn take_done(&mut self) -> Done {
        std::mem::take(&mut self.done)
    }

    /// Places of the records that were given up, of those since the last [`Outgoing::clear`].
    pub(super) fn refused(&self) -> &[usize] {
        &self.refused
    }

    /// Octets of all records.
    pub(super) fn octets(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for the next batch, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.refused.clear();
        self.written = 0;
        self.past = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outgoing(records: &[&[u8]]) -> Outgoing {
        let mut outgoing = Outgoing::default();
        for record in records {
            outgoing.push(|bytes| bytes.extend_from_slice(record));
        }
        outgoing
    }

    #[test]
    fn a_record_is_sent_with_its_last_octet() {
        let mut outgoing = outgoing(&[b"one", b"three", b"x"]);
        outgoing.advance(2);
        assert_eq!(outgoing.take_done(), Done::default());
        assert_eq!(outgoing.record(), b"e");
        outgoing.advance(2);
        assert_eq!(
            outgoing.take_done(),
            Done {
                sent: 1,
                too_large: 0
            }
        );
        assert_eq!(outgoing.rest(), b"hreex");
        assert!(outgoing.records().eq([b"hree".as_slice(), b"x"]));
        outgoing.rewind();
        assert_eq!(outgoing.rest(), b"threex");
        outgoing.refuse();
        outgoing.advance(1);
        assert_eq!(
            outgoing.take_done(),
            Done {
                sent: 1,
                too_large: 1
            }
        );
        assert!(outgoing.is_empty());
        assert_eq!(outgoing.rest(), b"");
        outgoing.rewind();
        assert_eq!(outgoing.rest(), b"");
    }

    proptest! {
        /// However writes are cut and connections lost, each connection sees whole records from
        /// a beginning on, and every record is complete on one of them.
        #[test]
        fn nothing_is_lost_over_reconnects(
            lengths in prop::collection::vec(1..20_usize, 1..20),
            cuts in prop::collection::vec((1..40_usize, any::<bool>()), 1..60),
        ) {
            let records: Vec<Vec<u8>> = (0_u8..)
                .zip(&lengths)
                .map(|(n, &length)| vec![n; length])
                .collect();
            let mut outgoing = Outgoing::default();
            for record in &records {
                outgoing.push(|bytes| bytes.extend_from_slice(record));
            }
            let mut connections = vec![Vec::new()];
            let mut sent = 0;
            for (octets, cut) in cuts.into_iter().chain([(1000, false)]) {
                let chunk: Vec<u8> = outgoing.rest().iter().take(octets).copied().collect();
                outgoing.advance(chunk.len());
                sent += outgoing.take_done().sent;
                connections.last_mut().unwrap().extend(chunk);
                if cut {
                    outgoing.rewind();
                    connections.push(Vec::new());
                }
            }
            prop_assert_eq!(sent, records.len());
            let mut complete = Vec::new();
            for connection in connections {
                let mut rest = &connection[..];
                while let Some(&number) = rest.first() {
                    let record = &records[usize::from(number)];
                    let length = record.len().min(rest.len());
                    prop_assert_eq!(&rest[..length], &record[..length]);
                    if length == record.len() {
                        complete.push(number);
                    }
                    rest = &rest[length..];
                }
            }
            let expected: Vec<u8> = (0_u8..).take(records.len()).collect();
            prop_assert_eq!(complete, expected);
        }
    }
}
