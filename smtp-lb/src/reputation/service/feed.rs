//! One feed: what is in force of it, and the task that looks after it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Inner, now};
use crate::chance;
use crate::config::plan::{FeedPlan, FeedSource};
use crate::reputation::fetch::without_query;
use crate::reputation::kept::{self, Partial};
use crate::reputation::look::{FileId, Found, Look, LookError, Looked, New, Stamp};
use crate::reputation::parse::{Parsed, Rules};
use crate::reputation::ranges::{Ranges, Tagged};
use crate::reputation::status::{FeedState, FeedStatus};

/// Pause after a look that failed; doubled with each, up to the interval.
const AGAIN: Duration = Duration::from_secs(30);

pub(super) struct Feed {
    pub(super) plan: FeedPlan,
    pub(super) rules: Rules,
    pub(super) entries: Arc<Tagged>,
    pub(super) status: FeedStatus,
    stamp: Stamp,
    /// File that the last look saw.
    seen: Option<FileId>,
    /// What is in force, not yet kept on disk.
    unkept: Option<Partial>,
    wake: Arc<Notify>,
    /// The next look takes any change of size.
    force: bool,
    task: Option<AbortHandle>,
}

impl Feed {
    /// With what was kept of it, if anything was, and with what its file holds. Blocks for as long
    /// as that takes.
    pub(super) fn new(plan: FeedPlan, rules: Rules, folder: Option<&Arc<Path>>) -> Self {
        let mut feed = Self {
            status: FeedStatus {
                name: plan.name.clone(),
                source: without_query(&kept::source(&plan)).to_owned(),
                ..FeedStatus::default()
            },
            entries: Arc::default(),
            stamp: Stamp::default(),
            seen: None,
            unkept: None,
            wake: Arc::default(),
            force: false,
            task: None,
            plan,
            rules,
        };
        if let Some((parsed, stamp)) =
            folder.and_then(|folder| kept::kept(folder, &feed.plan, &feed.rules))
        {
            feed.put(parsed, stamp);
            feed.status.state = FeedState::Kept;
        }
        if let FeedSource::File(path) = feed.plan.source.clone() {
            let Looked { seen, result } = feed.look(folder).at_file(&path);
            feed.seen = seen;
            let result = result.map(|found| match found {
                Found::New(mut new) => {
                    let entries = std::mem::take(&mut new.parsed.entries);
                    feed.take(*new, Arc::new(entries));
                    true
                }
                Found::Untouched | Found::Current => false,
            });
            if let Err(error) = &result {
                tracing::warn!(feed = feed.plan.name, "cannot be taken: {error}");
            }
            feed.looked(result.map_err(|error| told(&error)));
        }
        feed
    }

    /// Begins to look after it.
    pub(super) fn run(&mut self, inner: &Arc<Inner>) {
        if self.task.is_none() {
            // A file was looked at when the feed was made.
            let at_once = !matches!(self.plan.source, FeedSource::File(_));
            let (name, wake) = (self.plan.name.clone(), Arc::clone(&self.wake));
            let following = follow(Arc::clone(inner), name, wake, self.plan.interval, at_once);
            self.task = Some(inner.runtime.spawn(following).abort_handle());
        }
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }

    /// Looks now.
    pub(super) fn refresh(&mut self, force: bool) {
        self.force = force;
        if force {
            // What was refused before is looked at again.
            self.stamp = Stamp::default();
            self.seen = None;
        }
        self.wake.notify_one();
    }

    /// Is it the one that is woken by this?
    pub(super) fn is(&self, wake: &Arc<Notify>) -> bool {
        Arc::ptr_eq(&self.wake, wake)
    }

    /// Takes what a look has found, and its entries.
    pub(super) fn take(&mut self, new: New, entries: Arc<Tagged>) {
        self.unkept = Some(new.copy);
        self.put(new.parsed, new.stamp);
        self.count(entries);
    }

    fn put(&mut self, parsed: Parsed, stamp: Stamp) {
        self.status.lines = parsed.good;
        self.status.bad_lines = parsed.bad;
        self.status.first_bad = parsed
            .first_bad
            .iter()
            .map(|bad| format!("line {}, {:?}: {}", bad.line, bad.text, bad.fault))
            .collect();
        self.status.taken = Some(stamp.taken);
        self.stamp = stamp;
        self.count(Arc::new(parsed.entries));
    }

    fn count(&mut self, entries: Arc<Tagged>) {
        let count = |of: fn(&Ranges) -> usize| -> usize {
            entries.iter().map(|(_, ranges)| of(ranges)).sum()
        };
        self.status.v4 = count(|ranges| ranges.v4.len());
        self.status.v6 = count(|ranges| ranges.v6.len());
        self.entries = entries;
    }

    /// What is in force and not on disk yet, with its stamp.
    pub(super) fn unkept(&mut self) -> Option<(Partial, Stamp)> {
        Some((self.unkept.take()?, self.stamp.clone()))
    }

    /// Notes at which file a look was.
    pub(super) fn saw(&mut self, seen: Option<FileId>) {
        self.seen = seen;
        self.force = false;
    }

    /// A look at a file that was looked at before.
    pub(super) fn untouched(&mut self) {
        self.status.looked = Some(now());
        self.status.looks += 1;
        self.status.unchanged += 1;
    }

    /// Notes how a look has ended; returns what is to be told, which is changes only.
    pub(super) fn looked(
        &mut self,
        result: Result<bool, String>,
    ) -> Option<(&'static str, String)> {
        let status = &mut self.status;
        status.looked = Some(now());
        status.looks += 1;
        let failed = status.state == FeedState::Failed;
        match result {
            Ok(new) => {
                status.state = FeedState::Good;
                if !new {
                    status.unchanged += 1;
                }
                let (lines, bad) = (status.lines, status.bad_lines);
                let detail = format!("{lines} entries, {bad} bad lines");
                (new || failed).then_some(("reputation_feed_taken", detail))
            }
            Err(error) => {
                status.failures += 1;
                status.state = FeedState::Failed;
                let told = failed && status.last_error.as_ref() == Some(&error);
                status.last_error = Some(error.clone());
                (!told).then_some(("reputation_feed_failed", error))
            }
        }
    }

    fn look(&self, folder: Option<&Arc<Path>>) -> Look {
        Look {
            plan: self.plan.clone(),
            rules: self.rules.clone(),
            stamp: self.stamp.clone(),
            seen: self.seen,
            lines: (!self.force && self.status.taken.is_some()).then_some(self.status.lines),
            folder: folder.cloned(),
            now: now(),
        }
    }
}

fn told(error: &LookError) -> String {
    crate::cause::cause(error)
}

async fn follow(
    inner: Arc<Inner>,
    name: String,
    wake: Arc<Notify>,
    interval: Duration,
    at_once: bool,
) {
    let mut waits = !at_once;
    let mut failures = 0;
    loop {
        if waits {
            // A tenth less up to a tenth more, so that not all of us come at once.
            let pause = pause(interval, failures);
            let pause = pause * 9 / 10 + chance::share(pause / 5, chance::draw());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = wake.notified() => {}
            }
        }
        waits = true;
        let look = inner
            .state()
            .feed(&name)
            .map(|feed| feed.look(inner.folder.as_ref()));
        let Some(look) = look else { return };
        let Looked { seen, result } = look.look().await;
        if let Some(feed) = inner.state().feed(&name) {
            feed.saw(seen);
        }
        let result = match result {
            Ok(Found::Untouched) => {
                if let Some(feed) = inner.state().feed(&name) {
                    feed.untouched();
                }
                continue;
            }
            Ok(Found::Current) => Ok(false),
            Ok(Found::New(new)) => {
                let (inner, name, wake) = (Arc::clone(&inner), name.clone(), Arc::clone(&wake));
                match tokio::task::spawn_blocking(move || inner.take(&name, &wake, *new)).await {
                    Ok(Ok(())) => Ok(true),
                    Ok(Err(error)) => Err(crate::cause::cause(&error)),
                    Err(error) => Err(error.to_string()),
                }
            }
            Err(error) => Err(told(&error)),
        };
        failures = if result.is_ok() { 0 } else { failures + 1 };
        inner.looked(&name, result);
    }
}

/// Time until the next look: after a failure not the whole interval, which may be days.
fn pause(interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        more => interval.min(AGAIN.saturating_mul(1 << (more - 1).min(16))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_failed_is_asked_again_soon_and_then_ever_later() {
        let hour = Duration::from_hours(1);
        let pauses = [0, 1, 2, 3, 7, 8, 1000].map(|failures| pause(hour, failures).as_secs());
        assert_eq!(pauses, [3600, 30, 60, 120, 1920, 3600, 3600]);
        assert_eq!(pause(Duration::from_secs(1), 5), Duration::from_secs(1));
    }
}
