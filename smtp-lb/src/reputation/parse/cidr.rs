//! A network a line: Spamhaus DROP's text, `FireHOL`'s netsets.

use super::{Entry, LineFault, Rules, address, before_comment};

pub(super) fn line(text: &str, rules: &Rules) -> Result<Option<Entry>, LineFault> {
    let Some(text) = before_comment(text) else {
        return Ok(None);
    };
    let (first, last) = address::network(text)?;
    let tag = rules.tag;
    Ok(Some(Entry { first, last, tag }))
}
