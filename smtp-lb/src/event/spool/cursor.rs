//! How far a queue is done with, in a file of two slots that are written in turn: a write that is cut
//! leaves the other one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::record::checksum;
use super::{Causes, Ledger};

/// Octets of a slot; it begins on a boundary of its own.
const SLOT: usize = 104;
const STRIDE: u64 = 512;

/// What is known across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Every record before this one is done with.
    pub(super) done: u64,
    /// Index of the next record, when this was written.
    pub(super) next: u64,
    /// The last sequence number that was given.
    pub(super) sequence: u64,
    /// Sent, lost and torn. What is accepted and queued the segments know.
    pub(super) ledger: Ledger,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            done: 1,
            next: 1,
            sequence: 0,
            ledger: Ledger::default(),
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct Cursor {
    file: File,
    /// Writes so far.
    turn: u64,
}

impl Cursor {
    /// Opens the file, and makes it if missing. A file in which nothing is whole is as a new one: what
    /// is on disk is then sent again.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Mark)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let slots = [0, STRIDE].map(|place| {
            let mut slot = [0; SLOT];
            match file.read_exact_at(&mut slot, place) {
                Ok(()) => decode(&slot),
                Err(_) => None,
            }
        });
        let newest = slots.into_iter().flatten().max_by_key(|(turn, _)| *turn);
        let (turn, mark) = newest.unwrap_or_default();
        Ok((Self { file, turn }, mark))
    }

    /// Writes the mark over the elder slot.
    pub(super) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let turn = self.turn + 1;
        let place = if turn.is_multiple_of(2) { 0 } else { STRIDE };
        self.file.write_all_at(&encode(turn, mark), place)?;
        self.turn = turn;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn encode(turn: u64, mark: &Mark) -> [u8; SLOT] {
    let Causes {
        overflow,
        aged,
        corrupt,
        too_large,
    } = mark.ledger.lost;
    let numbers = [
        turn,
        mark.done,
        mark.next,
        mark.sequence,
        mark.ledger.sent,
        overflow,
        aged,
        corrupt,
        too_large,
        mark.ledger.torn,
    ];
    let mut slot = [0; SLOT];
    for (place, number) in slot.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let check = checksum(&slot[..SLOT - 4]);
    slot[SLOT - 4..].copy_from_slice(&check.to_le_bytes());
    slot
}

fn decode(slot: &[u8; SLOT]) -> Option<(u64, Mark)> {
    let (body, check) = slot.split_last_chunk::<4>()?;
    if checksum(body) != u32::from_le_bytes(*check) {
        return None;
    }
    let mut numbers = body
        .chunks_exact(8)
        .filter_map(|chunk| chunk.first_chunk().map(|eight| u64::from_le_bytes(*eight)));
    let mut number = || numbers.next();
    let turn = number()?;
    let mark = Mark {
        done: number()?,
        next: number()?,
        sequence: number()?,
        ledger: Ledger {
            sent: number()?,
            lost: Causes {
                overflow: number()?,
                aged: number()?,
                corrupt: number()?,
                too_large: number()?,
            },
            torn: number()?,
            ..Ledger::default()
        },
    };
    // A slot of zeros has a sum of its own that is not zero; a turn of 0 was never written.
    (turn > 0 && mark.done > 0).then_some((turn, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(done: u64) -> Mark {
        Mark {
            done,
            next: done,
            sequence: done * 3,
            ledger: Ledger {
                sent: done - 1,
                torn: 7,
                ..Ledger::default()
            },
        }
    }

    #[test]
    fn a_write_that_is_cut_anywhere_leaves_the_one_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        let (mut cursor, first) = Cursor::open(&path).unwrap();
        assert_eq!(first, Mark::default());
        cursor.write(&mark(5)).unwrap();
        cursor.write(&mark(6)).unwrap();
        let before = std::fs::read(&path).unwrap();
        cursor.write(&mark(9)).unwrap();
        let after = std::fs::read(&path).unwrap();
        assert_eq!(Cursor::open(&path).unwrap().1, mark(9));
        let changed = usize::try_from(STRIDE).unwrap();
        for cut in changed..changed + SLOT - 1 {
            let mut torn = before.clone();
            torn[changed..cut].copy_from_slice(&after[changed..cut]);
            std::fs::write(&path, &torn).unwrap();
            let read = Cursor::open(&path).unwrap().1;
            assert!(
                read == mark(6) || (read == mark(9) && torn == after),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn what_is_no_cursor_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        for octets in [vec![], vec![0; 2000], vec![0xff; 2000]] {
            std::fs::write(&path, octets).unwrap();
            let (mut cursor, read) = Cursor::open(&path).unwrap();
            assert_eq!(read, Mark::default());
            cursor.write(&mark(2)).unwrap();
            assert_eq!(Cursor::open(&path).unwrap().1, mark(2));
        }
    }
}
