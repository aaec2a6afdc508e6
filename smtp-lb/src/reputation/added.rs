//! Entries for a time: who may be listed, for how long, and what is known of them.
//!
//! The book is the truth; the filter's map follows it, and the file of entries follows within a
//! [sweep](Added::sweep). Time comes as an argument: nanoseconds of the monotonic clock, as the
//! packet path counts, and seconds since the Unix epoch.

mod file;
mod key;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use smtp_lb_common::added::{ADDED, Entry, Key, LENGTHS, REASON, pack_lengths};
use smtp_lb_common::image::word;
use thiserror::Error;

pub(super) use self::key::network_of_client;
use self::key::{key_of, network_of};
use super::ranges::Ranges;
use super::status::{AddedEntry, AddedStatus, Origin};
use crate::firewall::{Firewall, FirewallError};

/// Shortest prefixes that may be added: one entry should not shut out a country.
const SHORTEST: [u8; 2] = [8, 19];
/// Bounds of a time to live.
const TTL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(365 * 24);

/// Why an entry is not added.
#[derive(Debug, Error)]
pub enum AddError {
    /// Of the failsafe list, of `allow`, allowed by a feed, or of this host.
    #[error("{0} holds a trusted source, which is never listed")]
    Trusted(IpNet),
    /// Too much at once.
    #[error("{0} is too wide; the shortest prefixes are /{v4} and /{v6}", v4 = SHORTEST[0], v6 = SHORTEST[1])]
    Wide(IpNet),
    /// Out of bounds.
    #[error("a time to live is from 1s to 365d")]
    Ttl,
    /// No policy or feed names it.
    #[error("there is no category {0:?}")]
    Category(String),
    /// All places are taken.
    #[error("all {ADDED} places are taken")]
    Full,
    /// Each length costs a look-up for every packet.
    #[error("networks of {LENGTHS} different lengths are there already")]
    Lengths,
    /// The filter cannot take it.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Nanoseconds of the monotonic clock.
    pub(super) ticks: u64,
    /// Seconds since the Unix epoch.
    pub(super) date: u64,
}

/// What is to be added.
pub(super) struct New<'a> {
    pub(super) network: IpNet,
    pub(super) category: u32,
    pub(super) ttl: Duration,
    pub(super) origin: Origin,
    pub(super) reason: &'a str,
}

/// Those that hold, and counts of those that could not.
#[derive(Default)]
pub(super) struct Added {
    book: Mutex<Book>,
    full: AtomicU64,
    refused: AtomicU64,
    pub(super) lost: AtomicU64,
}

#[derive(Default)]
struct Book {
    entries: HashMap<Key, Entry>,
    /// How many have a family and length.
    lengths: BTreeMap<(u32, u32), usize>,
    /// Not on disk as it is.
    changed: bool,
}

impl Book {
    fn insert(&mut self, key: Key, entry: Entry) {
        if self.entries.insert(key, entry).is_none() {
            *self.lengths.entry((key.family, key.length)).or_default() += 1;
        }
        self.changed = true;
    }

    fn remove(&mut self, key: &Key) -> bool {
        let was = self.entries.remove(key).is_some();
        if was {
            self.changed = true;
            let place = (key.family, key.length);
            if let Some(count) = self.lengths.get_mut(&place) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&place);
                }
            }
        }
        was
    }

    /// Whether one more length of the key's family would be too many.
    fn lengths_are_full(&self, key: &Key) -> bool {
        let of_family = self.lengths.keys().filter(|it| it.0 == key.family);
        !self.lengths.contains_key(&(key.family, key.length))
            && of_family.count() >= LENGTHS as usize
    }

    /// Lengths of both families as the packet path reads them, the longest first.
    fn lengths(&self) -> u64 {
        let of = |family| {
            let lengths = self.lengths.keys().filter(|it| it.0 == family);
            // What is packed last is read first.
            pack_lengths(lengths.map(|it| it.1))
        };
        word(of(6), of(4))
    }

    /// Takes away those that do not `stay`.
    fn retain(&mut self, firewall: &Firewall, stay: impl Fn(&Key, &Entry) -> bool) {
        let all = self.entries.iter();
        let gone: Vec<Key> = all
            .filter(|(key, entry)| !stay(key, entry))
            .map(|(key, _)| *key)
            .collect();
        for key in &gone {
            firewall.remove(key);
            self.remove(key);
        }
    }
}

impl Added {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic within leaves at most a count of lengths that is too high.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a former run has left, in the filter and on disk; `trusted` sources excepted.
    pub(super) fn begin(
        &self,
        firewall: &Firewall,
        folder: Option<&Path>,
        categories: &[String],
        trusted: &Ranges,
        now: Moment,
    ) -> Result<(), FirewallError> {
        let mut book = self.book();
        let kept = folder.map(|folder| file::read(folder, categories, now));
        for (network, entry) in kept.unwrap_or_default() {
            book.insert(key_of(network), entry);
        }
        let kept: Vec<Key> = book.entries.keys().copied().collect();
        // What stands in the filter is newer than the file.
        for (key, entry) in firewall.added()? {
            book.insert(key, entry);
        }
        for (key, entry) in kept
            .iter()
            .filter_map(|key| Some((key, book.entries.get(key)?)))
        {
            firewall.add(*key, entry)?;
        }
        book.retain(firewall, |key, entry| {
            entry.expires > now.ticks && !is_trusted(trusted, network_of(key))
        });
        firewall.set_lengths(book.lengths())
    }

    /// Adds or replaces an entry. None may hold one of the `trusted`.
    pub(super) fn add(
        &self,
        firewall: &Firewall,
        trusted: &[&Ranges],
        new: &New<'_>,
        now: Moment,
    ) -> Result<(), AddError> {
        let result = self.try_add(firewall, trusted, new, now);
        match &result {
            Ok(()) => {}
            Err(AddError::Full | AddError::Lengths) => {
                self.full.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.refuse(),
        }
        result
    }

    /// Counts what made no sense.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn try_add(
        &self,
        firewall: &Firewall,
        trusted: &[&Ranges],
        new: &New<'_>,
        now: Moment,
    ) -> Result<(), AddError> {
        let network = new.network.trunc();
        if network.prefix_len() < SHORTEST[usize::from(network.addr().is_ipv6())] {
            return Err(AddError::Wide(network));
        }
        if !TTL.contains(&new.ttl) {
            return Err(AddError::Ttl);
        }
        if is_own(network.network()) || trusted.iter().any(|it| is_trusted(it, network)) {
            return Err(AddError::Trusted(network));
        }
        let key = key_of(network);
        let mut book = self.book();
        if !book.entries.contains_key(&key) {
            let is_full = |book: &Book| book.entries.len() >= ADDED as usize;
            if is_full(&book) || book.lengths_are_full(&key) {
                book.retain(firewall, |_, entry| entry.expires > now.ticks);
            }
            if is_full(&book) {
                return Err(AddError::Full);
            }
            if book.lengths_are_full(&key) {
                return Err(AddError::Lengths);
            }
        }
        let entry = entry(new, now);
        firewall.add(key, &entry)?;
        book.insert(key, entry);
        Ok(firewall.set_lengths(book.lengths())?)
    }

    /// Takes the entry of exactly this network away; `None`: there is none.
    pub(super) fn remove(
        &self,
        firewall: &Firewall,
        network: IpNet,
    ) -> Result<bool, FirewallError> {
        let mut book = self.book();
        let key = key_of(network.trunc());
        firewall.remove(&key);
        let was = book.remove(&key);
        firewall.set_lengths(book.lengths())?;
        Ok(was)
    }

    /// Takes away those that have ended, or that hold what is trusted now.
    pub(super) fn sweep(
        &self,
        firewall: &Firewall,
        trusted: &Ranges,
        now: Moment,
    ) -> Result<(), FirewallError> {
        let mut book = self.book();
        book.retain(firewall, |key, entry| {
            entry.expires > now.ticks && !is_trusted(trusted, network_of(key))
        });
        firewall.set_lengths(book.lengths())
    }

    /// Puts them on disk, if they have changed.
    pub(super) fn save(&self, folder: &Path, categories: &[String], now: Moment) {
        let entries: Vec<(IpNet, Entry)> = {
            let mut book = self.book();
            if !std::mem::take(&mut book.changed) {
                return;
            }
            let all = book.entries.iter();
            all.map(|(key, entry)| (network_of(key), *entry)).collect()
        };
        if let Err(error) = file::write(folder, &entries, categories, now) {
            tracing::warn!("added reputation entries cannot be kept: {error}");
            self.book().changed = true;
        }
    }

    /// Those that hold now and that `wanted` takes.
    pub(super) fn list(
        &self,
        categories: &[String],
        now: Moment,
        wanted: impl Fn(&IpNet) -> bool,
    ) -> Vec<(IpNet, AddedEntry)> {
        let book = self.book();
        let entries = book.entries.iter().filter(|it| it.1.expires > now.ticks);
        let mut entries: Vec<(IpNet, AddedEntry)> = entries
            .map(|(key, entry)| (network_of(key), entry))
            .filter(|(network, _)| wanted(network))
            .map(|(network, entry)| (network, shown(network, entry, now, categories)))
            .collect();
        drop(book);
        entries.sort_by_key(|(network, _)| *network);
        entries
    }

    pub(super) fn status(&self, now: Moment) -> AddedStatus {
        let book = self.book();
        let holding = book.entries.values().filter(|it| it.expires > now.ticks);
        AddedStatus {
            entries: holding.count(),
            most: ADDED as usize,
            full: self.full.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            ..AddedStatus::default()
        }
    }
}

fn is_trusted(trusted: &Ranges, network: IpNet) -> bool {
    trusted.overlaps(network.network(), network.broadcast())
}

fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || address.is_multicast()
}

fn entry(new: &New<'_>, now: Moment) -> Entry {
    let mut reason = [0; REASON];
    let end = new.reason.floor_char_boundary(REASON);
    reason[..end].copy_from_slice(&new.reason.as_bytes()[..end]);
    let ttl = u64::try_from(new.ttl.as_nanos()).unwrap_or(u64::MAX);
    Entry {
        expires: now.ticks.saturating_add(ttl),
        since: now.date,
        category: new.category,
        origin: new.origin as u32,
        reason,
    }
}

fn shown(network: IpNet, entry: &Entry, now: Moment, categories: &[String]) -> AddedEntry {
    let end = entry.reason.iter().position(|octet| *octet == 0);
    let reason = &entry.reason[..end.unwrap_or(REASON)];
    let category = categories.get(entry.category as usize);
    AddedEntry {
        network: network.to_string(),
        category: category.cloned().unwrap_or_default(),
        left: entry
            .expires
            .saturating_sub(now.ticks)
            .div_ceil(1_000_000_000),
        since: entry.since,
        origin: Origin::from_u32(entry.origin),
        reason: String::from_utf8_lossy(reason).into_owned(),
    }
}

#[cfg(test)]
mod tests;
