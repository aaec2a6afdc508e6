//! Reads pcap and pcapng, one block at a time, each within a bound.

use std::io::{self, ErrorKind, Read};

use thiserror::Error;

use super::{
    ENHANCED_PACKET, INTERFACE, OPTION_COMMENT, OPTION_END, OPTION_RESOLUTION, ORDER, SECTION,
    SIMPLE_PACKET,
};

/// Longest block or frame that is read, in octets; libpcap itself writes frames up to 256 KiB.
pub const MAX_BLOCK: u32 = 1 << 20;
/// Most interfaces of a section.
const MAX_INTERFACES: usize = 4096;

/// A capture cannot be read on.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It begins like neither.
    #[error("this is neither pcap nor pcapng")]
    Unknown,
    /// It ends within a record. What came before was whole.
    #[error("the capture ends within a record")]
    Truncated,
    /// A length that no writer gives.
    #[error("a record of {0} octets; the bound is {MAX_BLOCK}")]
    TooLong(u32),
    /// Something contradicts itself.
    #[error("the capture is damaged: {0}")]
    Damaged(&'static str),
}

/// A recorded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since the Unix epoch, where it is told.
    pub time_ns: Option<u64>,
    /// Link type (tcpdump's LINKTYPE numbers).
    pub link: u16,
    /// Octets that it had.
    pub length: u32,
    /// Those of them that were kept.
    pub data: Vec<u8>,
    /// Its comment, if it has one.
    pub comment: Option<String>,
}

/// A capture being read.
pub struct Reader<R> {
    input: R,
    format: Format,
}

enum Format {
    Pcap {
        big: bool,
        /// Nanoseconds of a fraction's unit.
        unit: u64,
        link: u16,
    },
    Pcapng {
        big: bool,
        interfaces: Vec<Interface>,
    },
}

#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    snap: u32,
    /// As `if_tsresol` has it.
    resolution: u8,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning, and knows by it which format it is.
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        let mut magic = [0; 4];
        fill(&mut input, &mut magic).map_err(|error| match error {
            ReadError::Truncated => ReadError::Unknown,
            other => other,
        })?;
        if u32::from_le_bytes(magic) == SECTION {
            let mut reader = Self {
                input,
                format: Format::Pcapng {
                    big: false,
                    interfaces: Vec::new(),
                },
            };
            reader.section()?;
            return Ok(reader);
        }
        let (big, unit) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (0xa1b2_c3d4, _) => (false, 1000),
            (0xa1b2_3c4d, _) => (false, 1),
            (_, 0xa1b2_c3d4) => (true, 1000),
            (_, 0xa1b2_3c4d) => (true, 1),
            _ => return Err(ReadError::Unknown),
        };
        let mut head = [0; 20];
        fill(&mut input, &mut head)?;
        // The upper half tells of checksums at the end of frames.
        let link = word(&head, 16, big) & 0xffff;
        let link = u16::try_from(link).unwrap_or(u16::MAX);
        let format = Format::Pcap { big, unit, link };
        Ok(Self { input, format })
    }

    /// The next frame; `None` at the end.
    pub fn packet(&mut self) -> Result<Option<Packet>, ReadError> {
        match self.format {
            Format::Pcap { big, unit, link } => self.record(big, unit, link),
            Format::Pcapng { .. } => self.blocks(),
        }
    }

    fn record(&mut self, big: bool, unit: u64, link: u16) -> Result<Option<Packet>, ReadError> {
        let mut head = [0; 16];
        if !fill_or_end(&mut self.input, &mut head)? {
            return Ok(None);
        }
        let at = |offset| word(&head, offset, big);
        let data = self.octets(at(8))?;
        let time = u64::from(at(0)) * 1_000_000_000 + u64::from(at(4)).saturating_mul(unit);
        Ok(Some(Packet {
            time_ns: Some(time),
            link,
            length: at(12),
            data,
            comment: None,
        }))
    }

    fn blocks(&mut self) -> Result<Option<Packet>, ReadError> {
        loop {
            let mut kind = [0; 4];
            if !fill_or_end(&mut self.input, &mut kind)? {
                return Ok(None);
            }
            if u32::from_le_bytes(kind) == SECTION {
                self.section()?;
                continue;
            }
            let Format::Pcapng { big, .. } = self.format else {
                return Ok(None);
            };
            let mut length = [0; 4];
            fill(&mut self.input, &mut length)?;
            let body = self.body(word(&length, 0, big), 8, big)?;
            let Format::Pcapng { interfaces, .. } = &mut self.format else {
                return Ok(None);
            };
            match word(&kind, 0, big) {
                INTERFACE => {
                    if interfaces.len() == MAX_INTERFACES {
                        return Err(ReadError::Damaged("more than 4,096 interfaces"));
                    }
                    interfaces.push(interface(&body, big)?);
                }
                ENHANCED_PACKET => return enhanced(&body, big, interfaces).map(Some),
                SIMPLE_PACKET => return simple(&body, big, interfaces).map(Some),
                // Names, statistics and what else there may be.
                _ => {}
            }
        }
    }

    /// The rest of a section header, whose type was read.
    fn section(&mut self) -> Result<(), ReadError> {
        let mut head = [0; 8];
        fill(&mut self.input, &mut head)?;
        let big = match (word(&head, 4, false), word(&head, 4, true)) {
            (ORDER, _) => false,
            (_, ORDER) => true,
            _ => return Err(ReadError::Damaged("a section without its order of octets")),
        };
        self.body(word(&head, 0, big), 12, big)?;
        self.format = Format::Pcapng {
            big,
            interfaces: Vec::new(),
        };
        Ok(())
    }

    /// What follows the first `read` octets of a block, without the length at its end.
    fn body(&mut self, length: u32, read: u32, big: bool) -> Result<Vec<u8>, ReadError> {
        if length < read + 4 || !length.is_multiple_of(4) {
            return Err(ReadError::Damaged("the length of a block"));
        }
        let mut body = self.octets(length - read)?;
        let end = body.split_off(body.len() - 4);
        if word(&end, 0, big) == length {
            Ok(body)
        } else {
            Err(ReadError::Damaged("the two lengths of a block"))
        }
    }

    fn octets(&mut self, length: u32) -> Result<Vec<u8>, ReadError> {
        if length > MAX_BLOCK {
            return Err(ReadError::TooLong(length));
        }
        let mut octets = vec![0; length as usize];
        fill(&mut self.input, &mut octets)?;
        Ok(octets)
    }
}

fn fill(input: &mut impl Read, octets: &mut [u8]) -> Result<(), ReadError> {
    input
        .read_exact(octets)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => ReadError::Truncated,
            _ => error.into(),
        })
}

/// False: the stream ended before the first octet.
fn fill_or_end(input: &mut impl Read, octets: &mut [u8]) -> Result<bool, ReadError> {
    let (first, rest) = octets.split_at_mut(1);
    loop {
        match input.read(first) {
            Ok(0) => return Ok(false),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    fill(input, rest)?;
    Ok(true)
}

/// Four octets, which the caller knows to be there; else 0.
fn word(octets: &[u8], offset: usize, big: bool) -> u32 {
    let found = octets.get(offset..).and_then(<[u8]>::first_chunk);
    let octets = found.copied().unwrap_or_default();
    if big {
        u32::from_be_bytes(octets)
    } else {
        u32::from_le_bytes(octets)
    }
}

fn half(octets: &[u8], offset: usize, big: bool) -> u16 {
    let found = octets.get(offset..).and_then(<[u8]>::first_chunk);
    let octets = found.copied().unwrap_or_default();
    if big {
        u16::from_be_bytes(octets)
    } else {
        u16::from_le_bytes(octets)
    }
}

fn interface(body: &[u8], big: bool) -> Result<Interface, ReadError> {
    if body.len() < 8 {
        return Err(ReadError::Damaged("a short interface block"));
    }
    let resolution = options(&body[8..], big).find(|(code, _)| *code == OPTION_RESOLUTION);
    let resolution = resolution.and_then(|(_, value)| value.first().copied());
    Ok(Interface {
        link: half(body, 0, big),
        snap: word(body, 4, big),
        resolution: resolution.unwrap_or(6),
    })
}

fn enhanced(body: &[u8], big: bool, interfaces: &[Interface]) -> Result<Packet, ReadError> {
    let at = |offset| word(body, offset, big);
    let interface = interfaces.get(at(0) as usize);
    let interface = interface.ok_or(ReadError::Damaged("a frame of no interface"))?;
    let kept = at(12) as usize;
    let rest = body.get(20..).unwrap_or_default();
    let data = rest
        .get(..kept)
        .ok_or(ReadError::Damaged("a frame longer than its block"))?;
    let after = rest.get(kept.next_multiple_of(4)..).unwrap_or_default();
    let comment = options(after, big).find(|(code, _)| *code == OPTION_COMMENT);
    let time = u64::from(at(4)) << 32 | u64::from(at(8));
    Ok(Packet {
        time_ns: Some(nanoseconds(time, interface.resolution)),
        link: interface.link,
        length: at(16),
        data: data.to_vec(),
        comment: comment.map(|(_, text)| String::from_utf8_lossy(text).into_owned()),
    })
}

fn simple(body: &[u8], big: bool, interfaces: &[Interface]) -> Result<Packet, ReadError> {
    let interface = interfaces.first();
    let interface = interface.ok_or(ReadError::Damaged("a frame of no interface"))?;
    let length = word(body, 0, big);
    let rest = body.get(4..).unwrap_or_default();
    let snap = if interface.snap == 0 {
        u32::MAX
    } else {
        interface.snap
    };
    let kept = length.min(snap) as usize;
    let data = rest
        .get(..kept)
        .ok_or(ReadError::Damaged("a frame longer than its block"))?;
    Ok(Packet {
        time_ns: None,
        link: interface.link,
        length,
        data: data.to_vec(),
        comment: None,
    })
}

fn options(mut rest: &[u8], big: bool) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = (half(rest, 0, big), usize::from(half(rest, 2, big)));
        let value = rest.get(4..4 + length)?;
        if code == OPTION_END {
            return None;
        }
        rest = rest
            .get((4 + length).next_multiple_of(4)..)
            .unwrap_or_default();
        Some((code, value))
    })
}

/// Units of `if_tsresol` as nanoseconds; what has no room is the end of time.
fn nanoseconds(time: u64, resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let units = if resolution & 0x80 == 0 {
        10u128.checked_pow(exponent)
    } else {
        1u128.checked_shl(exponent)
    };
    // Finer than any clock: as good as nothing.
    let Some(units) = units.filter(|units| *units != 0) else {
        return 0;
    };
    u64::try_from(u128::from(time) * 1_000_000_000 / units).unwrap_or(u64::MAX)
}
