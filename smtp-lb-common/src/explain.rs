//! How userspace asks the loaded program about one made-up frame.
//!
//! `BPF_PROG_TEST_RUN` may give a frame a metadata area, which nothing from a network has. A
//! frame that carries [`MAGIC`] there is decided like any other, and then, instead of being
//! counted and told, its decision is written over the request.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First word of a request: no driver writes this.
pub const MAGIC: u64 = 0x534d_5450_4c42_3f01;

/// Request and answer, in the metadata area just before the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Answer {
    /// [`MAGIC`].
    pub magic: u64,
    /// Counter slot that would have counted.
    pub slot: u32,
    /// [`crate::reason::Verdict`].
    pub verdict: u8,
    /// [`crate::reason::Reason`].
    pub reason: u8,
    /// 1: an event would have been asked for.
    pub asked: u8,
    /// Zero in the request, 1 in the answer.
    pub answered: u8,
    /// Reputation set of the source, 0 if none matters.
    pub set: u32,
    /// Counter slot of the rule of the global policy that let it go on, 0 if none did.
    pub passed: u32,
    /// What the staged global policy would have done, and that of the packet's context: see
    /// [`crate::staged::Compared::pack`].
    pub staged: [u32; 2],
}

impl Answer {
    /// An unanswered request.
    #[must_use]
    pub const fn request() -> Self {
        Self {
            magic: MAGIC,
            slot: 0,
            verdict: 0,
            reason: 0,
            asked: 0,
            answered: 0,
            set: 0,
            passed: 0,
            staged: [0; 2],
        }
    }
}

const _: () = assert!(size_of::<Answer>() == 32);
