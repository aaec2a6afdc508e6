//! What the bench's programs work on. Audited: `unsafe` here is one map element or one helper call at a time.

use aya_ebpf::btf_maps::Array;
use aya_ebpf::btf_maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::helpers::bpf_get_prandom_u32;
use aya_ebpf::macros::btf_map;

/// Sources of one set.
const SET: usize = 1 << 17;
/// Sets.
const SETS: usize = 16;

/// What the next packets are; as `Template` of the bench.
#[repr(C)]
pub(crate) struct Template {
    /// First source of the set.
    pub(crate) first: u32,
    /// How many of the set are taken, less one.
    pub(crate) mask: u32,
    /// They are taken in turn, not at random.
    pub(crate) in_turn: u32,
    /// Their addresses are IPv6 ones.
    pub(crate) v6: u32,
    /// Octets of the frame.
    pub(crate) length: u32,
    /// Sum of the words of its IPv4 header, without source and checksum.
    pub(crate) sum: u32,
    /// The frame.
    pub(crate) octets: [u8; 128],
}

#[btf_map]
static BENCH_SOURCES: Array<[u64; 2], { SET * SETS }> = Array::new();
#[btf_map]
static BENCH_TEMPLATE: Array<Template, 1> = Array::new();
#[btf_map]
static BENCH_TURN: Array<u32, 1> = Array::new();
#[btf_map]
static BENCH_TRIE_V4: LpmTrie<[u8; 4], u32, 1_048_576> = LpmTrie::new();
#[btf_map]
static BENCH_TRIE_V6: LpmTrie<[u8; 16], u32, 1_048_576> = LpmTrie::new();

#[inline(always)]
pub(crate) fn template() -> Option<&'static Template> {
    BENCH_TEMPLATE.get(0)
}

#[inline(always)]
pub(crate) fn random_source() -> Option<[u64; 2]> {
    let template = template()?;
    let number = if template.in_turn == 0 {
        // SAFETY: the helper has no precondition.
        unsafe { bpf_get_prandom_u32() }
    } else {
        let turn = BENCH_TURN.get_ptr_mut(0)?;
        // SAFETY: an array element of four octets; the bench runs one program at a time.
        unsafe {
            *turn = (*turn).wrapping_add(1);
            *turn
        }
    };
    let at = template.first.wrapping_add(number & template.mask);
    BENCH_SOURCES.get(at).copied()
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the IPv4 address")]
pub(crate) fn trie_v4(source: [u64; 2]) -> Option<u32> {
    let key = Key::new(32, (source[1] as u32).to_be_bytes());
    BENCH_TRIE_V4.get(&key).copied()
}

#[inline(always)]
pub(crate) fn trie_v6(source: [u64; 2]) -> Option<u32> {
    BENCH_TRIE_V6
        .get(&Key::new(128, super::join(source)))
        .copied()
}

/// Who lists a source, by the tries: what the filter asks in place of the image if it is built so.
#[cfg(feature = "trie")]
#[inline(always)]
pub(crate) fn listed(v6: bool, source: [u64; 2]) -> super::Standing {
    // Words, not options: of those, the compiler would read what the verifier knows nothing of.
    let set = if v6 {
        let key = Key::new(128, super::join(source));
        match BENCH_TRIE_V6.get(&key) {
            Some(set) => *set,
            None => 0,
        }
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "the IPv4 address")]
        let key = Key::new(32, (source[1] as u32).to_be_bytes());
        match BENCH_TRIE_V4.get(&key) {
            Some(set) => *set,
            None => 0,
        }
    };
    super::Standing {
        set,
        mask: u64::from(set != 0),
    }
}
