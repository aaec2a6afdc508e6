//! Other link layers as Ethernet, which is what the filter sees.

use super::ETHERNET;

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The frame as Ethernet carries it; `None`: of a link layer that we do not know.
///
/// Known are Ethernet, bare IP, and what Linux writes for "any" interface (SLL, SLL2).
#[must_use]
pub fn ethernet(link: u16, data: &[u8]) -> Option<Vec<u8>> {
    let (kind, packet) = match link {
        ETHERNET => return Some(data.to_vec()),
        // LINKTYPE_RAW and the two numbers that it has on BSDs.
        12 | 14 | 101 => {
            let kind = match data.first()? >> 4 {
                4 => IPV4,
                6 => IPV6,
                _ => return None,
            };
            (kind, data)
        }
        228 => (IPV4, data),
        229 => (IPV6, data),
        113 => (data.get(14..16)?.try_into().ok()?, data.get(16..)?),
        276 => (data.get(..2)?.try_into().ok()?, data.get(20..)?),
        _ => return None,
    };
    Some([&[0; 12], &kind[..], packet].concat())
}
