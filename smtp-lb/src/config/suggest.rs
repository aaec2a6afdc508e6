//! Did you mean …?

/// Longer than this, nothing is compared: no key or name is so long.
const MAX_LEN: usize = 64;

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_LEN {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .filter(|candidate| candidate.len() <= MAX_LEN)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        // A third of the letters may be wrong, and one of a short word, but not every one.
        .filter(|(distance, candidate)| {
            *distance <= (candidate.len() / 3).max(1) && *distance < candidate.len()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The known words, the first ten of them.
pub(crate) fn list<'a>(mut known: impl Iterator<Item = &'a str>) -> String {
    let shown: Vec<String> = known
        .by_ref()
        .take(10)
        .map(|word| format!("`{word}`"))
        .collect();
    let more = if known.next().is_some() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
