//! Follows the profiles' files while the daemon runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Profiles;
use super::profile::News;
use crate::event::Bus;
use crate::event::model::{Kind, SystemEvent};

/// A certificate and its key are written one after the other: what comes so soon is one change.
const SETTLE: Duration = Duration::from_millis(500);
/// For what the kernel does not tell (network file systems, links to other folders), and for
/// what changes by time alone.
const POLL: Duration = Duration::from_mins(1);

/// The task that follows the files of one plan; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    /// Begins. Needs a tokio runtime around it. Tells of changes to the log and to `bus`.
    pub(crate) fn start(profiles: Arc<Profiles>, bus: Bus) -> Self {
        Self(tokio::spawn(follow(profiles, bus)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn follow(profiles: Arc<Profiles>, bus: Bus) {
    if profiles.is_empty() {
        return;
    }
    // One place suffices: what counts is that something happened.
    let (sender, mut changes) = mpsc::channel(1);
    let watcher = watcher(&profiles, sender);
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // The first tick is at once: ends of certificates are told at the start.
        tokio::select! {
            () = changed(&mut changes, watcher.is_some()) => {}
            _ = poll.tick() => {}
        }
        let (looked, bus) = (Arc::clone(&profiles), bus.clone());
        let look = tokio::task::spawn_blocking(move || {
            let news = looked.look(SystemTime::now());
            for news in &news {
                tell(news, &bus);
            }
        });
        if let Err(error) = look.await {
            tracing::error!(%error, "the look at certificates' files ended");
        }
    }
}

/// Waits for a change and for the rest of it.
async fn changed(changes: &mut Receiver<()>, watched: bool) {
    if !watched || changes.recv().await.is_none() {
        // Nobody will tell; the poll sees it.
        return std::future::pending().await;
    }
    sleep(SETTLE).await;
    let _ = changes.try_recv();
}

/// Watches folders: a file that is replaced by another would be lost from sight itself.
fn watcher(profiles: &Profiles, sender: Sender<()>) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        // Reading is no change; a failure may hide one.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        let _ = sender.try_send(());
    };
    let watcher = notify::recommended_watcher(told);
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!("files of certificates are only polled: {error}"))
        .ok()?;
    for folder in folders(&profiles.files()) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::warn!("files of certificates in {folder:?} are only polled: {error}");
        }
    }
    Some(watcher)
}

/// Folders of the files, and of those that links lead to.
fn folders(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let real = files.iter().filter_map(|file| file.canonicalize().ok());
    let named = files
        .iter()
        .filter_map(|file| std::path::absolute(file).ok());
    let folder = |file: PathBuf| file.parent().map(Path::to_path_buf);
    real.chain(named).filter_map(folder).collect()
}

fn tell(news: &News, bus: &Bus) {
    let event = |what, detail: String| bus.tell(Kind::System(SystemEvent { what, detail }));
    match news {
        News::Replaced { profile, warnings } => {
            tracing::info!("{profile}: changed files are in force");
            for warning in warnings {
                tracing::warn!("{warning} ({})", warning.notice.help());
            }
            event("tls_reloaded", profile.clone());
        }
        News::Refused { profile, errors } => {
            for error in errors {
                tracing::warn!("{error} ({}); what was in force stays", error.fault.help());
            }
            let causes: Vec<_> = errors.iter().map(ToString::to_string).collect();
            event(
                "tls_reload_failed",
                format!("{profile}: {}", causes.join("; ")),
            );
        }
        News::Expires(warning) => {
            tracing::warn!("{warning} ({})", warning.notice.help());
            event("certificate_expires", warning.to_string());
        }
    }
}
