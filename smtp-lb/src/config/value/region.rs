//! Codes of regions.

use super::Fault;
use crate::config::diagnostic::quote;

/// Reads a code of ISO 3166-1, two letters.
pub(crate) fn code(text: &str) -> Result<String, Fault> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    let help = match text {
        "uk" | "UK" => "write `\"GB\"`".to_owned(),
        _ if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            format!("write `\"{}\"`", text.to_ascii_uppercase())
        }
        _ => "write the two letters of a country by ISO 3166-1, as `\"DE\"`".to_owned(),
    };
    Err(Fault::new(
        format!("{} is not the code of a region", quote(text)),
        help,
    ))
}
