//! What is wrong with a configuration file, where, and what to write instead.

mod mask;
mod render;

use std::ops::Range;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeSeq, Serializer};

pub(crate) use self::mask::mask;

/// Diagnostics kept of one file; more are counted.
const MAX_KEPT: usize = 100;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but hardly means what it says.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    severity: Severity,
    span: Range<usize>,
    message: String,
    help: String,
    /// Another place that belongs to it, and why.
    also: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// `help` says what to write instead.
    pub(crate) fn new(
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: escape(&message.into()),
            help: escape(&help.into()),
            also: None,
        }
    }

    /// Points at a second place.
    pub(crate) fn also(mut self, span: Range<usize>, why: &str) -> Self {
        self.also = Some((span, escape(why)));
        self
    }
}

/// Proof that an error was reported: a check that cannot give its value gives this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported(());

/// Collects the diagnostics of one file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Takes an error.
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) -> Reported {
        self.errors += 1;
        if self.errors <= MAX_KEPT {
            self.kept.push(diagnostic);
        }
        Reported(())
    }

    /// Takes a warning.
    pub(crate) fn warning(&mut self, diagnostic: Diagnostic) {
        self.warnings += 1;
        if self.warnings <= MAX_KEPT {
            self.kept.push(Diagnostic {
                severity: Severity::Warning,
                ..diagnostic
            });
        }
    }

    /// Whether further errors would only be counted, so that making them helpful is waste.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= MAX_KEPT
    }

    /// `Ok` with the warnings if there was no error, else the errors; each in file order.
    pub(crate) fn finish(self, name: &str, text: &str) -> Result<Diagnostics, Diagnostics> {
        let severity = if self.errors == 0 {
            Severity::Warning
        } else {
            Severity::Error
        };
        let total = if self.errors == 0 {
            self.warnings
        } else {
            self.errors
        };
        let mut items = self.kept;
        // A file with errors was read only in part, so its warnings mean little.
        items.retain(|item| item.severity == severity);
        items.sort_by_key(|item| item.span.start);
        let diagnostics = Diagnostics {
            name: escape(name),
            text: if items.is_empty() {
                Arc::from("")
            } else {
                Arc::from(mask(text))
            },
            omitted: total - items.len(),
            items,
        };
        if severity == Severity::Error {
            Err(diagnostics)
        } else {
            Ok(diagnostics)
        }
    }
}

/// Everything found wrong with one file, in its order.
///
/// `Display` shows each with its line, the text at fault underlined, and what to write instead.
/// Serialized, it is a list of objects with `severity`, `file`, `line`, `column` (both from 1,
/// columns in characters), `text`, `message` and `help`. Secrets in the text are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    name: String,
    text: Arc<str>,
    items: Vec<Diagnostic>,
    /// Found but not kept.
    omitted: usize,
}

/// One diagnostic with its place worked out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Located<'a> {
    /// Error or warning.
    pub severity: Severity,
    /// Name of the file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The text at fault.
    pub text: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What to write instead.
    pub help: &'a str,
}

impl Diagnostics {
    /// Number of diagnostics, those too many to keep included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len() + self.omitted
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each that was kept (the first 100), in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = Located<'_>> {
        self.items.iter().map(|item| self.locate(item))
    }

    fn locate<'a>(&'a self, item: &'a Diagnostic) -> Located<'a> {
        let span = self.clamp(&item.span);
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Located {
            severity: item.severity,
            file: &self.name,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            text: self.text.get(span).unwrap_or_default(),
            message: &item.message,
            help: &item.help,
        }
    }

    /// The span within the text, on character boundaries, so that it can always be shown.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let floor = |at: usize| self.text.floor_char_boundary(at.min(self.text.len()));
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        for item in self.iter() {
            list.serialize_element(&item)?;
        }
        list.end()
    }
}

/// A piece of the file inside a message: in backticks, not too long, and never a key.
pub(crate) fn quote(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    if text.contains("-----BEGIN") {
        return "`…`".to_owned();
    }
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Text that cannot move the cursor, colour the terminal or reorder the line.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => safe.push(c),
            _ => safe.extend(c.escape_debug()),
        }
    }
    safe
}
