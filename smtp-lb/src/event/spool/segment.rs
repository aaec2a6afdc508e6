//! A file of records.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::record::{self, HEAD, SEGMENT_HEAD};

/// What is known of a segment. Records `first..first + count` are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) count: u64,
    /// Octets that are sound, head included.
    pub(super) octets: u64,
    /// Time of the newest record.
    pub(super) newest: u64,
}

impl Segment {
    pub(super) fn empty(first: u64) -> Self {
        Self {
            first,
            count: 0,
            octets: SEGMENT_HEAD as u64,
            newest: 0,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.count
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        path(folder, self.first)
    }
}

/// The segment whose first record is `first`.
pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016x}.seg"))
}

/// The first record of the segment of that name.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name
        .strip_suffix(".seg")
        .filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|&first| first > 0)
}

/// A segment as it is on disk.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) segment: Segment,
    /// The last sequence number in it.
    pub(super) sequence: u64,
    /// Octets behind the sound ones.
    pub(super) rest: u64,
}

/// Reads a segment as far as it is sound.
pub(super) fn scan(folder: &Path, first: u64) -> io::Result<Scan> {
    let file = File::open(path(folder, first))?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut segment = Segment::empty(first);
    let mut sequence = 0;
    let mut head = [0; SEGMENT_HEAD];
    if fill(&mut reader, &mut head)? && head == record::segment_head(first) {
        let mut octets = Vec::new();
        while next(&mut reader, &mut octets)? {
            let Some(found) = record::read(segment.end(), &octets) else {
                break;
            };
            segment.count += 1;
            segment.octets += octets.len() as u64;
            segment.newest = segment.newest.max(found.time);
            sequence = found.sequence;
        }
    } else {
        segment.octets = 0;
    }
    Ok(Scan {
        rest: length.saturating_sub(segment.octets),
        segment,
        sequence,
    })
}

/// Reads the octets of one record, or says that there are too few for one.
pub(super) fn next(reader: &mut impl io::Read, octets: &mut Vec<u8>) -> io::Result<bool> {
    octets.clear();
    octets.resize(HEAD, 0);
    if !fill(reader, octets)? {
        return Ok(false);
    }
    let Some(length) = record::length(octets) else {
        return Ok(false);
    };
    octets.resize(HEAD + length, 0);
    match octets.get_mut(HEAD..) {
        Some(text) => fill(reader, text),
        None => Ok(false),
    }
}

fn fill(reader: &mut impl io::Read, octets: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(octets) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a segment to append to it, at its sound end.
pub(super) fn open(folder: &Path, segment: &Segment) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(segment.path(folder))?;
    Ok(file)
}

/// A reader of a segment, at its first record.
pub(super) fn reader(folder: &Path, first: u64) -> io::Result<BufReader<File>> {
    let mut reader = BufReader::with_capacity(1 << 17, File::open(path(folder, first))?);
    let mut head = [0; SEGMENT_HEAD];
    reader.read_exact(&mut head)?;
    Ok(reader)
}
