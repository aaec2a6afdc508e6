//! Greylisting (RFC 6647): who is new is asked to come again, as those do who mean it.
//!
//! What is new is a **triplet** of client network, sender and recipient. It waits for
//! [`Policy::delay`], counted from its first attempt whatever comes between, and must come again within
//! [`Policy::retry_within`]. Then it passes, for as long as it is seen again within [`Policy::keep`]. A
//! **client** whose triplets passed [`Policy::trust_after`] times, counted at most hourly, is let through
//! from then on.

pub mod book;

use std::net::IpAddr;

use ipnet::IpNet;

use super::client::Aggregate;
use crate::store::{Entry, Key, Store, StoreError};

/// Seconds between two passes of a client that both count.
const COUNTED_EVERY: u64 = 3600;

/// Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long a new triplet waits.
    pub delay: u64,
    /// How long after its first attempt it must have come again. Longer than `delay`.
    pub retry_within: u64,
    /// How long it is known after it was last seen.
    pub keep: u64,
    /// Passes after which a client is trusted; 0: never.
    pub trust_after: u32,
    /// What clients are aggregated to.
    pub aggregate: Aggregate,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            delay: 300,
            retry_within: 2 * 86_400,
            keep: 35 * 86_400,
            trust_after: 5,
            aggregate: Aggregate::NEIGHBOURS,
        }
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// To be refused for now; it may come again in so many seconds, at least 1.
    Wait(u64),
    /// It has waited.
    Pass,
    /// Its client is trusted.
    Trusted,
}

/// A decision, and what is to be remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the message.
    pub decision: Decision,
    /// The triplet's entry from now on.
    pub triplet: Option<Entry>,
    /// The client's entry from now on.
    pub client: Option<Entry>,
}

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triplet<'a> {
    /// The client.
    pub client: Client<'a>,
    /// Reverse-path without brackets; empty for the null one.
    pub sender: &'a str,
    /// Forward-path without brackets.
    pub recipient: &'a str,
}

/// By what a client is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client<'a> {
    /// By its network.
    Address(IpAddr),
    /// By the domain for which SPF lets it send: large senders come from another address each time.
    Domain(&'a str),
}

/// Decides, with what is known of triplet and client. Neither has expired.
#[must_use]
pub fn judge(
    policy: &Policy,
    triplet: Option<Entry>,
    client: Option<Entry>,
    now: u64,
) -> Judgement {
    let trusted = |it: &Entry| {
        it.passes == book::ALLOWED || policy.trust_after > 0 && it.passes >= policy.trust_after
    };
    if let Some(client) = client.filter(trusted) {
        return Judgement {
            decision: Decision::Trusted,
            triplet: None,
            client: Some(Entry {
                // Whom an operator allows stays for as long as was said.
                expires: if client.passes == book::ALLOWED {
                    client.expires
                } else {
                    now + policy.keep
                },
                ..client
            }),
        };
    }
    // One of a clock that was far ahead is as new.
    let known = triplet.filter(|it| it.first <= now + policy.delay);
    let entry = known.unwrap_or(Entry {
        first: now,
        last: now,
        expires: now + policy.retry_within,
        passes: 0,
    });
    let waited = now.saturating_sub(entry.first);
    if entry.passes == 0 && waited < policy.delay {
        return Judgement {
            decision: Decision::Wait(policy.delay - waited),
            // Its time goes on from the first attempt, and ends then, too.
            triplet: Some(Entry { last: now, ..entry }),
            client: None,
        };
    }
    Judgement {
        decision: Decision::Pass,
        triplet: Some(Entry {
            last: now,
            expires: now + policy.keep,
            passes: entry.passes.saturating_add(1),
            ..entry
        }),
        client: Some(counted(policy, client, now)),
    }
}

/// The client's entry after a pass, which counts at most once an hour.
fn counted(policy: &Policy, client: Option<Entry>, now: u64) -> Entry {
    let expires = now + policy.keep;
    match client {
        None => Entry {
            first: now,
            last: now,
            expires,
            passes: 1,
        },
        Some(client) if now.abs_diff(client.last) < COUNTED_EVERY => Entry { expires, ..client },
        Some(client) => Entry {
            last: now,
            expires,
            passes: client.passes.saturating_add(1),
            ..client
        },
    }
}

/// Asks the store, decides, and puts down what became of it.
///
/// # Errors
/// The store did not answer: nothing is decided.
pub async fn check(
    store: &impl Store,
    policy: &Policy,
    triplet: &Triplet<'_>,
    now: u64,
) -> Result<Decision, StoreError> {
    let client_key = triplet.client.key(policy.aggregate);
    let client = store.get(&client_key, now).await?;
    let triplet_key = triplet.key(policy.aggregate);
    let known = store.get(&triplet_key, now).await?;
    let judgement = judge(policy, known, client, now);
    if let Some(entry) = judgement.triplet {
        store.put(&triplet_key, entry, now).await?;
    }
    if let Some(entry) = judgement.client {
        store.put(&client_key, entry, now).await?;
    }
    Ok(judgement.decision)
}

impl Client<'_> {
    fn name(self, aggregate: Aggregate) -> String {
        match self {
            Self::Address(address) => {
                let network: IpNet = aggregate.of(address);
                network.to_string()
            }
            Self::Domain(domain) => domain.to_lowercase(),
        }
    }

    /// What it is remembered by.
    #[must_use]
    pub fn key(self, aggregate: Aggregate) -> Key {
        Key::new(&format!("c:{}", self.name(aggregate)))
    }
}

impl Triplet<'_> {
    /// What it is remembered by.
    #[must_use]
    pub fn key(&self, aggregate: Aggregate) -> Key {
        Key::new(&format!(
            "t:{} {} {}",
            self.client.name(aggregate),
            steady(self.sender),
            self.recipient.to_lowercase()
        ))
    }
}

/// A sender without what changes from message to message: an extension behind `+`, and numbers that
/// stand by themselves in the local part (lists and bounce addresses).
fn steady(sender: &str) -> String {
    let sender = sender.to_lowercase();
    let Some((local, domain)) = sender.rsplit_once('@') else {
        return sender;
    };
    let local = local.split_once('+').map_or(local, |(head, _)| head);
    let mut steady = String::with_capacity(sender.len());
    for word in local.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let end = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if end.len() < word.len() && !end.starts_with(char::is_alphanumeric) {
            steady.push('#');
            steady.push_str(end);
        } else {
            steady.push_str(word);
        }
    }
    format!("{steady}@{domain}")
}

#[cfg(test)]
mod tests;
