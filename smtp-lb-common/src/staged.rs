//! Staged policies: what they would have decided of a packet that others decided.
//!
//! Each is held, in its context, in place of the enforced one, with all other contexts as they are.
//! Policies alone are compared: what reputation or failsafe decide does not come to them, and what limits
//! of new connections make of an accepted packet is not theirs.

use crate::image::{Context, FAILSAFE_COLUMN, Header, Image, Server, staged_of};
use crate::packet::Packet;
use crate::reason::{Reason, Verdict};
use crate::verdict::{Decision, Listed, Passed, server_of};
use crate::walk::Match;

/// What a staged policy would have done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Counter slot, the first of two: what it would have decided likewise, and what otherwise. 0: there is
    /// no staged policy, or the packet did not come to its context.
    pub slot: u32,
    /// What would have become of the packet.
    pub verdict: Verdict,
    /// What the enforced policies came to.
    pub enforced: Verdict,
}

impl Compared {
    /// Nothing was compared.
    pub const NOTHING: Self = Self {
        slot: 0,
        verdict: Verdict::Accept,
        enforced: Verdict::Accept,
    };

    /// Neither in the global context nor in the packet's own.
    pub const NEITHER: [Self; 2] = [Self::NOTHING; 2];

    /// As a word: a slot has 16 bits.
    #[must_use]
    #[inline(always)]
    pub const fn pack(self) -> u32 {
        self.slot & 0xffff | (self.verdict as u32) << 16 | (self.enforced as u32) << 24
    }

    /// What [`Self::pack`] made a word of.
    #[must_use]
    #[inline(always)]
    pub const fn unpack(packed: u32) -> Self {
        Self {
            slot: packed & 0xffff,
            verdict: verdict(packed >> 16),
            enforced: verdict(packed >> 24),
        }
    }

    /// It would have been something else.
    #[must_use]
    #[inline(always)]
    pub const fn is_otherwise(self) -> bool {
        self.verdict as u8 != self.enforced as u8
    }

    /// Slot that counts it.
    #[must_use]
    #[inline(always)]
    pub const fn counter(self) -> u32 {
        self.slot.wrapping_add(self.is_otherwise() as u32)
    }

    /// The event that is asked for where it is otherwise.
    #[must_use]
    #[inline(always)]
    pub const fn event(self) -> Decision {
        Decision {
            verdict: self.verdict,
            reason: Reason::Staged,
            slot: self.counter(),
            log: true,
            passed: Passed::NO,
            listed: Listed::NO,
        }
    }
}

/// The staged policies that a packet may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// In place of the global policy.
    pub global: Context,
    /// In place of the policy of the packet's context.
    pub own: Context,
}

impl Policies {
    /// Of a packet; `None`: the image leads nowhere.
    #[inline(always)]
    pub fn of<I: Image + ?Sized>(image: &I, packet: &Packet) -> Option<Self> {
        let header = image.line(0).and_then(Header::unpack)?;
        let (host, global) = staged_of(image.line(1)?);
        let own = match server_of(image, &header, packet).ok()? {
            Some(line) => Server::staged(line),
            None => host,
        };
        Some(Self { global, own })
    }

    /// As words.
    #[must_use]
    #[inline(always)]
    pub const fn pack(self) -> [u64; 2] {
        [self.global.pack(), self.own.pack()]
    }

    /// The policies that [`Self::pack`] made words of.
    #[must_use]
    #[inline(always)]
    pub const fn unpack([global, own]: [u64; 2]) -> Self {
        Self {
            global: Context::unpack(global),
            own: Context::unpack(own),
        }
    }

    /// Holds them against what the `enforced` ones have: the global one, and that of the packet's context
    /// `own`, which was not asked if the global one ended. In this order is compared, too.
    ///
    /// `ask` walks a column, only as a question if its second argument says so: the staged rules use up
    /// their own rates, and never one of an enforced rule. `nobody` says what no rule decides, and is asked
    /// at most once.
    #[inline(always)]
    pub fn compare(
        self,
        own: Context,
        enforced: [Match; 2],
        ask: impl Fn(u32, bool) -> Match,
        nobody: impl Fn() -> Verdict,
    ) -> [Compared; 2] {
        let mut instead = enforced;
        let (mut global, mut local) = (Match::NONE, Match::NONE);
        let (has_global, has_local) = (self.global.is_some(), self.own.is_some());
        if has_global {
            global = ask(self.global.column, false);
            instead[0] = global;
            if enforced[0].ends() && !global.ends() {
                instead[1] = ask(own.column, true);
            }
        }
        // What the enforced global policy ends does not come here.
        let comes = has_local && !enforced[0].ends();
        if comes {
            local = ask(self.own.column, false);
        }
        if unusable(global) || unusable(local) || unusable(instead[1]) {
            return Compared::NEITHER;
        }
        let beside = [enforced[0], local];
        let asked =
            undecided(enforced) || has_global && undecided(instead) || comes && undecided(beside);
        let default = if asked { nobody() } else { Verdict::Accept };
        let real = outcome(default, enforced);
        let mut compared = Compared::NEITHER;
        if has_global {
            compared[0] = one(self.global, global, outcome(default, instead), real);
        }
        if comes {
            compared[1] = one(self.own, local, outcome(default, beside), real);
        }
        compared
    }
}

impl Context {
    /// In place of a staged policy: there is none.
    pub const NONE: Self = Self {
        column: FAILSAFE_COLUMN,
        default_slot: 0,
    };

    /// There is one.
    #[must_use]
    #[inline(always)]
    pub const fn is_some(self) -> bool {
        self.column != FAILSAFE_COLUMN
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a field of the packed word"
)]
const fn verdict(packed: u32) -> Verdict {
    match Verdict::from_u8(packed as u8) {
        Some(verdict) => verdict,
        None => Verdict::Drop,
    }
}

/// The image was changed meanwhile, or leads nowhere: this packet is not compared.
#[inline(always)]
const fn unusable(found: Match) -> bool {
    found.is_changed() || found.is_damaged()
}

#[inline(always)]
const fn one(context: Context, found: Match, verdict: Verdict, real: Verdict) -> Compared {
    Compared {
        slot: if found.is_some() {
            found.slot()
        } else {
            context.default_slot
        },
        verdict,
        enforced: real,
    }
}

#[inline(always)]
const fn undecided([global, own]: [Match; 2]) -> bool {
    !global.is_some() && !own.is_some()
}

/// What rules of the global and the own policy come to, and the default where there are none.
#[inline(always)]
const fn outcome(default: Verdict, [global, own]: [Match; 2]) -> Verdict {
    if global.ends() {
        global.verdict()
    } else if own.is_some() {
        own.verdict()
    } else if global.is_some() {
        Verdict::Accept
    } else {
        default
    }
}

#[cfg(test)]
mod tests;
