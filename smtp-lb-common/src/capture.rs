//! How frames get out of the kernel program with their verdict, while somebody asks for them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Octets of a frame that are kept at the most: a whole one at an MTU of 1,500, tags included.
pub const SNAP: u32 = 1536;

/// What is captured. Written by userspace, read by the program for each frame: one load while
/// nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoBytes, Immutable)]
#[repr(C)]
pub struct Control {
    /// Until when, in nanoseconds of the kernel's monotonic clock. 0, or any time that is past:
    /// nothing is captured, whatever became of who asked.
    pub until: u64,
    /// Verdicts, one bit to each by its number.
    pub verdicts: u64,
    /// Octets of a frame, up to [`SNAP`].
    pub snap: u64,
    /// Number of the capture, so that what a former one left is known for it.
    pub session: u64,
}

impl Control {
    /// As the words that it is.
    #[must_use]
    pub const fn words(&self) -> [u64; 4] {
        [self.until, self.verdicts, self.snap, self.session]
    }
}

/// What precedes the octets of a captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// Nanoseconds of the kernel's monotonic clock.
    pub time: u64,
    /// [`Control::session`].
    pub session: u64,
    /// Counter slot that counted.
    pub slot: u32,
    /// Index of the interface it came in by; 0: none.
    pub interface: u32,
    /// Octets of the frame.
    pub length: u32,
    /// Octets that follow.
    pub taken: u32,
    /// [`crate::reason::Verdict`].
    pub verdict: u8,
    /// [`crate::reason::Reason`].
    pub reason: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

/// A record of the ring. What follows `taken` octets is whatever the ring held before.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Captured {
    /// What it is.
    pub head: Head,
    /// The frame.
    pub data: [u8; SNAP as usize],
}

const _: () = assert!(size_of::<Control>() == 32 && size_of::<Head>() == 40);
