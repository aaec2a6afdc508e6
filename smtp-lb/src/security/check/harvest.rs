//! Directory harvests ([`harvest`]).

use std::net::IpAddr;
use std::time::Duration;

use super::finding::{Fault, Finding};
use crate::security::harvest::{self, Decision, Policy};
use crate::store::Store;

/// Counts `unknown` recipients that a client asked for (0: only looks). What is found, and how long the
/// next reply is kept back.
pub async fn check(
    store: &impl Store,
    policy: &Policy,
    client: IpAddr,
    unknown: u32,
    now: u64,
) -> (Finding, Duration) {
    match harvest::check(store, policy, client, unknown, now).await {
        Ok(Decision::Fine) => (Finding::Pass, Duration::ZERO),
        Ok(Decision::Slow(delay)) => (Finding::Pass, delay),
        Ok(Decision::Away) => {
            let fault = Fault {
                codes: "421 4.7.0",
                text: "Too many unknown recipients, closing",
                reason: format!(
                    "more than {} unknown recipients in {} s",
                    policy.limit, policy.window
                ),
                close: true,
            };
            (Finding::Fail(fault), Duration::ZERO)
        }
        Err(failure) => (Finding::no_store(&failure), Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::tests::Away;
    use super::*;
    use crate::store::{Embedded, EmbeddedSettings};

    #[test]
    fn a_harvester_is_slowed_and_then_sent_away() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let (policy, client) = (Policy::default(), "192.0.2.1".parse().unwrap());
        let check = |unknown| {
            let checked = check(&store, &policy, client, unknown, 6000).now_or_never();
            checked.unwrap()
        };
        assert_eq!(check(5), (Finding::Pass, Duration::ZERO));
        let (finding, delay) = check(10);
        assert!(finding == Finding::Pass && !delay.is_zero());
        let (Finding::Fail(fault), Duration::ZERO) = check(6) else {
            panic!("21 of 20");
        };
        assert!(fault.close && fault.codes == "421 4.7.0");
        assert!(matches!(check(0), (Finding::Fail(_), _)), "it stays away");
        let away = super::check(&Away, &policy, client, 1, 6000).now_or_never();
        assert!(matches!(away, Some((Finding::Unknown(_), _))));
    }
}
