//! The store of one host: all of it in memory, entries also in a file.
//!
//! Operations touch memory only. A thread writes what has changed to the file every 200 ms, in
//! transactions of redb with their fsync: after `kill -9` or a power cut the file is as after one of
//! the last of them. It sleeps while nobody uses the store. Counts and lists live no longer than the daemon.
//!
//! **Bounds**: [`EmbeddedSettings::entries`] entries, of some 250 octets in memory each (`bench/security.md`); one more takes
//! the place of that which expires first among some. What waits to be written is bounded by the same.

mod disk;
mod shard;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Count, Entry, Key, Store, StoreError};

pub use disk::OpenError;
use disk::{Disk, Opened};
use shard::{Counts, Shard};

/// Time between two batches.
const BATCH: Duration = Duration::from_millis(200);
/// Batches between two looks at a shard for what has expired.
const SWEEP: u32 = 5;
const SHARDS: usize = 16;
/// Items of all lists together, and how many lists there are.
const LISTS: usize = 1000;

/// How an embedded store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// The file; made if missing. `None`: memory only.
    pub file: Option<PathBuf>,
    /// Entries kept.
    pub entries: usize,
    /// Counts kept.
    pub counts: usize,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            file: None,
            entries: 1_000_000,
            counts: 100_000,
        }
    }
}

/// What became of a store so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmbeddedStatus {
    /// Entries.
    pub entries: usize,
    /// Entries and counts that gave way before their time.
    pub evicted: u64,
    /// Batches written.
    pub batches: u64,
    /// Nothing is to be done: what has changed is written, and what has expired swept away.
    pub idle: bool,
    /// Batches that could not be written; they are tried again.
    pub failed_batches: u64,
    /// Files set aside because they could not be read, at the opening: 0 or 1.
    pub set_aside: u64,
}

/// The store. Dropped, it writes what is left to write.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    shards: [Mutex<Shard>; SHARDS],
    /// In all of them, and how many may be.
    entries: AtomicUsize,
    most: usize,
    counts: [Mutex<Counts>; SHARDS],
    lists: Mutex<HashMap<String, VecDeque<Vec<u8>>>>,
    hasher: RandomState,
    /// What the file does not have yet. `None`: it is gone.
    changed: Mutex<HashMap<Key, Option<Entry>>>,
    /// Nothing is changed for a file that there is not.
    keeps: bool,
    /// The latest `now` that anybody came with.
    now: AtomicU64,
    ends: Mutex<bool>,
    rings: Condvar,
    /// The writer sleeps until somebody uses the store.
    sleeps: AtomicBool,
    batches: AtomicU64,
    failed_batches: AtomicU64,
    set_aside: u64,
}

impl Embedded {
    /// Opens a store, and reads all of its file. A file that is broken is set aside, next to
    /// itself with `.broken` at its end.
    ///
    /// # Errors
    /// The file cannot be opened or made, or another process has it.
    pub fn open(settings: &EmbeddedSettings) -> Result<Self, OpenError> {
        let opened = settings.file.as_deref().map(Disk::open).transpose()?;
        let Opened {
            disk,
            entries,
            set_aside,
        } = opened.unwrap_or_default();
        let shared = Arc::new(Shared::new(settings, disk.is_some(), set_aside));
        for (key, entry) in entries {
            let gone = shared.put(&mut shared.shard(&key), key, entry);
            shared.note(gone.map(|key| (key, None)));
        }
        let writer = Arc::clone(&shared);
        let writer = thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.write(disk.as_ref()))
            .map_err(OpenError::Thread)?;
        Ok(Self {
            shared,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Of nothing but memory, which cannot fail: entries expire when they are asked for, and are not
    /// swept.
    #[must_use]
    pub fn in_memory(settings: &EmbeddedSettings) -> Self {
        Self {
            shared: Arc::new(Shared::new(settings, false, false)),
            writer: Mutex::default(),
        }
    }

    /// Writes what is left to write. From then on nothing is written any more. Blocks.
    pub fn close(&self) {
        *lock(&self.shared.ends) = true;
        self.shared.rings.notify_all();
        let writer = lock(&self.writer).take();
        if let Some(writer) = writer {
            // It ends by itself; a panic of it was told on standard error.
            let _ = writer.join();
        }
    }

    /// What became of it so far.
    #[must_use]
    pub fn status(&self) -> EmbeddedStatus {
        let shards = self.shared.shards.iter().map(|shard| lock(shard));
        let (entries, evicted) = shards.fold((0, 0), |(entries, evicted), shard| {
            (entries + shard.len(), evicted + shard.evicted())
        });
        let counts = self
            .shared
            .counts
            .iter()
            .map(|counts| lock(counts).evicted());
        EmbeddedStatus {
            entries,
            evicted: evicted + counts.sum::<u64>(),
            batches: self.shared.batches.load(Ordering::Relaxed),
            idle: self.shared.sleeps.load(Ordering::Relaxed),
            failed_batches: self.shared.failed_batches.load(Ordering::Relaxed),
            set_aside: self.shared.set_aside,
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for Embedded {
    async fn get(&self, key: &Key, now: u64) -> Result<Option<Entry>, StoreError> {
        self.shared.come(now);
        Ok(self.shared.shard(key).get(key, now))
    }

    async fn put(&self, key: &Key, entry: Entry, now: u64) -> Result<(), StoreError> {
        self.shared.come(now);
        let mut shard = self.shared.shard(key);
        let gone = self.shared.put(&mut shard, key.clone(), entry);
        // Under the shard's lock, so that two changes of an entry are noted in their order.
        self.shared.note(
            [
                Some((key.clone(), Some(entry))),
                gone.map(|key| (key, None)),
            ]
            .into_iter()
            .flatten(),
        );
        Ok(())
    }

    async fn remove(&self, key: &Key) -> Result<bool, StoreError> {
        let mut shard = self.shared.shard(key);
        let was = shard.remove(key);
        if was {
            self.shared.entries.fetch_sub(1, Ordering::Relaxed);
            self.shared.note([(key.clone(), None)]);
        }
        Ok(was)
    }

    async fn list(
        &self,
        begins: &str,
        most: usize,
        now: u64,
    ) -> Result<Vec<(Key, Entry)>, StoreError> {
        let mut found = Vec::new();
        for shard in &self.shared.shards {
            let room = most - found.len();
            found.extend(lock(shard).list(begins, now).take(room));
        }
        Ok(found)
    }

    async fn count(
        &self,
        key: &Key,
        amount: u32,
        window: u32,
        now: u64,
    ) -> Result<Count, StoreError> {
        self.shared.come(now);
        let counts = self.shared.counts.get(self.shared.place(key));
        Ok(counts.map_or_else(Count::default, |counts| {
            lock(counts).add(key, amount, window, now)
        }))
    }

    async fn push(&self, list: &str, item: &[u8], keep: usize) -> Result<(), StoreError> {
        let mut lists = lock(&self.shared.lists);
        if lists.len() >= LISTS && !lists.contains_key(list) {
            return Err(StoreError::Refused);
        }
        let items = lists.entry(list.to_owned()).or_default();
        items.push_front(item.to_vec());
        items.truncate(keep);
        Ok(())
    }

    async fn newest(&self, list: &str, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let lists = lock(&self.shared.lists);
        let items = lists.get(list).into_iter().flatten();
        Ok(items.take(most).cloned().collect())
    }
}

impl Shared {
    fn new(settings: &EmbeddedSettings, keeps: bool, set_aside: bool) -> Self {
        let each = |all: usize| all.div_ceil(SHARDS).max(1);
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            entries: AtomicUsize::new(0),
            most: settings.entries,
            counts: std::array::from_fn(|_| Mutex::new(Counts::new(each(settings.counts)))),
            lists: Mutex::default(),
            hasher: RandomState::new(),
            changed: Mutex::default(),
            keeps,
            now: AtomicU64::new(0),
            ends: Mutex::new(false),
            rings: Condvar::new(),
            sleeps: AtomicBool::new(false),
            batches: AtomicU64::new(0),
            failed_batches: AtomicU64::new(0),
            set_aside: u64::from(set_aside),
        }
    }

    fn place(&self, key: &Key) -> usize {
        let hash = self.hasher.hash_one(key).to_le_bytes()[0];
        usize::from(hash) % SHARDS
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        lock(self.shards.get(self.place(key)).unwrap_or(first))
    }

    /// What gave way for it. The bound is that of all shards together.
    fn put(&self, shard: &mut Shard, key: Key, entry: Entry) -> Option<Key> {
        let full = self.entries.load(Ordering::Relaxed) >= self.most;
        let before = shard.len();
        let gone = shard.put(key, entry, full);
        if shard.len() > before {
            self.entries.fetch_add(1, Ordering::Relaxed);
        }
        gone
    }

    fn come(&self, now: u64) {
        if self.now.fetch_max(now, Ordering::Relaxed) < now {
            self.wake();
        }
    }

    fn note(&self, changes: impl IntoIterator<Item = (Key, Option<Entry>)>) {
        if self.keeps {
            lock(&self.changed).extend(changes);
            self.wake();
        }
    }

    /// After something was left for the writer to do.
    fn wake(&self) {
        // With the fence of `pause`: either it is seen here that the writer sleeps, or there what is to
        // be done.
        fence(Ordering::SeqCst);
        if self.sleeps.load(Ordering::Relaxed) && self.sleeps.swap(false, Ordering::Relaxed) {
            // The lock is held from the writer's last look on until it waits.
            drop(lock(&self.ends));
            self.rings.notify_all();
        }
    }

    /// The writer's thread.
    fn write(&self, disk: Option<&Disk>) {
        // Up to when all shards were swept, and how many are yet to be since time went on.
        let (mut swept, mut left) = (0, 0);
        for round in 1_u32.. {
            let last = self.pause(swept, left == 0);
            if round.is_multiple_of(SWEEP) {
                let now = self.now.load(Ordering::Relaxed);
                if now > swept {
                    (swept, left) = (now, SHARDS);
                }
                self.sweep(round / SWEEP);
                left = left.saturating_sub(1);
            }
            if let Some(disk) = disk {
                self.batch(disk);
            }
            if last {
                return;
            }
        }
    }

    /// Waits for the next round: as long as it takes, if there is nothing to do. Whether it is the last.
    fn pause(&self, swept: u64, all_swept: bool) -> bool {
        let ends = lock(&self.ends);
        if all_swept {
            self.sleeps.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let idle = self.now.load(Ordering::Relaxed) <= swept && lock(&self.changed).is_empty();
            if idle {
                let waits = |ends: &mut bool| !*ends && self.sleeps.load(Ordering::Relaxed);
                let ends = self.rings.wait_while(ends, waits);
                return *ends.unwrap_or_else(PoisonError::into_inner);
            }
            self.sleeps.store(false, Ordering::Relaxed);
        }
        let waited = self.rings.wait_timeout_while(ends, BATCH, |ends| !*ends);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes what has changed. What cannot be written waits for the next time.
    fn batch(&self, disk: &Disk) {
        let mut batch = std::mem::take(&mut *lock(&self.changed));
        if batch.is_empty() {
            return;
        }
        if disk.write(&mut batch) {
            self.batches.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.failed_batches.fetch_add(1, Ordering::Relaxed);
        let mut changed = lock(&self.changed);
        for (key, entry) in batch {
            changed.entry(key).or_insert(entry);
        }
    }

    fn sweep(&self, turn: u32) {
        let now = self.now.load(Ordering::Relaxed);
        let at = usize::try_from(turn).unwrap_or(0) % SHARDS;
        if let (Some(shard), Some(counts)) = (self.shards.get(at), self.counts.get(at)) {
            lock(counts).sweep(now);
            let mut shard = lock(shard);
            let gone = shard.sweep(now);
            self.entries.fetch_sub(gone.len(), Ordering::Relaxed);
            self.note(gone.into_iter().map(|key| (key, None)));
        }
    }
}

/// What a panic left is whole: nothing is changed in steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
