//! Questions of security checks: cached, limited in number and time, with failures told apart.

mod answer;
mod spf;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::DnsError;

/// How questions are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionSettings {
    /// Who is asked, each in turn until one answers. Empty: the servers of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// Time for one question, all servers and attempts together, waiting for room included.
    pub timeout: Duration,
    /// Questions on their way at once; others wait.
    pub in_flight: usize,
    /// Answers kept, for as long as they hold.
    pub cache: u64,
    /// Longest time that an answer is kept.
    pub max_ttl: Duration,
    /// Longest time that it is kept that there is nothing.
    pub negative_ttl: Duration,
}

impl Default for QuestionSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            in_flight: 512,
            cache: 10_000,
            max_ttl: Duration::from_hours(1),
            negative_ttl: Duration::from_mins(5),
        }
    }
}

/// Why a question has no records for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum QuestionError {
    /// There is no such name (RCODE 3).
    #[error("no such name")]
    NoSuchName,
    /// The name has no records of this type.
    #[error("no records of this type")]
    NoRecords,
    /// A server said that it failed (RCODE 2).
    #[error("the server failed (SERVFAIL)")]
    ServerFailure,
    /// A server would not answer (any other RCODE), or answered what makes no sense.
    #[error("the server gave no usable answer")]
    Unusable,
    /// No server answered in time.
    #[error("no answer in time")]
    Timeout,
    /// No server could be reached.
    #[error("no server can be reached")]
    Unreachable,
    /// Too many questions were on their way for as long as this one had time.
    #[error("too many questions at once")]
    Busy,
    /// It is no name of DNS.
    #[error("not a domain name")]
    BadName,
}

impl QuestionError {
    /// Whether it is an answer all the same: asked again, it would be the same. All others say
    /// nothing of the name.
    #[must_use]
    pub fn is_answer(self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoRecords | Self::BadName)
    }
}

/// Asks, and remembers. Shared by all sessions.
pub struct Questions {
    /// `None`: there is nobody to ask.
    resolver: Option<TokioResolver>,
    room: Semaphore,
    time: Duration,
    counts: [AtomicU64; 3],
    /// Answers of a test, in place of everybody's.
    #[cfg(test)]
    table: Option<Table>,
}

/// What a test answers.
#[cfg(test)]
pub(crate) type Table =
    Box<dyn Fn(RecordType, &str) -> Result<Vec<RData>, QuestionError> + Send + Sync>;

/// What was asked so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionCounts {
    /// Questions, those answered out of the cache included.
    pub asked: u64,
    /// Those that got no answer.
    pub failed: u64,
    /// Those of them for which there was no room.
    pub busy: u64,
}

impl Questions {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// `/etc/resolv.conf` cannot be made use of.
    pub fn new(settings: &QuestionSettings) -> Result<Self, DnsError> {
        let failed = |error: hickory_resolver::net::NetError| DnsError::System(error.to_string());
        let mut builder = builder(&settings.servers).map_err(failed)?;
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = settings.cache;
        options.positive_max_ttl = Some(settings.max_ttl);
        options.negative_max_ttl = Some(settings.negative_ttl);
        options.attempts = 2;
        options.timeout = settings.timeout / 2;
        options.max_active_requests = settings.in_flight;
        // The order is the operator's; one that answers is no worse than one that answers faster.
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        // Answers are read, not where they come from by way of others.
        options.preserve_intermediates = true;
        Ok(Self {
            resolver: Some(builder.build().map_err(failed)?),
            room: Semaphore::new(settings.in_flight),
            time: settings.timeout,
            counts: Default::default(),
            #[cfg(test)]
            table: None,
        })
    }

    /// There is nobody to ask: every question fails at once.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self {
            resolver: None,
            room: Semaphore::new(1),
            time: Duration::ZERO,
            counts: Default::default(),
            #[cfg(test)]
            table: None,
        }
    }

    /// A test's.
    #[cfg(test)]
    pub(crate) fn of_table(table: Table) -> Self {
        Self {
            table: Some(table),
            ..Self::of_nobody()
        }
    }

    /// A records.
    ///
    /// # Errors
    /// There are none, or there is no saying.
    pub async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, QuestionError> {
        self.ask(name, RecordType::A, |data| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    /// AAAA records.
    ///
    /// # Errors
    /// There are none, or there is no saying.
    pub async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, QuestionError> {
        self.ask(name, RecordType::AAAA, |data| match data {
            RData::AAAA(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    /// Hosts of MX records, the best first; the null MX (RFC 7505) as an empty name.
    ///
    /// # Errors
    /// There are none, or there is no saying.
    pub async fn mx(&self, name: &str) -> Result<Vec<String>, QuestionError> {
        let found = self.ask(name, RecordType::MX, |data| match data {
            RData::MX(mx) => Some((mx.preference, answer::text(&mx.exchange)?)),
            _ => None,
        });
        let mut found = found.await?;
        found.sort_by_key(|(preference, _)| *preference);
        Ok(found.into_iter().map(|(_, host)| host).collect())
    }

    /// TXT records, each with its strings put together.
    ///
    /// # Errors
    /// There are none, or there is no saying.
    pub async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, QuestionError> {
        self.ask(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
        .await
    }

    /// Names of an address, without a final dot.
    ///
    /// # Errors
    /// There are none, or there is no saying.
    pub async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, QuestionError> {
        self.find(Name::from(address), RecordType::PTR, |data| match data {
            RData::PTR(name) => answer::text(&name.0),
            _ => None,
        })
        .await
    }

    /// What was asked so far.
    #[must_use]
    pub fn counts(&self) -> QuestionCounts {
        let [asked, failed, busy] = &self.counts;
        QuestionCounts {
            asked: asked.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
            busy: busy.load(Ordering::Relaxed),
        }
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, QuestionError> {
        let name = answer::name(name).ok_or(QuestionError::BadName)?;
        self.find(name, kind, read).await
    }

    async fn find<T>(
        &self,
        name: Name,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, QuestionError> {
        let [asked, failed, busy] = &self.counts;
        asked.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        if let Some(table) = &self.table {
            let found = table(kind, name.to_ascii().trim_end_matches('.'))?;
            return Ok(found.iter().filter_map(read).collect());
        }
        let Some(resolver) = &self.resolver else {
            failed.fetch_add(1, Ordering::Relaxed);
            return Err(QuestionError::Unreachable);
        };
        let mut waited = true;
        let question = timeout(self.time, async {
            let _room = self.room.acquire().await;
            waited = false;
            resolver.lookup(name, kind).await
        });
        let found = match question.await {
            Ok(Ok(lookup)) => {
                let records = lookup.answers().iter();
                let found: Vec<T> = records.filter_map(|record| read(&record.data)).collect();
                // A chain of CNAMEs that ends in a name without such records.
                if found.is_empty() {
                    Err(QuestionError::NoRecords)
                } else {
                    Ok(found)
                }
            }
            Ok(Err(error)) => Err(answer::failure(&error)),
            Err(_) if waited => Err(QuestionError::Busy),
            Err(_) => Err(QuestionError::Timeout),
        };
        if let Err(error) = &found
            && !error.is_answer()
        {
            failed.fetch_add(1, Ordering::Relaxed);
            busy.fetch_add(u64::from(waited), Ordering::Relaxed);
        }
        found
    }
}

/// The name servers of `/etc/resolv.conf`.
///
/// # Errors
/// It cannot be made use of.
pub fn system_servers() -> Result<Vec<SocketAddr>, DnsError> {
    let read = hickory_resolver::system_conf::read_system_conf();
    let (config, _) = read.map_err(|error| DnsError::System(error.to_string()))?;
    let servers = config.name_servers().iter().map(|server| {
        let port = server.connections.first().map_or(53, |it| it.port);
        SocketAddr::new(server.ip, port)
    });
    Ok(servers.collect())
}

fn builder(
    servers: &[SocketAddr],
) -> Result<ResolverBuilder<TokioRuntimeProvider>, hickory_resolver::net::NetError> {
    if servers.is_empty() {
        return TokioResolver::builder_tokio();
    }
    let servers = servers.iter().map(|server| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        let connections = connections.map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.to_vec())
    });
    let config = ResolverConfig::from_name_servers(servers.collect());
    let provider = TokioRuntimeProvider::default();
    Ok(TokioResolver::builder_with_config(config, provider))
}
