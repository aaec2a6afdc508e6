//! F5's feed lists: `address,mask,bl|wl,category`, all but the address optional.

use super::super::ranges::ALLOW_TAG;
use super::{Entry, LineFault, Rules, address, before_comment};

pub(super) fn line(text: &str, rules: &Rules) -> Result<Option<Entry>, LineFault> {
    let Some(text) = before_comment(text) else {
        return Ok(None);
    };
    let mut fields = text.split(',').map(str::trim);
    let mut field = || fields.next().unwrap_or_default();
    let (network, mask, kind, category) = (field(), field(), field(), field());
    let (first, last) = if mask.is_empty() {
        address::network(network)?
    } else {
        address::masked(network, mask)?
    };
    let tag = match kind {
        "" => rules.tag_of(category),
        _ if kind.eq_ignore_ascii_case("bl") => rules.tag_of(category),
        _ if kind.eq_ignore_ascii_case("wl") => ALLOW_TAG,
        _ => return Err(LineFault::NoList),
    };
    Ok(Some(Entry { first, last, tag }))
}
