//! Feeds to the image in force.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::{Inner, ServiceError};
use crate::reputation::image::{self, Compiled};
use crate::reputation::kept;
use crate::reputation::look::New;
use crate::reputation::names::Names;
use crate::reputation::ranges::Tagged;
use crate::reputation::status::ImageStatus;

/// Who holds it may replace feeds and the image.
pub(super) type Turn<'a> = MutexGuard<'a, ()>;

/// What a feed is to say from now on.
type Instead<'a> = (&'a str, &'a Arc<Tagged>);

impl Inner {
    pub(super) fn turn(&self) -> Turn<'_> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles all feeds and puts them in force, or says that it cannot be.
    pub(super) fn compile_or_tell(&self, turn: &Turn<'_>) {
        match self.compile(turn, None) {
            Ok(()) => self.keep(),
            Err(error) => {
                tracing::error!("reputation stays as it was: {error}");
                self.tell("reputation_failed", error.to_string());
            }
        }
    }

    fn compile(&self, _: &Turn<'_>, instead: Option<Instead<'_>>) -> Result<(), ServiceError> {
        let began = Instant::now();
        let (mut feeds, categories, sets, generation) = {
            let state = self.state();
            (
                state.sources(),
                state.names.categories.clone(),
                state.names.sets.clone(),
                state.image.generation + 1,
            )
        };
        if let Some((name, entries)) = instead
            && let Some(feed) = feeds.iter_mut().find(|feed| feed.0 == name)
        {
            feed.1 = Arc::clone(entries);
        }
        let sources: Vec<image::Feed<'_>> = feeds
            .iter()
            .map(|(name, entries)| (name.as_str(), &**entries))
            .collect();
        let mut compiled: Compiled = image::compile(&sources, &categories, &sets, generation)?;
        let hits = self.hits();
        let (names, known) = {
            let mut state = self.state();
            state.count(&hits);
            state.known.overlay(&compiled.sets);
            let names = Names {
                sets: compiled.sets.clone(),
                ..state.names.clone()
            };
            (names, state.known.clone())
        };
        // Maps of plain strings and numbers cannot fail to serialise.
        compiled.name(&serde_json::to_vec(&names).unwrap_or_default());
        // Names before the image: no event is ever nameless.
        self.firewall.name_sets(known);
        self.firewall.put_reputation(&compiled.lines)?;
        let mut state = self.state();
        state.names.sets = names.sets;
        state.image = ImageStatus {
            generation,
            bytes: size_of_val(compiled.lines.as_slice()) as u64,
            sets: state.names.sets.iter().count(),
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        Ok(())
    }

    /// Puts on disk what is in force and not kept yet.
    fn keep(&self) {
        let unkept: Vec<_> = {
            let mut state = self.state();
            let feeds = state.feeds.iter_mut();
            let unkept = feeds.map(|feed| (feed.plan.name.clone(), feed.unkept()));
            unkept.collect()
        };
        for (name, unkept) in unkept {
            if let (Some(folder), Some((copy, stamp))) = (&self.folder, unkept) {
                kept::keep(folder, &name, copy, &stamp);
            }
        }
    }

    /// A feed has something new, which comes into force or changes nothing. `wake` says which feed
    /// of the name it is: another one may have taken its place.
    pub(super) fn take(
        &self,
        name: &str,
        wake: &Arc<Notify>,
        mut new: New,
    ) -> Result<(), ServiceError> {
        let turn = self.turn();
        let is_there = self.state().feed(name).is_some_and(|feed| feed.is(wake));
        if !is_there {
            return Ok(());
        }
        let entries = Arc::new(std::mem::take(&mut new.parsed.entries));
        self.compile(&turn, Some((name, &entries)))?;
        if let Some(feed) = self.state().feed(name) {
            feed.take(new, entries);
        }
        self.keep();
        Ok(())
    }

    /// A look has ended.
    pub(super) fn looked(&self, name: &str, result: Result<bool, String>) {
        let told = {
            let mut state = self.state();
            let Some(feed) = state.feed(name) else { return };
            feed.looked(result)
        };
        if let Some((what, detail)) = told {
            tracing::info!(feed = name, "{what}: {detail}");
            self.tell(what, format!("{name}: {detail}"));
        }
    }
}
