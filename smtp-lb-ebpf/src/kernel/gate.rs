//! What new connections are counted by. Audited: `unsafe` here is one map element at a time.

use core::ptr::read_volatile;

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use core::intrinsics::AtomicOrdering::SeqCst;
use core::intrinsics::atomic_cxchg;
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::flood::{Gate, Key, SOURCES};

use super::Kernel;

#[btf_map]
static FLOODS: LruHashMap<Key, u64, { SOURCES as usize }> = LruHashMap::new();
impl Gate for Kernel<'_> {
    #[inline(always)]
    fn admit(&self, key: &Key, rate: Rate) -> bool {
        // SAFETY: the helper has no precondition.
        let now = unsafe { bpf_ktime_get_ns() };
        if self.peeks {
            let found = FLOODS.get_ptr_mut(key);
            // SAFETY: as in `take`.
            let state = found.map_or(0, |state| unsafe { read_volatile(state) });
            return rate.admit(state, now).is_some();
        }
        if let Some(state) = FLOODS.get_ptr_mut(key) {
            return take(state, rate, now);
        }
        let Some(first) = rate.admit(0, now) else {
            return false;
        };
        // Another CPU may have been faster; a table without room limits nobody.
        if FLOODS.insert(key, first, u64::from(BPF_NOEXIST)).is_err()
            && let Some(state) = FLOODS.get_ptr_mut(key)
        {
            return take(state, rate, now);
        }
        true
    }
}

/// Takes one from a bucket. A CPU that others were faster than thrice passes for nothing: such a crowd
/// has its bucket empty at once.
#[inline(always)]
fn take(state: *mut u64, rate: Rate, now: u64) -> bool {
    for _ in 0..3 {
        // SAFETY: a map element of eight octets, aligned; loads of it are single instructions and
        // its one store is the compare-and-swap. An element that is evicted meanwhile is still
        // memory of the map.
        unsafe {
            let found = read_volatile(state);
            let Some(next) = rate.admit(found, now) else {
                return false;
            };
            if atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(state, found, next).1 {
                return true;
            }
        }
    }
    true
}
