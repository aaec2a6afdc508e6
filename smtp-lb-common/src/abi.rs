//! Names and sizes that the object, the loader and the tests must agree on.

/// Changes with every change of a shared layout: pins of another version are not reused.
pub const ABI_VERSION: u32 = 7;

/// The XDP program.
pub const PROGRAM: &str = "smtp_lb";

/// Array of maps with one element: the image in force.
pub const MAP_IMAGE: &str = "IMAGE";
/// Per-CPU array of [`SlotTally`], one for each slot.
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
/// Array of one [`crate::capture::Control`]. This and the next three are not pinned: a capture
/// ends with the program that makes it.
pub const MAP_CAPTURE: &str = "CAPTURE";
/// Array of words with a bit for each slot: whose frames are captured.
pub const MAP_CAPTURE_SLOTS: &str = "CAPTURE_SLOTS";
/// Ring buffer of [`crate::capture::Captured`].
pub const MAP_CAPTURED: &str = "CAPTURED";
/// Per-CPU array of one word: frames for which that ring had no room, or that could not be read.
pub const MAP_CAPTURE_LOST: &str = "CAPTURE_LOST";

/// Array of u64: what rules with a rate have used of it, one for each slot (see [`crate::bucket`]).
pub const MAP_SPENT: &str = "SPENT";
/// LRU hash map of [`crate::flood::Key`] to the state of its bucket.
pub const MAP_FLOODS: &str = "FLOODS";
/// Array of [`crate::cookie::Watch`], by the counter slot of each virtual server's cookies.
pub const MAP_WATCHES: &str = "WATCHES";
/// Array of u64, by the same slot: until when the daemon protects the virtual server.
pub const MAP_GUARDED: &str = "GUARDED";
/// Element of [`MAP_GUARDED`] that is no virtual server's: what `net.ipv4.tcp_syncookies` was before the
/// daemon set it, and one more; 0: it has not. So it lives as long as what it says.
pub const FORMER: u32 = 0;

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

/// Bytes of [`MAP_CAPTURED`]: 2,646 frames.
pub const CAPTURE_BYTES: u32 = 1 << 22;
/// Words of [`MAP_CAPTURE_SLOTS`].
pub const CAPTURE_WORDS: u32 = SLOTS / 64;

/// What a slot has counted, on one CPU, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SlotTally {
    /// How much.
    pub tally: Tally,
    /// Time of the last packet, in nanoseconds of the kernel's monotonic clock as of its last
    /// tick, so up to 10 ms early. 0: there was none.
    pub last: u64,
}

/// Packets and octets, counted on one CPU.
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
/// `received = accepted + dropped + rejected` and `asked = sent + limited + ring_full` hold at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Totals {
    /// Frames that entered the program.
    pub received: Tally,
    /// Frames let on.
    pub accepted: Tally,
    /// Frames taken away without a word.
    pub dropped: Tally,
    /// Frames taken away and answered.
    pub rejected: Tally,
    /// Events that rules asked for.
    pub asked: u64,
    /// Events given to a ring.
    pub sent: u64,
    /// Events held back by the rule's rate.
    pub limited: u64,
    /// Events for which the ring had no room.
    pub ring_full: u64,
    /// Of those dropped: what a rule rejects and the rate of answers did not let be answered.
    pub answers_limited: u64,
    /// Of those rejected: no answer could be made in the frame.
    pub answers_failed: u64,
}

const _: () =
    assert!(size_of::<Tally>() == 16 && size_of::<SlotTally>() == 24 && size_of::<Totals>() == 112);
