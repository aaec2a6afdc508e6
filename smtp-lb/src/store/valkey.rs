//! The store of several hosts: a Valkey or Redis server that they share.
//!
//! Entries are strings with a time to live, counts are numbers, one to a window, lists are lists. The
//! connection is made when it is first needed, and again whenever it is lost; while there is none, each
//! operation fails within its time.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError,
    RedisResult, TlsCertificates,
};
use tokio::runtime::Handle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Count, Entry, Key, Store, StoreError};

/// How a server is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct ValkeySettings {
    /// `redis://[USER:PASSWORD@]HOST:PORT/DATABASE`, or `redis+unix:///PATH`; `rediss://…` for TLS.
    pub url: String,
    /// With TLS: authorities that the server's certificate is trusted by, in PEM. `None`: the system's.
    pub authorities: Option<Vec<u8>>,
    /// In place of one in the URL.
    pub username: Option<String>,
    /// In place of one in the URL.
    pub password: Option<Zeroizing<String>>,
    /// What all keys begin with.
    pub prefix: String,
    /// Time for one operation.
    pub timeout: Duration,
}

impl fmt::Debug for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password, too.
        f.debug_struct("ValkeySettings")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The store.
#[derive(Clone)]
pub struct Valkey {
    connection: ConnectionManager,
    runtime: Handle,
    prefix: String,
    time: Duration,
}

impl Valkey {
    /// Connects to nobody yet. The connection is kept by this runtime.
    ///
    /// # Errors
    /// The URL is none; of the authorities none can be read.
    pub fn new(settings: &ValkeySettings, runtime: &Handle) -> Result<Self, StoreError> {
        // The URL may have a password in it, and so may errors about it.
        let refused = |_: RedisError| StoreError::Refused;
        let info = settings.url.as_str().into_connection_info();
        let mut info = info.map_err(refused)?;
        let mut user = info.redis_settings().clone();
        if let Some(name) = &settings.username {
            user = user.set_username(name);
        }
        if let Some(password) = &settings.password {
            user = user.set_password(password.as_str());
        }
        info = info.set_redis_settings(user);
        let client = client(info, settings.authorities.clone()).map_err(refused)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_secs(1));
        let _entered = runtime.enter();
        let connection = ConnectionManager::new_lazy_with_config(client, config);
        Ok(Self {
            connection: connection.map_err(|_| StoreError::Refused)?,
            runtime: runtime.clone(),
            prefix: settings.prefix.clone(),
            time: settings.timeout,
        })
    }

    fn entry(&self, key: &str) -> String {
        format!("{}:e:{key}", self.prefix)
    }

    /// On the connection's own runtime: it must not end with a session's thread.
    async fn ask<T>(&self, pipeline: Pipeline) -> Result<T, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        let (mut connection, time) = (self.connection.clone(), self.time);
        let asked = self
            .runtime
            .spawn(async move { timeout(time, pipeline.query_async(&mut connection)).await });
        match asked.await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) if !is_away(&error) => Err(StoreError::Refused),
            _ => Err(StoreError::Away),
        }
    }
}

fn client(info: ConnectionInfo, authorities: Option<Vec<u8>>) -> RedisResult<redis::Client> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return redis::Client::open(info);
    }
    // The library asks for the process's own; that there is one already is no fault.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: authorities,
    };
    redis::Client::build_with_tls(info, certificates)
}

fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
}

impl Store for Valkey {
    async fn get(&self, key: &Key, now: u64) -> Result<Option<Entry>, StoreError> {
        let mut get = redis::pipe();
        get.get(self.entry(key.as_str()));
        let (found,): (Option<Vec<u8>>,) = self.ask(get).await?;
        match found {
            None => Ok(None),
            Some(octets) => match Entry::from_octets(&octets) {
                Some(entry) => Ok((entry.expires > now).then_some(entry)),
                None => Err(StoreError::Refused),
            },
        }
    }

    async fn put(&self, key: &Key, entry: Entry, now: u64) -> Result<(), StoreError> {
        let life = entry.expires.saturating_sub(now).max(1);
        let mut put = redis::pipe();
        put.set_ex(self.entry(key.as_str()), &entry.to_octets()[..], life)
            .ignore();
        self.ask(put).await
    }

    async fn remove(&self, key: &Key) -> Result<bool, StoreError> {
        let mut remove = redis::pipe();
        remove.del(self.entry(key.as_str()));
        let (removed,): (u64,) = self.ask(remove).await?;
        Ok(removed > 0)
    }

    async fn list(
        &self,
        begins: &str,
        most: usize,
        now: u64,
    ) -> Result<Vec<(Key, Entry)>, StoreError> {
        let head = self.entry("");
        let mut pattern = String::new();
        for c in self.entry(begins).chars() {
            if "*?[]\\^".contains(c) {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('*');
        let mut found = Vec::new();
        let mut cursor: u64 = 0;
        loop {
            let mut scan = redis::pipe();
            scan.cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(1000);
            let ((next, keys),): ((u64, Vec<String>),) = self.ask(scan).await?;
            if !keys.is_empty() {
                let mut values = redis::pipe();
                values.mget(&keys);
                let (values,): (Vec<Option<Vec<u8>>>,) = self.ask(values).await?;
                for (key, value) in keys.iter().zip(values) {
                    let entry = value.as_deref().and_then(Entry::from_octets);
                    let entry = entry.filter(|entry| entry.expires > now);
                    if let (Some(key), Some(entry)) = (key.strip_prefix(&head), entry) {
                        found.push((Key::new(key), entry));
                    }
                }
            }
            cursor = next;
            if cursor == 0 || found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }

    async fn count(
        &self,
        key: &Key,
        amount: u32,
        window: u32,
        now: u64,
    ) -> Result<Count, StoreError> {
        let window = u64::from(window.max(1));
        let at = now / window;
        let name = |at: u64| format!("{}:c:{window}:{}:{at}", self.prefix, key.as_str());
        let life = i64::try_from(2 * window).unwrap_or(i64::MAX);
        let mut count = redis::pipe();
        count
            .atomic()
            .incr(name(at), amount)
            .expire(name(at), life)
            .ignore()
            .get(name(at.saturating_sub(1)));
        let (within, before): (u64, Option<u64>) = self.ask(count).await?;
        let before = if at == 0 { 0 } else { before.unwrap_or(0) };
        Ok(Count { before, within })
    }

    async fn push(&self, list: &str, item: &[u8], keep: usize) -> Result<(), StoreError> {
        let name = format!("{}:l:{list}", self.prefix);
        let mut push = redis::pipe();
        push.atomic().lpush(&name, item).ignore();
        match isize::try_from(keep).unwrap_or(isize::MAX) {
            0 => push.del(&name).ignore(),
            keep => push.ltrim(&name, 0, keep - 1).ignore(),
        };
        self.ask(push).await
    }

    async fn newest(&self, list: &str, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(end) = most.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let mut newest = redis::pipe();
        newest.lrange(
            format!("{}:l:{list}", self.prefix),
            0,
            isize::try_from(end).unwrap_or(isize::MAX),
        );
        let (items,): (Vec<Vec<u8>>,) = self.ask(newest).await?;
        Ok(items)
    }
}
