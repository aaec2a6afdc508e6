//! Captures on disk: pcapng is written, pcapng and pcap are read. Pure but for the stream.
//!
//! Of our own, because we need two kinds of block with bounds on each, and a comment in both ways.

mod link;
mod read;
mod write;

pub use link::ethernet;
pub use read::{MAX_BLOCK, Packet, ReadError, Reader};
pub use write::Writer;

/// Type of a section header block, the same in either order of octets.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Order of octets of a section.
const ORDER: u32 = 0x1a2b_3c4d;
const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;
/// Link type of Ethernet.
const ETHERNET: u16 = 1;

#[cfg(test)]
mod tests;
