//! Whichever store is configured.

use super::{Count, Embedded, Entry, Key, Store, StoreError, Valkey};

/// A store of either kind.
pub enum Backend {
    /// Of this host alone.
    Embedded(Embedded),
    /// Of several hosts.
    Valkey(Valkey),
}

impl Backend {
    /// Whether other hosts see what is put there.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Valkey(_))
    }

    /// Writes what is left to write. Blocks.
    pub fn close(&self) {
        match self {
            Self::Embedded(store) => store.close(),
            Self::Valkey(_) => {}
        }
    }

    /// As the configuration calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Valkey(_) => "valkey",
        }
    }
}

impl From<Embedded> for Backend {
    fn from(store: Embedded) -> Self {
        Self::Embedded(store)
    }
}

impl From<Valkey> for Backend {
    fn from(store: Valkey) -> Self {
        Self::Valkey(store)
    }
}

impl Store for Backend {
    async fn get(&self, key: &Key, now: u64) -> Result<Option<Entry>, StoreError> {
        match self {
            Self::Embedded(store) => store.get(key, now).await,
            Self::Valkey(store) => store.get(key, now).await,
        }
    }

    async fn put(&self, key: &Key, entry: Entry, now: u64) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.put(key, entry, now).await,
            Self::Valkey(store) => store.put(key, entry, now).await,
        }
    }

    async fn remove(&self, key: &Key) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.remove(key).await,
            Self::Valkey(store) => store.remove(key).await,
        }
    }

    async fn list(
        &self,
        begins: &str,
        most: usize,
        now: u64,
    ) -> Result<Vec<(Key, Entry)>, StoreError> {
        match self {
            Self::Embedded(store) => store.list(begins, most, now).await,
            Self::Valkey(store) => store.list(begins, most, now).await,
        }
    }

    async fn count(
        &self,
        key: &Key,
        amount: u32,
        window: u32,
        now: u64,
    ) -> Result<Count, StoreError> {
        match self {
            Self::Embedded(store) => store.count(key, amount, window, now).await,
            Self::Valkey(store) => store.count(key, amount, window, now).await,
        }
    }

    async fn push(&self, list: &str, item: &[u8], keep: usize) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.push(list, item, keep).await,
            Self::Valkey(store) => store.push(list, item, keep).await,
        }
    }

    async fn newest(&self, list: &str, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        match self {
            Self::Embedded(store) => store.newest(list, most).await,
            Self::Valkey(store) => store.newest(list, most).await,
        }
    }
}
