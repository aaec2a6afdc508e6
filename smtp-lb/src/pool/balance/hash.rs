//! By the client's address: rendezvous hashing (Thaler and Ravishankar, 1998).
//!
//! Each member has a score for each client, and the highest wins. A member that is lost moves its own
//! clients only, one that is added takes clients and moves none between the others. The hash is the
//! same over restarts and on other machines.

use std::net::IpAddr;

use super::{Candidate, eligible};

/// The eligible candidate with the highest score for `client`.
pub(super) fn next(candidates: &[Candidate], client: u64) -> Option<usize> {
    eligible(candidates)
        .max_by_key(|(index, candidate)| (score(candidate.key, client), *index))
        .map(|(index, _)| index)
}

/// Chance that is always the same for this member and client.
pub(super) fn score(member: u64, client: u64) -> u64 {
    mix(member ^ mix(client))
}

/// What the source hash knows a client by: its address, the port aside.
pub(crate) fn client_key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => of_bytes(&v4.octets()),
        IpAddr::V6(v6) => of_bytes(&v6.octets()),
    }
}

/// What the source hash knows a member by.
pub(crate) fn name_key(name: &str) -> u64 {
    mix(of_bytes(name.as_bytes()))
}

/// FNV-1a.
fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads what differs in any bit over all bits: the finalizer of `SplitMix64`.
pub(super) const fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
