//! What goes to the terminal: JSON or text, tables, complaints.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::error::CliError;
use super::escape;
use crate::app::cause;

/// Where and how results are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or as `text` makes it.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        if self.json {
            let json = serde_json::to_string_pretty(value).map_err(CliError::Json)?;
            Self::print(&format!("{}\n", escape::json(&json)))
        } else {
            Self::print(&text(value))
        }
    }

    /// Prints `text`, which is safe already. A reader that has left is no error: it has seen
    /// what it wanted.
    pub(super) fn print(text: &str) -> Result<(), CliError> {
        Self::print_more(text).map(drop)
    }

    /// The same, and tells whether the reader is still there.
    pub(super) fn print_more(text: &str) -> Result<bool, CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(CliError::Output(error)),
        }
    }
}

/// Prints why a command failed, and what may help.
pub(super) fn complain(error: &CliError) {
    let text = cause(error);
    // Diagnostics of a configuration begin with the word themselves.
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut text = format!("error: {}\n", escape::lines(text.trim_end()));
    if let Some(hint) = error.hint() {
        text.push_str("hint: ");
        text.push_str(hint);
        text.push('\n');
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A table without lines, as `grep` and `awk` like it. Columns whose heading starts with `#`
/// hold numbers. Empty when there are no rows.
pub(super) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(
        headings
            .iter()
            .map(|heading| heading.trim_start_matches('#')),
    );
    for row in rows {
        table.add_row(row.iter().map(|cell| match escape::line(cell) {
            // Never empty, so that columns can be counted.
            cell if cell.is_empty() => "-".to_owned(),
            cell => cell.into_owned(),
        }));
    }
    if table.is_empty() {
        return String::new();
    }
    for (column, heading) in table.column_iter_mut().zip(headings) {
        column.set_padding((0, 2));
        if heading.starts_with('#') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Seconds in words, as `3d 4h 5m 6s`.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, _, _) => format!("{hours}h {minutes}m {seconds}s"),
        _ => format!("{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// Seconds since the Unix epoch as RFC 3339 writes them.
pub(super) fn moment(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::{duration, moment, table};

    #[test]
    fn tables_are_aligned_and_escaped() {
        let rows = [
            vec!["a".to_owned(), "5".to_owned(), String::new()],
            vec![
                "evil\u{1b}[2J\n".to_owned(),
                "1234".to_owned(),
                "x".to_owned(),
            ],
        ];
        assert_eq!(
            table(&["NAME", "#COUNT", "WHY"], rows),
            "NAME                COUNT  WHY\n\
             a                       5  -\n\
             evil\\u{1b}[2J\\u{a}   1234  x\n"
        );
        assert_eq!(table(&["NAME"], []), "");
    }

    #[test]
    fn times_in_words() {
        let table = [
            (0, "0s"),
            (61, "1m 1s"),
            (3_600, "1h 0m 0s"),
            (90_061, "1d 1h 1m 1s"),
        ];
        for (seconds, words) in table {
            assert_eq!(duration(seconds), words);
        }
        assert_eq!(moment(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(moment(u64::MAX), u64::MAX.to_string());
    }
}
