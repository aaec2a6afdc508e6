//! Names and sizes that the object, the loader and the tests must agree on.

/// Changes with every change of a shared layout: pins of another version are not reused.
pub const ABI_VERSION: u32 = 2;

/// The XDP program.
pub const PROGRAM: &str = "smtp_lb";

/// Array of maps with one element: the image in force.
pub const MAP_IMAGE: &str = "IMAGE";
/// Per-CPU array of [`Tally`], one for each slot.
pub const MAP_COUNTERS: &str = "COUNTERS";
/// Per-CPU array of one [`Totals`].
pub const MAP_TOTALS: &str = "TOTALS";
/// Array of u64: theoretical arrival times, one for each slot (see [`crate::bucket`]).
pub const MAP_BUCKETS: &str = "BUCKETS";
/// Array of ring buffers, one for each CPU.
pub const MAP_RINGS: &str = "RINGS";

/// Array of maps with one element: the reputation image in force.
pub const MAP_REPUTATION: &str = "REPUTATION";
/// Per-CPU array of [`Tally`], one for each reputation set and profile.
pub const MAP_HITS: &str = "HITS";
/// Hash map of added reputation entries.
pub const MAP_ADDED: &str = "ADDED";
/// Array of one u64: lengths of added networks, IPv4's in its low half.
pub const MAP_LENGTHS: &str = "LENGTHS";

/// Bound of counters and buckets: built-in reasons and rules over all contexts.
pub const SLOTS: u32 = 65_536;
/// Bound of [`MAP_RINGS`]; events of CPUs past it count as `ring_full`.
pub const MAX_CPUS: u32 = 512;
/// Bytes of each ring buffer: 26,214 events of 72 bytes fit, each with its header of 8.
pub const RING_BYTES: u32 = 1 << 21;
/// Bytes that an event takes in a ring: itself and the ring's header of 8.
pub const RING_RECORD: u64 = size_of::<crate::event::RawEvent>() as u64 + 8;
/// Unread bytes of a ring at which the reader is woken before its timed poll.
pub const RING_WATERMARK: u64 = (RING_BYTES / 4) as u64;

/// What a slot has counted, on one CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Octets of their frames.
    pub bytes: u64,
}

/// What the program as a whole has counted, on one CPU.
///
/// `received = accepted + dropped` and `asked = sent + limited + ring_full` hold at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Totals {
    /// Frames that entered the program.
    pub received: Tally,
    /// Frames let on.
    pub accepted: Tally,
    /// Frames taken away.
    pub dropped: Tally,
    /// Events that rules asked for.
    pub asked: u64,
    /// Events given to a ring.
    pub sent: u64,
    /// Events held back by the rule's rate.
    pub limited: u64,
    /// Events for which the ring had no room.
    pub ring_full: u64,
}

const _: () = assert!(size_of::<Tally>() == 16 && size_of::<Totals>() == 80);
