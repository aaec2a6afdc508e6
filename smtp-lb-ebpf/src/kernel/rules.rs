//! The rules of a column, as a call of its own, and what rules with a rate have used of it. Audited:
//! `unsafe` here is one map element at a time.

use core::intrinsics::AtomicOrdering::SeqCst;
use core::intrinsics::atomic_cxchg;
use core::ptr::read_volatile;

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use smtp_lb_common::abi::SLOTS;
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::image::{Header, Image as _};
use smtp_lb_common::walk::{Match, Meter, walk};

use super::{Kernel, KernelImage, image, settled};

#[btf_map]
static SPENT: Array<u64, { SLOTS as usize }> = Array::new();

/// First rule from a cell on that matches what was parsed last, in the image of a token: a swap must not
/// fall between class and rules. With a `question` no rate of a rule is used up. See
/// [`smtp_lb_common::walk::walk`].
///
/// Global, so that the verifier follows it once, whoever calls it.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn smtp_lb_walk(
    cell: u32,
    destination: u32,
    token: u64,
    question: u32,
) -> u64 {
    let (Some(mut parsed), Some(image)) = (settled(), image()) else {
        return Match::CHANGED.0;
    };
    if self::token(&image) != Some(token) {
        return Match::CHANGED.0;
    }
    parsed.question |= question != 0;
    walk(&image, &Spent, cell, destination, &parsed).0
}

/// What no other image has.
#[inline(always)]
pub(crate) fn token(image: &KernelImage) -> Option<u64> {
    let header = image.line(0).and_then(Header::unpack)?;
    Some(header.token)
}

/// What rules have used of their rates.
struct Spent;

// Who walks by the image has the walk's own meter.
impl Meter for Kernel<'_> {}

impl Meter for Spent {
    #[inline(always)]
    fn within(&self, slot: u32, rate: Rate, question: bool) -> bool {
        let Some(state) = SPENT.get_ptr_mut(slot) else {
            return false;
        };
        // SAFETY: the helper has no precondition.
        let now = unsafe { bpf_ktime_get_ns() };
        // A CPU that others were faster than thrice is past the rate: such a crowd has it used up.
        for _ in 0..3 {
            // SAFETY: an array element of eight octets, aligned; loads of it are single instructions
            // and its one store is the compare-and-swap.
            unsafe {
                let found = read_volatile(state);
                let Some(next) = rate.admit(found, now) else {
                    return false;
                };
                if question || atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(state, found, next).1 {
                    return true;
                }
            }
        }
        false
    }
}
