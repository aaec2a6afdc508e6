//! What security checks remember: of whom they have heard before, how often, and what was wrong.
//!
//! One trait, two back ends that pass one suite of tests (`tests/tests/e2e/store.rs`): [`Embedded`] for
//! one host, [`Valkey`] for several behind one address. Time is an argument, in seconds since the Unix
//! epoch. Nothing here decides anything.

mod backend;
mod embedded;
mod entry;
mod key;
mod valkey;

use std::future::Future;

pub use backend::Backend;
pub use embedded::{Embedded, EmbeddedSettings, EmbeddedStatus, OpenError};
pub use entry::{Count, Entry};
pub use key::Key;
pub use valkey::{Valkey, ValkeySettings};

/// Why an operation did nothing, or may have done nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The server cannot be reached, or did not answer in time.
    #[error("the store is away")]
    Away,
    /// The server's answer makes no sense, or is a refusal.
    #[error("the store does not do what it is asked")]
    Refused,
}

/// Remembers. Shared by all sessions; no operation takes longer than the store's own time-out.
///
/// Two that change the same entry at once leave one of both: what is counted exactly is counted by
/// [`Store::count`].
pub trait Store: Send + Sync {
    /// The entry, if it has not expired by `now`.
    fn get(
        &self,
        key: &Key,
        now: u64,
    ) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// Keeps an entry until it expires.
    fn put(
        &self,
        key: &Key,
        entry: Entry,
        now: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets an entry; whether there was one.
    fn remove(&self, key: &Key) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// At most `most` entries that have not expired by `now`, in no order, of which the key begins so.
    fn list(
        &self,
        begins: &str,
        most: usize,
        now: u64,
    ) -> impl Future<Output = Result<Vec<(Key, Entry)>, StoreError>> + Send;

    /// Adds to the count of the window that `now` is in, and tells it with that of the window before.
    /// Windows of `window` seconds, at least 1, begin at multiples of it.
    fn count(
        &self,
        key: &Key,
        amount: u32,
        window: u32,
        now: u64,
    ) -> impl Future<Output = Result<Count, StoreError>> + Send;

    /// Puts an item at the head of a list that keeps the newest `keep`.
    fn push(
        &self,
        list: &str,
        item: &[u8],
        keep: usize,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// At most `most` items of a list, the newest first.
    fn newest(
        &self,
        list: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, StoreError>> + Send;
}
