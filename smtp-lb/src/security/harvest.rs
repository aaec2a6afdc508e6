//! Directory harvesting: who asks for many recipients that there are not is slowed down, then sent away.

use std::net::IpAddr;
use std::time::Duration;

use super::client::Aggregate;
use super::rate::Rate;
use crate::store::{Count, Key, Store, StoreError};

/// How many unknown recipients a client network may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Up to this many are nothing.
    pub slow_after: u64,
    /// More than this many are too many.
    pub limit: u64,
    /// Seconds, at least 1.
    pub window: u32,
    /// How long each reply is kept back between the two, at most.
    pub delay: Duration,
    /// What clients are aggregated to.
    pub aggregate: Aggregate,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slow_after: 5,
            limit: 20,
            window: 60,
            delay: Duration::from_secs(5),
            aggregate: Aggregate::HOST,
        }
    }
}

/// What becomes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Fine,
    /// It is answered later.
    Slow(Duration),
    /// It is sent away.
    Away,
}

/// Decides by what was counted.
#[must_use]
pub fn judge(policy: &Policy, count: Count, now: u64) -> Decision {
    let rate = Rate {
        limit: policy.limit,
        window: policy.window,
    };
    let unknown = rate.within(count, now);
    if unknown > policy.limit {
        return Decision::Away;
    }
    if unknown <= policy.slow_after {
        return Decision::Fine;
    }
    // The nearer to the limit, the later.
    let part = |all: u64| u32::try_from(all).unwrap_or(u32::MAX);
    let steps = part(policy.limit.saturating_sub(policy.slow_after)).max(1);
    let step = part(unknown - policy.slow_after);
    Decision::Slow(policy.delay.saturating_mul(step) / steps)
}

/// Counts `unknown` recipients of a client (0: only looks), and decides.
///
/// # Errors
/// The store did not answer.
pub async fn check(
    store: &impl Store,
    policy: &Policy,
    client: IpAddr,
    unknown: u32,
    now: u64,
) -> Result<Decision, StoreError> {
    let key = Key::new(&format!("h:{}", policy.aggregate.of(client)));
    let count = store.count(&key, unknown, policy.window, now).await?;
    Ok(judge(policy, count, now))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::store::{Embedded, EmbeddedSettings};

    #[test]
    fn a_harvester_is_slowed_and_then_sent_away_and_may_come_back() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let policy = Policy::default();
        let check = |client: &str, unknown, now| {
            let client = client.parse().unwrap();
            let checked = check(&store, &policy, client, unknown, now).now_or_never();
            checked.unwrap().unwrap()
        };
        for _ in 0..5 {
            assert_eq!(check("192.0.2.1", 1, 6000), Decision::Fine);
        }
        let mut last = Duration::ZERO;
        for _ in 5..20 {
            let Decision::Slow(delay) = check("192.0.2.1", 1, 6001) else {
                panic!("not slowed");
            };
            assert!(delay > last && delay <= policy.delay);
            last = delay;
        }
        assert_eq!(last, policy.delay);
        assert_eq!(check("192.0.2.1", 1, 6002), Decision::Away);
        // Looking counts nothing; a neighbour is somebody else, another address of a /64 is not.
        assert_eq!(check("192.0.2.1", 0, 6003), Decision::Away);
        assert_eq!(check("192.0.2.2", 0, 6003), Decision::Fine);
        assert_eq!(check("2001:db8::1", 21, 6003), Decision::Away);
        assert_eq!(check("2001:db8::2", 0, 6003), Decision::Away);
        assert_eq!(check("192.0.2.1", 0, 6060 + 50), Decision::Fine);
        assert_eq!(check("192.0.2.1", 0, 6120), Decision::Fine);
    }
}
