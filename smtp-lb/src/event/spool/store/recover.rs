//! A queue is found on disk, as a crash may have left it.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::super::record::{self, SEGMENT_HEAD};
use super::super::segment::{self, Segment};
use super::Spool;

impl Spool {
    pub(super) fn recover(&mut self) -> io::Result<()> {
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
            self.holes.add(hole.0, hole.1);
        }
    }
}
