//! What was measured, as it is kept between sections and the report.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::load::{Load, Which};
use crate::compare::statistics::Summary;
use crate::kept;
use crate::machine::Machine;

/// Where the results of sections are kept.
const FOLDER: &str = "target/bench-firewall";

/// What is measured apart from the rest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Section {
    /// Every verdict path beside feeds of every size.
    Paths,
    /// Many rules beside few.
    Rules,
    /// Look-ups beside an `LPM_TRIE`.
    Lookups,
    /// Loading a feed.
    Load,
    /// Packets a second in namespaces, beside other filters.
    Rate,
}

impl Section {
    /// In the order of the report.
    pub(crate) const ALL: [Self; 5] = [
        Self::Paths,
        Self::Rules,
        Self::Lookups,
        Self::Load,
        Self::Rate,
    ];

    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Paths => "paths",
            Self::Rules => "rules",
            Self::Lookups => "lookups",
            Self::Load => "load",
            Self::Rate => "rate",
        }
    }
}

/// A cell of a table: a value of each round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) row: String,
    pub(crate) column: String,
    pub(crate) values: Vec<f64>,
    /// Beside the values, of the same rounds.
    #[serde(default)]
    pub(crate) beside: Vec<f64>,
}

impl Cell {
    /// An empty one.
    pub(crate) fn new(row: impl Into<String>, column: impl Into<String>) -> Self {
        Self {
            row: row.into(),
            column: column.into(),
            values: Vec::new(),
            beside: Vec::new(),
        }
    }

    /// Its median and spread.
    pub(crate) fn summary(&self) -> Result<Summary> {
        Summary::of(&self.values).context("no rounds")
    }
}

/// The result of a section.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) cells: Vec<Cell>,
    #[serde(default)]
    pub(crate) loads: Vec<(Which, String, Vec<Load>)>,
}

impl Results {
    /// The cell of a row and column.
    pub(crate) fn cell(&self, row: &str, column: &str) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.row == row && cell.column == column)
    }

    /// Names in the order in which they first come.
    pub(crate) fn names(&self, of: impl Fn(&Cell) -> &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for cell in &self.cells {
            if !names.iter().any(|name| name == of(cell)) {
                names.push(of(cell).to_owned());
            }
        }
        names
    }
}

/// A section's results with what they were measured by.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    /// The machine without its load.
    pub(crate) machine: String,
    /// Load averages over the last minute, before and after.
    pub(crate) load: [String; 2],
    /// Seconds that the section took.
    pub(crate) seconds: f64,
    pub(crate) results: Results,
}

impl Kept {
    /// Keeps them.
    pub(crate) fn save(&self, section: Section) -> Result<()> {
        kept::save(FOLDER, section.name(), self)
    }

    /// Those kept of a section, if there are.
    pub(crate) fn of(section: Section) -> Result<Option<Self>> {
        kept::of(FOLDER, section.name())
    }
}

/// The machine in words, without its load.
pub(crate) fn machine() -> Result<String> {
    let machine = Machine::look()?;
    Ok(format!(
        "{}, {}; kernel {}",
        machine.cpu, machine.memory, machine.kernel
    ))
}
