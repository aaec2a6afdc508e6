//! What operators see of greylisting, and say to it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::security::client::Aggregate;
use crate::store::{Entry, Key, Store, StoreError};

/// Passes of a client that an operator let through.
pub(super) const ALLOWED: u32 = u32::MAX;
/// The end of time, as the store has it.
const FOR_EVER: u64 = 0xffff_ffff;
/// Entries that are looked at for a list.
const LOOKED_AT: usize = 1_000_000;

/// An entry, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// By which it is removed.
    pub key: String,
    /// The client: a network, or the domain for which SPF lets it send.
    pub client: String,
    /// Sender and recipient; of an entry about the client alone there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triplet: Option<Parties>,
    /// `waits`, `passed` (a triplet that has), `known` (a client that has passed, not often enough
    /// yet), `trusted`, or `allowed` (by an operator).
    pub state: State,
    /// When it was first seen, in seconds since the Unix epoch.
    pub first: u64,
    /// When it was last seen, or last counted.
    pub last: u64,
    /// When it is forgotten.
    pub expires: u64,
    /// How often it passed.
    pub passes: u32,
}

/// Who writes to whom, as greylisting has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// Reverse-path, without what changes from message to message.
    pub sender: String,
    /// Forward-path.
    pub recipient: String,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has not come again yet.
    Waits,
    /// It has.
    Passed,
    /// A client that has passed.
    Known,
    /// A client that passed often enough, by the default of 5 times.
    Trusted,
    /// An operator let it through.
    Allowed,
}

/// Lists at most `most` entries in which `part` stands, the last seen first.
///
/// # Errors
/// The store did not answer.
pub async fn list(
    store: &impl Store,
    part: &str,
    trust_after: u32,
    most: usize,
    now: u64,
) -> Result<Vec<Listed>, StoreError> {
    let part = part.to_lowercase();
    let mut found = Vec::new();
    for begins in ["c:", "t:"] {
        for (key, entry) in store.list(begins, LOOKED_AT, now).await? {
            if key.as_str().contains(&part)
                && let Some(listed) = read(key.as_str(), entry, trust_after)
            {
                found.push(listed);
            }
        }
    }
    found.sort_unstable_by(|a, b| b.last.cmp(&a.last).then_with(|| a.key.cmp(&b.key)));
    found.truncate(most);
    Ok(found)
}

/// An entry by its key. `None`: it is none of greylisting.
fn read(key: &str, entry: Entry, trust_after: u32) -> Option<Listed> {
    let (client, triplet) = match key.split_once(':')? {
        ("c", client) => (client, None),
        ("t", rest) => {
            let (client, rest) = rest.split_once(' ')?;
            // A quoted sender may have spaces in it, and a long key has been cut.
            let (sender, recipient) = rest.rsplit_once(' ').unwrap_or((rest, ""));
            let parties = Parties {
                sender: sender.to_owned(),
                recipient: recipient.to_owned(),
            };
            (client, Some(parties))
        }
        _ => return None,
    };
    let state = match (&triplet, entry.passes) {
        (Some(_), 0) => State::Waits,
        (Some(_), _) => State::Passed,
        (None, ALLOWED) => State::Allowed,
        (None, passes) if trust_after > 0 && passes >= trust_after => State::Trusted,
        (None, _) => State::Known,
    };
    Some(Listed {
        key: key.to_owned(),
        client: client.to_owned(),
        triplet,
        state,
        first: entry.first,
        last: entry.last,
        expires: entry.expires,
        passes: entry.passes,
    })
}

/// It is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither an address, nor a network, nor a domain")]
pub struct NoClient;

/// Reads a client: an address, which stands for its neighbours as greylisting has them; a network, for
/// profiles that aggregate to such; or the domain for which SPF lets it send.
///
/// # Errors
/// It is none of them.
pub fn client(text: &str) -> Result<String, NoClient> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Aggregate::NEIGHBOURS.of(address).to_string());
    }
    if let Ok(network) = text.parse::<IpNet>() {
        return Ok(network.trunc().to_string());
    }
    let domain = text.to_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label) {
        Ok(domain)
    } else {
        Err(NoClient)
    }
}

/// Lets a client through, until a time or for ever. What it is listed as.
///
/// # Errors
/// The store did not answer.
pub async fn allow(
    store: &impl Store,
    client: &str,
    until: Option<u64>,
    now: u64,
) -> Result<Option<Listed>, StoreError> {
    let key = Key::new(&format!("c:{client}"));
    let entry = Entry {
        first: now,
        last: now,
        expires: until.unwrap_or(FOR_EVER).min(FOR_EVER),
        passes: ALLOWED,
    };
    store.put(&key, entry, now).await?;
    Ok(read(key.as_str(), entry, 0))
}

/// Forgets what a key or a client names, and all triplets of a client. How many entries there were.
///
/// # Errors
/// The store did not answer; some may have gone.
pub async fn remove(store: &impl Store, what: &str, now: u64) -> Result<u64, StoreError> {
    if what.starts_with("t:") || what.starts_with("c:") {
        return Ok(u64::from(store.remove(&Key::new(what)).await?));
    }
    let Ok(client) = client(what) else {
        return Ok(0);
    };
    let mut gone = u64::from(store.remove(&Key::new(&format!("c:{client}"))).await?);
    let triplets = format!("t:{client} ");
    for (key, _) in store.list(&triplets, LOOKED_AT, now).await? {
        gone += u64::from(store.remove(&key).await?);
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::security::greylist::{Client, Decision, Policy, Triplet, check};
    use crate::store::{Embedded, EmbeddedSettings};

    const NOW: u64 = 1_800_000_000;

    fn ask(store: &Embedded, policy: &Policy, client: &str, now: u64) -> Decision {
        let triplet = Triplet {
            client: Client::Address(client.parse().unwrap()),
            sender: "\"a b\"@example.com",
            recipient: "joe@example.org",
        };
        check(store, policy, &triplet, now)
            .now_or_never()
            .unwrap()
            .unwrap()
    }

    fn listed(store: &Embedded, part: &str) -> Vec<(String, State)> {
        let listed = list(store, part, 5, 100, NOW + 400).now_or_never().unwrap();
        let listed = listed.unwrap().into_iter();
        listed.map(|it| (it.client, it.state)).collect()
    }

    #[test]
    fn entries_are_listed_with_how_far_they_are() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let policy = Policy::default();
        ask(&store, &policy, "192.0.2.1", NOW);
        ask(&store, &policy, "198.51.100.1", NOW);
        ask(&store, &policy, "198.51.100.1", NOW + 300);
        let (one, two) = ("192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned());
        assert_eq!(
            listed(&store, ""),
            [
                (two.clone(), State::Known),
                (two.clone(), State::Passed),
                (one.clone(), State::Waits),
            ]
        );
        assert_eq!(listed(&store, "JOE@").len(), 2);
        assert_eq!(listed(&store, "nobody"), []);
        let all = list(&store, "192.0.2", 5, 1, NOW + 1)
            .now_or_never()
            .unwrap();
        let parties = all.unwrap().remove(0).triplet.unwrap();
        assert_eq!(parties.sender, "\"a b\"@example.com");
        assert_eq!(parties.recipient, "joe@example.org");
    }

    #[test]
    fn who_is_allowed_passes_for_ever_or_for_a_time_and_can_be_removed() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let never_trusts = Policy {
            trust_after: 0,
            ..Policy::default()
        };
        let allow = |client: &str, until| {
            let client = super::client(client).unwrap();
            super::allow(&store, &client, until, NOW)
                .now_or_never()
                .unwrap()
                .unwrap()
                .unwrap()
        };
        assert_eq!(allow("192.0.2.7", None).client, "192.0.2.0/24");
        allow("198.51.100.0/24", Some(NOW + 100));
        let year = 365 * 86_400;
        for now in [NOW, NOW + 1, NOW + year] {
            assert_eq!(
                ask(&store, &never_trusts, "192.0.2.200", now),
                Decision::Trusted
            );
        }
        assert_eq!(
            ask(&store, &never_trusts, "198.51.100.1", NOW + 99),
            Decision::Trusted
        );
        assert_eq!(
            ask(&store, &never_trusts, "198.51.100.1", NOW + 100),
            Decision::Wait(300)
        );
        assert_eq!(
            listed(&store, "192.0.2"),
            [("192.0.2.0/24".to_owned(), State::Allowed)]
        );
        let remove = |what: &str| remove(&store, what, NOW).now_or_never().unwrap().unwrap();
        assert_eq!(remove("192.0.2.7"), 1);
        assert_eq!(remove("198.51.100.1"), 2, "the triplet, and what is over");
        assert_eq!(remove("nonsense"), 0);
        assert_eq!(
            ask(&store, &never_trusts, "192.0.2.1", NOW + 1),
            Decision::Wait(300)
        );
    }

    #[test]
    fn clients() {
        for (text, read) in [
            ("192.0.2.7", Some("192.0.2.0/24")),
            ("192.0.2.7/32", Some("192.0.2.7/32")),
            ("2001:db8::1", Some("2001:db8::/64")),
            ("Example.ORG", Some("example.org")),
            ("localhost", None),
            ("a b.example", None),
            ("", None),
        ] {
            assert_eq!(client(text).ok().as_deref(), read, "{text}");
        }
    }
}
