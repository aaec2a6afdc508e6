//! Reputation feeds that are measured.

use std::fmt;

use anyhow::Result;
use smtp_lb::reputation::Tagged;
use smtp_lb::reputation::image::{self, Compiled};
use smtp_lb::reputation::sets::Sets;

use super::prefixes::of_feed;

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// A reputation feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    /// IPv4 networks.
    pub(crate) v4: u32,
    /// They are addresses, none longer.
    pub(crate) hosts: bool,
    /// IPv6 networks.
    pub(crate) v6: u32,
}

impl Feed {
    /// As large as all public ones together.
    pub(crate) const LARGE: Self = Self {
        v4: 1_000_000,
        hosts: false,
        v6: 100_000,
    };
    /// Larger than any.
    pub(crate) const HUGE: Self = Self {
        v4: 10_000_000,
        hosts: true,
        v6: 0,
    };

    /// As many networks of each family, or of IPv4 single addresses.
    pub(crate) const fn of(count: u32, hosts: bool) -> Self {
        Self {
            v4: count,
            hosts,
            v6: count,
        }
    }

    /// Its image.
    pub(crate) fn compiled(self) -> Result<Compiled> {
        let mut entries = Tagged::default();
        for network in of_feed(self) {
            entries.of(0).add(network.network(), network.broadcast());
        }
        entries.merge();
        compile(&entries)
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.hosts { "addresses" } else { "prefixes" };
        write!(f, "{} IPv4 {what}", count(self.v4))?;
        if self.v6 > 0 {
            write!(f, " and {} IPv6", count(self.v6))?;
        }
        Ok(())
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The image of what was parsed, all of it of the category `bad`.
pub(crate) fn compile(entries: &Tagged) -> Result<Compiled> {
    let categories = ["bad".to_owned()];
    Ok(image::compile(
        &[("feed", entries)],
        &categories,
        &Sets::default(),
        1,
    )?)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1_000, 100_000, 10_000_000].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "100,000", "10,000,000"]);
    }
}
