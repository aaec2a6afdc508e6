//! The first message of a sender to a recipient ([`greylist`]).

use super::finding::Finding;
use crate::security::greylist::{self, Client, Decision, Policy, Triplet};
use crate::store::Store;

/// What is asked of triplets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Times, and what clients are known by.
    pub policy: Policy,
    /// Clients for which SPF passes are known by that domain, and not by their network.
    pub by_spf_domain: bool,
}

/// Asks whether a triplet has waited, and puts down that it was here. `spf` is the domain for which SPF
/// lets the client send, if that is known.
pub async fn check(
    store: &impl Store,
    settings: &Settings,
    triplet: &Triplet<'_>,
    spf: Option<&str>,
    now: u64,
) -> Finding {
    let client = match spf {
        Some(domain) if settings.by_spf_domain && !domain.is_empty() => Client::Domain(domain),
        _ => triplet.client,
    };
    let triplet = Triplet { client, ..*triplet };
    match greylist::check(store, &settings.policy, &triplet, now).await {
        Ok(Decision::Pass | Decision::Trusted) => Finding::Pass,
        Ok(Decision::Wait(seconds)) => Finding::fail(
            "450 4.7.1",
            "<{sender}>: greylisted, please come again: {reason}",
            format!("{seconds} s to wait"),
        ),
        Err(failure) => Finding::no_store(&failure),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::tests::Away;
    use super::*;
    use crate::store::{Embedded, EmbeddedSettings};

    const NOW: u64 = 1_800_000_000;

    fn triplet(client: &str) -> Triplet<'static> {
        Triplet {
            client: Client::Address(client.parse().unwrap()),
            sender: "a@example.com",
            recipient: "b@example.org",
        }
    }

    #[test]
    fn large_senders_are_known_by_their_domain_if_they_may_send_for_it() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let settings = Settings {
            by_spf_domain: true,
            ..Settings::default()
        };
        let check = |client, spf, now| {
            let triplet = triplet(client);
            let checked = check(&store, &settings, &triplet, spf, now).now_or_never();
            checked.unwrap() == Finding::Pass
        };
        assert!(!check("192.0.2.1", Some("example.com"), NOW));
        assert!(!check("198.51.100.1", None, NOW + 300), "SPF does not pass");
        assert!(check("198.51.100.1", Some("example.com"), NOW + 300));
        assert!(check("203.0.113.9", Some("Example.COM"), NOW + 301));
    }

    #[test]
    fn who_is_new_waits_and_a_store_that_is_away_is_no_reason() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let settings = Settings::default();
        let triplet = triplet("192.0.2.1");
        let first = check(&store, &settings, &triplet, None, NOW).now_or_never();
        let Some(Finding::Fail(fault)) = first else {
            panic!("{first:?}");
        };
        assert_eq!(
            (fault.codes, fault.reason.as_str()),
            ("450 4.7.1", "300 s to wait")
        );
        let away = check(&Away, &settings, &triplet, None, NOW).now_or_never();
        assert!(matches!(away, Some(Finding::Unknown(fault)) if fault.codes == "450 4.3.0"));
    }
}
