//! The time of the last tick.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since an unknown moment, as of the kernel's last tick: up to 10 ms behind, and much
/// cheaper than the exact time. Never goes back.
pub(crate) fn coarse() -> Duration {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    // Neither part is ever negative: the clock counts up from the boot.
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}
