//! Sizes: a whole number and a unit.

use std::ops::RangeInclusive;

use super::Fault;
use crate::config::diagnostic::quote;

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `"64KiB"`, `"256MiB"` or `"1GiB"` within bounds, in octets.
pub(crate) fn parse(text: &str, bounds: &RangeInclusive<u64>) -> Result<u64, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (Some((_, scale)), false) = (unit, number.is_empty()) else {
        return Err(Fault::new(
            format!("{} is not a size", quote(text)),
            "write a whole number and one unit of KiB, MiB or GiB, as `\"64MiB\"`",
        ));
    };
    let value = number.parse::<u64>().ok();
    match value.and_then(|number| number.checked_mul(*scale)) {
        Some(value) if bounds.contains(&value) => Ok(value),
        _ => Err(Fault::new(
            format!("{} is out of bounds", quote(text)),
            format!(
                "write a size from `\"{}\"` to `\"{}\"`",
                show(*bounds.start()),
                show(*bounds.end())
            ),
        )),
    }
}

fn show(size: u64) -> String {
    let unit = UNITS.iter().find(|(_, scale)| size.is_multiple_of(*scale));
    unit.map_or_else(
        || size.to_string(),
        |(name, scale)| format!("{}{name}", size / scale),
    )
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_have_units_and_bounds() {
        let bounds = 1 << 10..=1 << 30;
        assert_eq!(parse("64KiB", &bounds), Ok(65_536));
        assert_eq!(parse("1GiB", &bounds), Ok(1 << 30));
        for text in ["", "5", "MiB", "5MB", "-1KiB", "1.5MiB"] {
            assert!(
                parse(text, &bounds)
                    .unwrap_err()
                    .message
                    .contains("is not a size"),
                "{text}"
            );
        }
        for text in ["0KiB", "2GiB", "99999999999999999999GiB"] {
            let fault = parse(text, &bounds).unwrap_err();
            assert_eq!(
                fault.help, "write a size from `\"1KiB\"` to `\"1GiB\"`",
                "{text}"
            );
        }
    }
}
