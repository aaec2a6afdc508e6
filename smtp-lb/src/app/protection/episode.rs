//! When protection of one virtual server begins and ends, and by which mark. Pure.

use smtp_lb_common::cookie::{HOLD, Watch};

/// What protects a virtual server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// It is protected always.
    pub(super) always: bool,
    /// More SYNs came than the mark says.
    pub(super) rate: bool,
    /// The accept queue was fuller than it says.
    pub(super) queue: bool,
}

impl Marks {
    pub(super) fn words(self) -> Vec<&'static str> {
        let marks = [
            (self.always, "always"),
            (self.rate, "syn_rate"),
            (self.queue, "syn_accept_queue"),
        ];
        marks
            .into_iter()
            .filter_map(|(is, word)| is.then_some(word))
            .collect()
    }

    const fn any(self) -> bool {
        self.always || self.rate || self.queue
    }
}

/// A virtual server, from one look to the next. Times are nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Episode {
    pub(super) marks: Marks,
    /// Since when it is protected; 0: it is not.
    pub(super) since: u64,
    /// Until when on account of the accept queue.
    pub(super) guarded: u64,
    /// SYNs that cookies had answered when it began.
    pub(super) before: u64,
}

/// What has become of a virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is protected from now on.
    Began,
    /// It was until now, for so many seconds; so many SYNs were answered by cookies.
    Ended { seconds: u64, cookies: u64 },
}

impl Episode {
    /// One look: whether it is always protected, else what the packet path knows and whether the accept
    /// queue is past its mark; and how many SYNs cookies have answered.
    pub(super) fn look(
        &mut self,
        always: bool,
        watch: Watch,
        full: bool,
        cookies: u64,
        now: u64,
    ) -> Option<Change> {
        if full {
            self.guarded = now + HOLD;
        }
        let rate = !always && watch.by_rate(now);
        self.turn(
            Marks {
                always,
                rate,
                queue: !always && now < self.guarded,
            },
            if rate { watch.since.min(now) } else { now },
            cookies,
            now,
        )
    }

    /// It is protected no more, whatever was.
    pub(super) fn end(&mut self, cookies: u64, now: u64) -> Option<Change> {
        self.turn(Marks::default(), now, cookies, now)
    }

    fn turn(&mut self, marks: Marks, since: u64, cookies: u64, now: u64) -> Option<Change> {
        let was = self.marks.any();
        self.marks = marks;
        match (was, marks.any()) {
            (false, true) => {
                (self.since, self.before) = (since.max(1), cookies);
                Some(Change::Began)
            }
            (true, false) => {
                let seconds = now.saturating_sub(self.since) / 1_000_000_000;
                self.since = 0;
                Some(Change::Ended {
                    seconds,
                    cookies: cookies.saturating_sub(self.before),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn watch(since: u64, until: u64) -> Watch {
        Watch {
            bucket: 0,
            until,
            since,
        }
    }

    #[test]
    fn by_rate_then_by_queue_is_one_episode() {
        let mut episode = Episode::default();
        let quiet = watch(0, 0);
        assert_eq!(episode.look(false, quiet, false, 7, SECOND), None);
        let flooded = watch(2 * SECOND, 12 * SECOND);
        assert_eq!(
            episode.look(false, flooded, false, 9, 3 * SECOND),
            Some(Change::Began)
        );
        assert_eq!(
            (episode.since, episode.marks.words()),
            (2 * SECOND, vec!["syn_rate"])
        );
        assert_eq!(episode.look(false, flooded, true, 50, 11 * SECOND), None);
        assert_eq!(episode.marks.words(), ["syn_rate", "syn_accept_queue"]);
        assert_eq!(episode.look(false, flooded, false, 60, 13 * SECOND), None);
        assert_eq!(episode.marks.words(), ["syn_accept_queue"]);
        let ended = Change::Ended {
            seconds: 19,
            cookies: 61 - 9,
        };
        assert_eq!(
            episode.look(false, flooded, false, 61, 21 * SECOND),
            Some(ended)
        );
        assert_eq!(episode.look(false, flooded, false, 61, 22 * SECOND), None);
        assert_eq!((episode.since, episode.marks), (0, Marks::default()));
    }

    #[test]
    fn always_begins_at_once_and_ends_when_it_is_taken_away() {
        let mut episode = Episode::default();
        assert_eq!(
            episode.look(true, watch(1, 99), true, 0, SECOND),
            Some(Change::Began)
        );
        assert_eq!(episode.marks.words(), ["always"]);
        let ended = Change::Ended {
            seconds: 4,
            cookies: 3,
        };
        assert_eq!(episode.end(3, 5 * SECOND), Some(ended));
        assert_eq!(episode.end(3, 6 * SECOND), None);
    }
}
