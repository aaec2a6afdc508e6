//! Cells as text.

use std::fmt::Write as _;

use anyhow::Result;

use super::super::measured::{Cell, Results};

/// Median, least and greatest.
pub(super) fn spread(cell: &Cell, digits: usize) -> Result<String> {
    let all = cell.summary()?;
    Ok(format!(
        "{:.digits$} ({:.digits$} to {:.digits$})",
        all.median, all.min, all.max
    ))
}

/// A table of rows by columns, of the cells wanted.
pub(super) fn pivot(results: &Results, title: &str, wanted: fn(&Cell) -> bool) -> Result<String> {
    let results = Results {
        cells: results
            .cells
            .iter()
            .filter(|cell| wanted(cell))
            .cloned()
            .collect(),
        loads: Vec::new(),
    };
    let columns = results.names(|cell| &cell.column);
    let mut text = format!("| {title} | {} |\n|---|", columns.join(" | "));
    text += &"---|".repeat(columns.len());
    for row in results.names(|cell| &cell.row) {
        write!(text, "\n| {row} |")?;
        for column in &columns {
            match results.cell(&row, column) {
                Some(cell) => write!(text, " {} |", spread(cell, 0)?)?,
                None => text += " - |",
            }
        }
    }
    text.push('\n');
    Ok(text)
}
