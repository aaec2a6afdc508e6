//! pcapng, as `draft-ietf-opsawg-pcapng` has it: Enhanced Packet Blocks with a comment each.

use std::io::{self, Write};

use super::{
    ENHANCED_PACKET, ETHERNET, INTERFACE, OPTION_APPLICATION, OPTION_COMMENT, OPTION_END,
    OPTION_INTERFACE_NAME, OPTION_RESOLUTION, ORDER, SECTION,
};

/// Writes Ethernet frames with the time in nanoseconds.
pub struct Writer<W> {
    out: W,
    snap: u32,
    interfaces: Vec<String>,
}

impl<W: Write> Writer<W> {
    /// Begins a file. `snap` is how many octets of a frame there are at the most.
    pub fn new(mut out: W, snap: u32) -> io::Result<Self> {
        let mut body = Vec::new();
        body.extend(ORDER.to_le_bytes());
        body.extend(1u16.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        // Nobody knows how long it will be.
        body.extend(u64::MAX.to_le_bytes());
        let application = concat!("smtp-lb ", env!("CARGO_PKG_VERSION"));
        option(&mut body, OPTION_APPLICATION, application.as_bytes());
        option(&mut body, OPTION_END, &[]);
        block(&mut out, SECTION, &body)?;
        Ok(Self {
            out,
            snap,
            interfaces: Vec::new(),
        })
    }

    /// Writes a frame of `length` octets, of which `data` are there.
    pub fn packet(
        &mut self,
        time_ns: u64,
        interface: &str,
        length: u32,
        data: &[u8],
        comment: &str,
    ) -> io::Result<()> {
        let interface = self.interface(interface)?;
        let mut body = Vec::with_capacity(data.len() + comment.len() + 64);
        body.extend(interface.to_le_bytes());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the halves are what is wanted"
        )]
        for half in [(time_ns >> 32) as u32, time_ns as u32] {
            body.extend(half.to_le_bytes());
        }
        body.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(data);
        pad(&mut body);
        option(&mut body, OPTION_COMMENT, comment.as_bytes());
        option(&mut body, OPTION_END, &[]);
        block(&mut self.out, ENHANCED_PACKET, &body)
    }

    /// Hands on what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn interface(&mut self, name: &str) -> io::Result<u32> {
        let found = self.interfaces.iter().position(|known| known == name);
        let number = found.unwrap_or(self.interfaces.len());
        if found.is_none() {
            let mut body = Vec::new();
            body.extend(ETHERNET.to_le_bytes());
            body.extend(0u16.to_le_bytes());
            body.extend(self.snap.to_le_bytes());
            option(&mut body, OPTION_INTERFACE_NAME, name.as_bytes());
            option(&mut body, OPTION_RESOLUTION, &[9]);
            option(&mut body, OPTION_END, &[]);
            block(&mut self.out, INTERFACE, &body)?;
            self.interfaces.push(name.to_owned());
        }
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX);
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&length.to_le_bytes())
}

/// An option; what is longer than one can be is cut.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(&value[..usize::from(length)]);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
