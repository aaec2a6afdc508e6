//! What is remembered of a key.

/// An entry. Times are seconds since the Unix epoch, to the year 2106.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was first heard of.
    pub first: u64,
    /// When it was last heard of, or last counted.
    pub last: u64,
    /// When it is forgotten.
    pub expires: u64,
    /// How often it passed.
    pub passes: u32,
}

/// Octets of an entry, as it is kept.
pub(super) const OCTETS: usize = 16;

impl Entry {
    pub(super) fn to_octets(self) -> [u8; OCTETS] {
        let second = |time: u64| u32::try_from(time).unwrap_or(u32::MAX).to_be_bytes();
        let words = [
            second(self.first),
            second(self.last),
            second(self.expires),
            self.passes.to_be_bytes(),
        ];
        let mut octets = [0; OCTETS];
        for (to, from) in octets.iter_mut().zip(words.as_flattened()) {
            *to = *from;
        }
        octets
    }

    /// `None`: nobody wrote this who writes entries.
    pub(super) fn from_octets(octets: &[u8]) -> Option<Self> {
        let (words, []) = octets.as_chunks::<4>() else {
            return None;
        };
        let [first, last, expires, passes] = words else {
            return None;
        };
        let second = |word: &[u8; 4]| u64::from(u32::from_be_bytes(*word));
        Some(Self {
            first: second(first),
            last: second(last),
            expires: second(expires),
            passes: u32::from_be_bytes(*passes),
        })
    }
}

/// Counts of two windows of time, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Of the window before this one.
    pub before: u64,
    /// Of this one, with what was just added.
    pub within: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went() {
        let entry = Entry {
            first: 1_700_000_000,
            last: 1_700_000_001,
            expires: u64::from(u32::MAX),
            passes: 7,
        };
        assert_eq!(Entry::from_octets(&entry.to_octets()), Some(entry));
        for length in [0, 1, 12, 15, 17, 20] {
            assert_eq!(Entry::from_octets(&vec![1; length]), None);
        }
    }
}
