//! What was measured of a way, as it is kept between sections and the report.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Outcome, Subject, Way};
use crate::kept;

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
        kept::save(FOLDER, &name(way), self)
    }

    /// Those kept of a way, if there are.
    pub(crate) fn of(way: Way) -> Result<Option<Self>> {
        kept::of(FOLDER, &name(way))
    }
}

fn name(way: Way) -> String {
    format!("{way:?}").to_lowercase()
}
