//! The last good copy of each feed on disk, for a start while its source is away.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::look::{Stamp, read};
use super::parse::{Parsed, Rules};
use crate::chance;
use crate::config::plan::{FeedPlan, FeedSource};

/// How files are named that are being written.
const PARTIAL: &str = ".partial";

/// A file that goes when this is dropped.
#[derive(Debug)]
pub(super) struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It may have been renamed, which is as well.
        let _ = fs::remove_file(&self.0);
    }
}

impl Partial {
    /// A new, empty file, of ours alone.
    pub(super) fn new(folder: Option<&Path>) -> io::Result<(Self, File)> {
        let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = folder.join(format!(".{:016x}{PARTIAL}", chance::draw()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok((Self(path), file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn rename(self, to: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::rename(&self.0, to)
    }
}

/// Where a source is, as a stamp has it.
pub(super) fn source(plan: &FeedPlan) -> String {
    match &plan.source {
        FeedSource::File(path) => path.display().to_string(),
        FeedSource::Https { url, .. } => url.clone(),
    }
}

/// Keeps what is in force of a feed. What cannot be kept is in force all the same.
pub(super) fn keep(folder: &Path, name: &str, copy: Partial, stamp: &Stamp) {
    let (feed, known) = places(folder, name);
    let kept = || -> io::Result<()> {
        // The stamp last, and away first: it must never speak of another file.
        if let Err(error) = fs::remove_file(&known)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        copy.rename(&feed)?;
        let (partial, file) = Partial::new(Some(folder))?;
        serde_json::to_writer(file, stamp)?;
        partial.rename(&known)?;
        File::open(folder)?.sync_all()
    };
    if let Err(error) = kept() {
        tracing::warn!(feed = name, "cannot keep it: {error}");
    }
}

/// What was kept of a feed, if it is of the same source and can be read still.
pub(super) fn kept(folder: &Path, plan: &FeedPlan, rules: &Rules) -> Option<(Parsed, Stamp)> {
    let (feed, known) = places(folder, &plan.name);
    let stamp: Stamp = serde_json::from_slice(&fs::read(known).ok()?).ok()?;
    if stamp.source != source(plan) {
        return None;
    }
    read(&feed, rules).ok().map(|parsed| (parsed, stamp))
}

/// Takes away what is kept of feeds that are no more.
pub(super) fn forget_others(folder: &Path, plans: &[FeedPlan]) {
    let own: Vec<PathBuf> = plans
        .iter()
        .flat_map(|plan| <[PathBuf; 2]>::from(places(folder, &plan.name)))
        .collect();
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        let ours = path
            .extension()
            .is_some_and(|it| it == "feed" || it == "stamp");
        if ours && !own.contains(&path) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Takes away what a crash has left half written. Only at a start: later such files are in use.
pub(super) fn sweep(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().ends_with(PARTIAL) {
            let _ = fs::remove_file(file.path());
        }
    }
}

fn places(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let name = file_name(name);
    (
        folder.join(format!("{name}.feed")),
        folder.join(format!("{name}.stamp")),
    )
}

/// A feed's name as that of a file: it may hold slashes.
fn file_name(name: &str) -> String {
    name.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(octet).to_string(),
            _ => format!("%{octet:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(file_name("drop-v4_1"), "drop-v4_1");
        assert_eq!(file_name("../etc"), "%2e%2e%2fetc");
        assert_ne!(file_name("a.b"), file_name("a-b"));
    }
}
