//! Who has waited for its banner is greeted at once for a day: those that mean it need not be tried again.

use super::Session;
use crate::security::client::Aggregate;
use crate::store::{Entry, Key, Store};

/// How long it is known, in seconds.
const KNOWN: u64 = 86_400;

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;

impl Session {
    fn waited_key(&self) -> Key {
        Key::new(&format!("p:{}", Aggregate::HOST.of(self.client.ip())))
    }

    /// Whether the client has waited of late. If the store does not answer, it waits again.
    pub(super) async fn has_waited(&self, now: u64) -> bool {
        let store = &*self.engine.services.store;
        let known = store.get(&self.waited_key(), now / SECOND).await;
        matches!(known, Ok(Some(_)))
    }

    /// Remembers that the client has waited, at `now` in nanoseconds since the Unix epoch.
    pub async fn remember_wait(&self, now: u64) {
        let seconds = now / SECOND;
        let entry = Entry {
            first: seconds,
            last: seconds,
            expires: seconds + KNOWN,
            passes: 1,
        };
        // Forgotten, it waits again.
        let _ = self
            .engine
            .services
            .store
            .put(&self.waited_key(), entry, seconds)
            .await;
    }
}
