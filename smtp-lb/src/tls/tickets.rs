//! Session tickets under keys that change (RFC 5077, RFC 8446 4.6.1).
//!
//! rustls has a ticketer of its own, whose life of 12 hours is fixed.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

/// Tickets for one profile. A key makes tickets for half a life and opens them for a whole one,
/// so that no ticket is good for longer. Random nonces are safe for 2^32 tickets of a key: 14,000
/// a second for the longest half life, 3.5 days.
pub(super) struct Tickets {
    half: Duration,
    began: Instant,
    keys: RwLock<Keys>,
}

struct Keys {
    /// The number of half lives before the current key's.
    period: u128,
    current: RandomizedNonceKey,
    previous: Option<RandomizedNonceKey>,
}

impl Tickets {
    /// Tickets good for `life` at most. Fails without randomness only.
    pub(super) fn new(life: Duration) -> Result<Self, Unspecified> {
        Ok(Self {
            half: (life / 2).max(Duration::from_nanos(1)),
            began: Instant::now(),
            keys: RwLock::new(Keys {
                period: 0,
                current: key()?,
                previous: None,
            }),
        })
    }

    fn seal(&self, elapsed: Duration, text: &[u8]) -> Option<Vec<u8>> {
        self.roll(elapsed).ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = text.to_vec();
        let nonce = keys
            .current
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .ok()?;
        sealed.extend_from_slice(nonce.as_ref());
        Some(sealed)
    }

    fn open(&self, elapsed: Duration, ticket: &[u8]) -> Option<Vec<u8>> {
        self.roll(elapsed).ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let (sealed, nonce) = ticket.split_at_checked(ticket.len().checked_sub(NONCE_LEN)?)?;
        let open = |key: &RandomizedNonceKey| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = sealed.to_vec();
            let length = key
                .open_in_place(nonce, Aad::empty(), &mut text)
                .ok()?
                .len();
            text.truncate(length);
            Some(text)
        };
        open(&keys.current).or_else(|| open(keys.previous.as_ref()?))
    }

    /// Brings the keys to this time.
    fn roll(&self, elapsed: Duration) -> Result<(), Unspecified> {
        let period = elapsed.as_nanos() / self.half.as_nanos().max(1);
        // Nearly always enough, and shared between the workers.
        if period
            <= self
                .keys
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .period
        {
            return Ok(());
        }
        let next = key()?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if period > keys.period {
            let last = std::mem::replace(&mut keys.current, next);
            // After a rest of more than half a life the last key is too old as well.
            keys.previous = (period == keys.period + 1).then_some(last);
            keys.period = period;
        }
        Ok(())
    }
}

fn key() -> Result<RandomizedNonceKey, Unspecified> {
    let mut octets = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(octets.as_mut_slice())?;
    RandomizedNonceKey::new(&AES_256_GCM, octets.as_slice())
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from((self.half * 2).as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(self.began.elapsed(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(self.began.elapsed(), cipher)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("half", &self.half)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_ticket_lives_at_least_half_a_life_and_at_most_one() {
        let table = [
            // Made and opened after so many hours; whether it opens.
            (0, 0, true),
            (0, 11, true),
            (0, 12, false),
            (5, 6, true),
            (5, 11, true),
            (5, 12, false),
            (6, 17, true),
            (6, 18, false),
            (6, 1_000, false),
        ];
        for (made, opened, opens) in table {
            let tickets = Tickets::new(12 * HOUR).unwrap();
            let ticket = tickets.seal(made * HOUR, b"session").unwrap();
            let text = tickets.open(opened * HOUR, &ticket);
            assert_eq!(
                text.as_deref(),
                opens.then_some(&b"session"[..]),
                "{made} {opened}"
            );
        }
    }

    #[test]
    fn foreign_tickets_do_not_open() {
        let tickets = Tickets::new(12 * HOUR).unwrap();
        let ticket = tickets.seal(HOUR, b"session").unwrap();
        assert_ne!(ticket, tickets.seal(HOUR, b"session").unwrap());
        assert_eq!(Tickets::new(HOUR).unwrap().open(HOUR, &ticket), None);
        for length in 0..ticket.len() {
            assert_eq!(tickets.open(HOUR, &ticket[..length]), None);
        }
        for at in 0..ticket.len() {
            let mut ticket = ticket.clone();
            ticket[at] ^= 1;
            assert_eq!(tickets.open(HOUR, &ticket), None);
        }
        assert_eq!(tickets.lifetime(), 43_200);
    }

    #[test]
    fn time_that_seems_to_run_back_changes_nothing() {
        let tickets = Tickets::new(12 * HOUR).unwrap();
        let ticket = tickets.seal(7 * HOUR, b"x").unwrap();
        assert!(tickets.open(5 * HOUR, &ticket).is_some());
    }
}
