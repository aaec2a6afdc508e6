//! Lines of octets that come in pieces.

use memchr::memchr;

/// Octets of a line at the most, its end left out.
pub const MAX_LINE: usize = 4096;

/// The line that has not ended yet.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// What is left of a line that was too long is skipped.
    skipping: bool,
}

impl Lines {
    /// Gives every line that ends in `octets` to `take`; `None` stands for one that was too long.
    pub(super) fn push<E>(
        &mut self,
        mut octets: &[u8],
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = memchr(b'\n', octets) {
            let (line, after) = (&octets[..end], &octets[end + 1..]);
            octets = after;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.rest.len() + line.len() > MAX_LINE {
                self.rest.clear();
                take(None)?;
            } else if self.rest.is_empty() {
                take(Some(line))?;
            } else {
                self.rest.extend_from_slice(line);
                let line = std::mem::take(&mut self.rest);
                take(Some(&line))?;
            }
        }
        if self.skipping {
            return Ok(());
        }
        if self.rest.len() + octets.len() > MAX_LINE {
            self.rest.clear();
            self.skipping = true;
            return take(None);
        }
        self.rest.extend_from_slice(octets);
        Ok(())
    }

    /// Gives the last line, if it has no end.
    pub(super) fn finish<E>(
        &mut self,
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = std::mem::take(&mut self.rest);
        if line.is_empty() {
            return Ok(());
        }
        take(Some(&line))
    }
}
