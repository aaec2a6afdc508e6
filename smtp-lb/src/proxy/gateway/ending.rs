//! When a session is to end that would go on by itself.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;

use crate::proxy::clock;
use crate::proxy::server::Place;
use crate::proxy::story::Outcome;

/// The daemon stops, or the session has lasted too long. Said once.
#[derive(Debug)]
pub(super) struct Ending {
    /// When it is too old, by [`clock::coarse`].
    end: Option<Duration>,
    /// It waits for the word that the daemon stops.
    waits: bool,
    said: bool,
}

impl Ending {
    pub(super) fn new(age: Option<Duration>) -> Self {
        Self {
            // Past the end of time: no bound.
            end: age.and_then(|age| clock::coarse().checked_add(age)),
            waits: false,
            said: false,
        }
    }

    /// When it is to be asked again, if nothing else happens.
    pub(super) fn comes(&self) -> Option<Duration> {
        self.end.filter(|_| !self.said)
    }

    /// Whether the session is to end now.
    pub(super) fn is_due(
        &mut self,
        cx: &mut Context<'_>,
        draining: Pin<&mut OwnedNotified>,
        server: &Place,
    ) -> bool {
        if self.said {
            return false;
        }
        if !self.waits {
            self.waits = true;
            // It wakes this task from now on; whether it was said already is asked below.
            let _ = draining.poll(cx);
        }
        let too_old = self.end.is_some_and(|end| end <= clock::coarse());
        if too_old {
            server.counters.timeouts.add(1);
            server.ends(Outcome::Timeout);
        }
        self.said = too_old || server.draining.has_begun();
        self.said
    }
}
