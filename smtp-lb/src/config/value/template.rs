//! Text of replies in which words in braces stand for others.

use super::Fault;
use crate::config::diagnostic::quote;

/// Holds that a text is one printable line of ASCII, with no braces but those of `words`. The two helps
/// say what to write in place of a line that is none, and of other words.
pub(crate) fn check(text: &str, words: &[&str], line: &str, known: &str) -> Result<(), Fault> {
    // Most of all no line break: what follows it would be a reply of its own.
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(Fault::new(
            format!("{} is not one line of ASCII", quote(text)),
            line,
        ));
    }
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from) = rest.split_at(at);
        let Some(after) = words.iter().find_map(|it| from.strip_prefix(*it)) else {
            let end = from.find('}').map_or(from.len().min(1), |end| end + 1);
            return Err(Fault::new(
                format!("{} is no placeholder", quote(&from[..end])),
                known,
            ));
        };
        rest = after;
    }
    Ok(())
}
