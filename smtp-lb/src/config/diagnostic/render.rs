//! Diagnostics as a person reads them.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Severity};

/// Bytes of the file shown around one diagnostic, at most. Two places further apart than this
/// are not shown together.
const MAX_WINDOW: usize = 16 * 1024;

impl Diagnostics {
    /// As `Display`, in colour if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut out: Vec<String> = self
            .items
            .iter()
            .map(|item| renderer.render(&[self.group(item)]))
            .collect();
        if self.omitted > 0 {
            out.push(format!("and {} more like these", self.omitted));
        }
        out.join("\n\n")
    }

    fn group<'a>(&'a self, item: &'a Diagnostic) -> Group<'a> {
        let level = match item.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let at = self.clamp(&item.span);
        let also = item
            .also
            .as_ref()
            .map(|(span, why)| (self.clamp(span), why.as_str()));
        let mut window = self.lines(&at);
        let mut annotations: Vec<(AnnotationKind, Range<usize>, Option<&str>)> =
            vec![(AnnotationKind::Primary, at, None)];
        if let Some((span, why)) = also {
            let theirs = self.lines(&span);
            let both = window.start.min(theirs.start)..window.end.max(theirs.end);
            if both.len() <= MAX_WINDOW {
                window = both;
                annotations.push((AnnotationKind::Context, span, Some(why)));
            }
        }
        let start = window.start;
        let shown = self.text.get(window).unwrap_or_default();
        let snippet =
            Snippet::source(shown)
                .path(self.name.as_str())
                .line_start(
                    self.text
                        .get(..start)
                        .unwrap_or_default()
                        .matches('\n')
                        .count()
                        + 1,
                )
                .annotations(annotations.into_iter().map(
                    |(kind, span, label)| -> Annotation<'a> {
                        // Only what lies within the window: its first line, if it is a long list.
                        let local = span.start - start..(span.end - start).min(shown.len());
                        kind.span(local).label(label)
                    },
                ));
        level
            .primary_title(item.message.as_str())
            .element(snippet)
            .element(Level::HELP.message(item.help.as_str()))
    }

    /// The whole lines that hold `span`; for a long one, those around its beginning.
    fn lines(&self, span: &Range<usize>) -> Range<usize> {
        let text = &*self.text;
        let start = text
            .get(..span.start)
            .and_then(|t| t.rfind('\n'))
            .map_or(0, |at| at + 1);
        let end_of_line = |from: usize| {
            text.get(from..)
                .and_then(|t| t.find('\n'))
                .map_or(text.len(), |at| from + at)
        };
        let whole = start..end_of_line(span.end);
        if whole.len() <= MAX_WINDOW {
            whole
        } else {
            start..end_of_line(span.start)
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
