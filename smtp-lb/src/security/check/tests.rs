//! What tests of several checks use: DNS by a table, with questions counted and failures at will, and a
//! store that is away.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;

use crate::spf::{Answer, Dns, DnsFailure};
use crate::store::{Count, Entry, Key, Store, StoreError};

/// DNS of a test.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    records: HashMap<(&'static str, String), Vec<String>>,
    failures: HashMap<(&'static str, String), DnsFailure>,
    asked: Mutex<Vec<(&'static str, String)>>,
}

impl Zone {
    /// `("MX", "a.example", "mx1.a.example mx2.a.example")`; `.` is the null MX.
    pub(crate) fn of(records: &[(&'static str, &str, &str)]) -> Self {
        let mut zone = Self::default();
        for (kind, name, values) in records {
            let values = values.split(' ').map(str::to_owned).collect();
            zone.records.insert((kind, (*name).to_owned()), values);
        }
        zone
    }

    /// That question fails.
    pub(crate) fn failing(mut self, kind: &'static str, name: &str, failure: DnsFailure) -> Self {
        self.failures.insert((kind, name.to_owned()), failure);
        self
    }

    /// Questions so far, as `MX a.example`, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect()
    }

    /// Every question of which something is known, to let each fail in turn.
    pub(crate) fn forget_asked(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn answer<T: std::str::FromStr>(&self, kind: &'static str, name: &str) -> Answer<T> {
        let key = (kind, name.to_owned());
        self.asked.lock().unwrap().push(key.clone());
        if let Some(failure) = self.failures.get(&key) {
            return Err(*failure);
        }
        let values = self
            .records
            .get(&key)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(values.iter().filter_map(|it| it.parse().ok()).collect())
    }
}

impl Dns for Zone {
    async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        let key = ("TXT", name.to_owned());
        self.asked.lock().unwrap().push(key.clone());
        if let Some(failure) = self.failures.get(&key) {
            return Err(*failure);
        }
        let values = self.records.get(&key);
        Ok(values
            .map(|it| vec![it.join(" ").into_bytes()])
            .unwrap_or_default())
    }

    async fn a(&self, name: &str) -> Answer<Ipv4Addr> {
        self.answer("A", name)
    }

    async fn aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        self.answer("AAAA", name)
    }

    async fn mx(&self, name: &str) -> Answer<String> {
        self.answer("MX", name)
    }

    async fn ptr(&self, address: IpAddr) -> Answer<String> {
        self.answer("PTR", &address.to_string())
    }
}

/// A store that never answers.
pub(crate) struct Away;

impl Store for Away {
    async fn get(&self, _: &Key, _: u64) -> Result<Option<Entry>, StoreError> {
        Err(StoreError::Away)
    }

    async fn put(&self, _: &Key, _: Entry, _: u64) -> Result<(), StoreError> {
        Err(StoreError::Away)
    }

    async fn remove(&self, _: &Key) -> Result<bool, StoreError> {
        Err(StoreError::Away)
    }

    async fn list(&self, _: &str, _: usize, _: u64) -> Result<Vec<(Key, Entry)>, StoreError> {
        Err(StoreError::Away)
    }

    async fn count(&self, _: &Key, _: u32, _: u32, _: u64) -> Result<Count, StoreError> {
        Err(StoreError::Away)
    }

    async fn push(&self, _: &str, _: &[u8], _: usize) -> Result<(), StoreError> {
        Err(StoreError::Away)
    }

    async fn newest(&self, _: &str, _: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        Err(StoreError::Away)
    }
}
