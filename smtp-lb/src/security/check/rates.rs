//! Rates of messages from a domain, and to one.

use super::domain::{self, Domain};
use super::finding::Finding;
use crate::security::rate::{self, Of, Rate};
use crate::store::Store;

/// Counts a message from a reverse-path's domain. The null path is exempt: whom it is for did not ask
/// for it.
pub async fn sender(store: &impl Store, rate: &Rate, sender: &str, now: u64) -> Finding {
    let Some(domain) = of(sender) else {
        return Finding::Pass;
    };
    take(store, rate, Of::Sender(&domain), ("from", &domain), now).await
}

/// Counts a message to a forward-path's domain. Once for each domain of a message is enough, which is
/// the caller's to see to.
pub async fn recipient(store: &impl Store, rate: &Rate, recipient: &str, now: u64) -> Finding {
    let Some(domain) = of(recipient) else {
        return Finding::Pass;
    };
    take(store, rate, Of::Recipient(&domain), ("to", &domain), now).await
}

/// By what a path is counted: its domain, as DNS has it if it is a name of DNS.
#[must_use]
pub fn of(path: &str) -> Option<String> {
    match domain::of(path) {
        Domain::None => None,
        Domain::Literal(text) => Some(text.to_lowercase()),
        Domain::Name(name) => Some(name.into_owned()),
        Domain::Bad => path
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_lowercase()),
    }
}

async fn take(
    store: &impl Store,
    rate: &Rate,
    of: Of<'_>,
    (way, domain): (&str, &str),
    now: u64,
) -> Finding {
    match rate::take(store, rate, of, now).await {
        Ok(false) => Finding::Pass,
        Ok(true) => Finding::fail(
            "450 4.7.1",
            "Too many messages {reason}, please come again later",
            format!("{way} {domain}"),
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

    const RATE: Rate = Rate {
        limit: 2,
        window: 60,
    };

    #[test]
    fn domains_are_counted_by_direction_and_null_paths_are_not() {
        let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
        let from = |path| sender(&store, &RATE, path, 6000).now_or_never().unwrap();
        let to = |path| recipient(&store, &RATE, path, 6000).now_or_never().unwrap();
        for _ in 0..10 {
            assert_eq!(from(""), Finding::Pass);
            assert_eq!(to("postmaster"), Finding::Pass);
        }
        assert_eq!(from("a@bücher.example"), Finding::Pass);
        assert_eq!(from("b@XN--bcher-kva.example."), Finding::Pass);
        let Finding::Fail(fault) = from("c@Bücher.example") else {
            panic!("three in a minute");
        };
        assert_eq!(fault.reason, "from xn--bcher-kva.example");
        assert_eq!(fault.codes, "450 4.7.1");
        assert_eq!(to("c@bücher.example"), Finding::Pass);
        assert_eq!(from("a@[192.0.2.1]"), Finding::Pass);
    }

    #[test]
    fn a_store_that_is_away_is_no_reason() {
        let away = sender(&Away, &RATE, "a@b.example", 6000).now_or_never();
        assert!(matches!(away, Some(Finding::Unknown(_))));
        assert_eq!(
            sender(&Away, &RATE, "", 6000).now_or_never(),
            Some(Finding::Pass)
        );
    }
}
