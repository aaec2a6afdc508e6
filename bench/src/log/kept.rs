//! What was measured of a way, as it is kept between sections and the report.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Outcome, Subject, Way};

/// Where the results are kept.
const FOLDER: &str = "target/bench-log";

/// The outcomes of a way with what they were measured by.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) rounds: usize,
    /// Of each rate that was tried.
    pub(crate) seconds: f64,
    /// That rsyslog was given in a turn, and their octets on average.
    pub(crate) records: usize,
    pub(crate) octets: usize,
    /// The machine without its load.
    pub(crate) machine: String,
    /// Load averages over the last minute, before and after.
    pub(crate) load: [String; 2],
    /// Seconds that all turns took.
    pub(crate) took: f64,
    pub(crate) outcomes: Vec<(Subject, Vec<Outcome>)>,
}

impl Kept {
    /// Keeps them.
    pub(crate) fn save(&self, way: Way) -> Result<()> {
        fs::create_dir_all(FOLDER)?;
        Ok(fs::write(path(way), serde_json::to_vec(self)?)?)
    }

    /// Those kept of a way, if there are.
    pub(crate) fn of(way: Way) -> Result<Option<Self>> {
        let path = path(way);
        match fs::read(&path) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).with_context(|| path.display().to_string())?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn path(way: Way) -> PathBuf {
    Path::new(FOLDER).join(format!("{way:?}.json").to_lowercase())
}
