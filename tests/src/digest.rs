//! A digest to tell messages apart and whole from broken.

/// FNV-1a, 64 bits: not for adversaries, there are none in a test.
#[must_use]
pub fn digest(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
