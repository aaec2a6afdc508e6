//! Added entries on disk, by names and dates, which hold over a reboot.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smtp_lb_common::added::Entry;

use super::{Moment, New, TTL, entry, shown};
use crate::reputation::kept::Partial;
use crate::reputation::status::Origin;

/// Name of the file.
const NAME: &str = "added.json";
/// Octets of it: all places are taken, with the longest reasons.
const MOST: u64 = 32 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    network: IpNet,
    category: String,
    /// Seconds since the Unix epoch.
    until: u64,
    since: u64,
    origin: Origin,
    reason: String,
}

/// Writes those that hold still.
pub(super) fn write(
    folder: &Path,
    entries: &[(IpNet, Entry)],
    categories: &[String],
    now: Moment,
) -> io::Result<()> {
    let (partial, file) = Partial::new(Some(folder))?;
    let mut file = BufWriter::new(file);
    for (network, entry) in entries {
        let shown = shown(*network, entry, now, categories);
        if shown.left == 0 || shown.category.is_empty() {
            continue;
        }
        let line = Line {
            network: *network,
            category: shown.category,
            until: now.date.saturating_add(shown.left),
            since: shown.since,
            origin: shown.origin,
            reason: shown.reason,
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    partial.rename(&folder.join(NAME))
}

/// Reads those that hold still and whose category there is. What makes no sense is left out, with
/// a warning.
pub(super) fn read(folder: &Path, categories: &[String], now: Moment) -> Vec<(IpNet, Entry)> {
    let mut text = String::new();
    let read = File::open(folder.join(NAME)).and_then(|it| it.take(MOST).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!("added reputation entries cannot be read: {error}");
            return Vec::new();
        }
    }
    let mut bad = 0;
    let entries = text.lines().filter_map(|line| {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            bad += 1;
            return None;
        };
        let category = categories.iter().position(|own| *own == line.category)?;
        let ttl = Duration::from_secs(line.until.saturating_sub(now.date));
        let new = New {
            network: line.network,
            category: u32::try_from(category).ok()?,
            // A clock that was set back must not make them last.
            ttl: ttl.min(*TTL.end()),
            origin: line.origin,
            reason: &line.reason,
        };
        let since = line.since;
        let entry = Entry {
            since,
            ..entry(&new, now)
        };
        (entry.expires > now.ticks).then_some((line.network, entry))
    });
    let entries = entries.collect();
    if bad > 0 {
        tracing::warn!("{bad} added reputation entries make no sense and are forgotten");
        let _ = fs::copy(folder.join(NAME), folder.join(format!("{NAME}.corrupt")));
    }
    entries
}
