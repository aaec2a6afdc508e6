//! The kernel's monotonic clock: its last tick, exactly, and when it began.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the monotonic clock, by which the kernel program goes, too.
pub(crate) fn monotonic() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

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

/// Wall-clock time at which the monotonic clock was 0, in nanoseconds since the Unix epoch.
pub(crate) fn boot_ns() -> u64 {
    nanoseconds(ClockId::Realtime).saturating_sub(nanoseconds(ClockId::Monotonic))
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn wall() -> u64 {
    nanoseconds(ClockId::Realtime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
