//! The packet filter's side of reputation: image, hits and added entries, in the kernel or in its
//! stead.

use std::collections::BTreeMap;
use std::sync::Arc;

use smtp_lb_common::abi::Tally;
use smtp_lb_common::added::{Entry, Key};
use smtp_lb_common::image::Line;
use smtp_lb_common::reputation::PROFILES;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::loader::{self, Loaded};
use super::{Backend, Firewall, FirewallError, image_map, lock};

impl Firewall {
    /// Puts a reputation image in force with one write.
    pub fn put_reputation(&self, lines: &[Line]) -> Result<(), FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => {
                // Filled before the lock is taken, so that nobody waits for it.
                let filled = image_map::fill(lines)?;
                filled.switch(&mut lock(loaded).reputation)?;
            }
            Backend::Userspace(userspace) => userspace.put_reputation(lines),
        }
        Ok(())
    }

    /// What the sets have counted, by set and profile as the map has it; zeros left out.
    pub fn hits(&self, sets: &[u32]) -> Result<BTreeMap<u32, Tally>, FirewallError> {
        let loaded = match &self.backend {
            Backend::Kernel(loaded) => loaded,
            Backend::Userspace(userspace) => return Ok(userspace.hits()),
        };
        hits(&lock(loaded), sets)
    }

    /// All added entries, those that have ended among them.
    pub fn added(&self) -> Result<Vec<(Key, Entry)>, FirewallError> {
        let loaded = match &self.backend {
            Backend::Kernel(loaded) => loaded,
            Backend::Userspace(userspace) => return Ok(userspace.added()),
        };
        let loaded = lock(loaded);
        let entries = loaded.added.iter().map(|found| {
            let (key, entry) = found.map_err(|error| loader::refused(&error))?;
            let read = Key::read_from_bytes(&key)
                .ok()
                .zip(Entry::read_from_bytes(&entry).ok());
            Ok(read)
        });
        let entries: Result<Vec<_>, FirewallError> = entries.collect();
        Ok(entries?.into_iter().flatten().collect())
    }

    /// Adds or replaces an entry.
    pub fn add(&self, key: Key, entry: &Entry) -> Result<(), FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => insert(&mut lock(loaded), &key, entry)?,
            Backend::Userspace(userspace) => userspace.add(key, *entry),
        }
        Ok(())
    }

    /// Takes an entry away; false: there was none.
    pub fn remove(&self, key: &Key) -> bool {
        match &self.backend {
            Backend::Kernel(loaded) => {
                let key = octets(key.as_bytes());
                lock(loaded).added.remove(&key).is_ok()
            }
            Backend::Userspace(userspace) => userspace.remove(key),
        }
    }

    /// Says which lengths of networks the added entries have: IPv4's in the low half.
    pub fn set_lengths(&self, lengths: u64) -> Result<(), FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => set_lengths(&mut lock(loaded), lengths)?,
            Backend::Userspace(userspace) => userspace.set_lengths(lengths),
        }
        Ok(())
    }

    /// Names the feeds of sets from now on, in events and explanations.
    pub fn name_sets(&self, names: crate::reputation::sets::Sets) {
        self.sets.store(Arc::new(names));
    }

    /// Feeds of a set, by commas.
    #[must_use]
    pub fn feeds(&self) -> Box<dyn Fn(u32) -> Option<Arc<str>> + Send + Sync> {
        let sets = Arc::clone(&self.sets);
        Box::new(move |set| sets.load().feeds(set))
    }
}

/// What the sets have counted, by set and profile; zeros left out.
pub(crate) fn hits(loaded: &Loaded, sets: &[u32]) -> Result<BTreeMap<u32, Tally>, FirewallError> {
    let mut hits = BTreeMap::new();
    for number in sets
        .iter()
        .flat_map(|set| (set * PROFILES)..(set + 1) * PROFILES)
    {
        let mut tally = Tally::default();
        let values = loaded.hits.get(&number, 0);
        for [packets, bytes] in values.map_err(|error| loader::refused(&error))?.iter() {
            tally.packets += packets;
            tally.bytes += bytes;
        }
        if tally.packets > 0 {
            hits.insert(number, tally);
        }
    }
    Ok(hits)
}

/// Adds or replaces an entry.
pub(crate) fn insert(loaded: &mut Loaded, key: &Key, entry: &Entry) -> Result<(), FirewallError> {
    let (key, entry) = (octets(key.as_bytes()), octets(entry.as_bytes()));
    let inserted = loaded.added.insert(key, entry, 0);
    Ok(inserted.map_err(|error| loader::refused(&error))?)
}

/// Says which lengths of networks there are.
pub(crate) fn set_lengths(loaded: &mut Loaded, lengths: u64) -> Result<(), FirewallError> {
    let set = loaded.lengths.set(0, lengths, 0);
    Ok(set.map_err(|error| loader::refused(&error))?)
}

fn octets<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let length = bytes.len().min(N);
    array[..length].copy_from_slice(&bytes[..length]);
    array
}
