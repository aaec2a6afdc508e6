//! Durations: a whole number and a unit.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Fault;
use crate::config::diagnostic::quote;

/// Units and their milliseconds, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads `"250ms"`, `"30s"`, `"5m"`, `"1h"` or `"7d"` within bounds.
pub(crate) fn parse(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let not_a_duration = || {
        Fault::new(
            format!("{} is not a duration", quote(text)),
            "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
        )
    };
    if number.is_empty() {
        return Err(not_a_duration());
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(match meant(unit.trim()) {
            Some(meant) if unit.is_empty() => Fault::new(
                format!("{} has no unit", quote(text)),
                format!("write `\"{number}{meant}\"`; the units are ms, s, m, h and d"),
            ),
            Some(meant) => Fault::new(
                format!("{} is not a duration", quote(text)),
                format!("write `\"{number}{meant}\"`"),
            ),
            None => not_a_duration(),
        });
    };
    // What is too long to hold is out of bounds all the more.
    let value = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*scale));
    match value.map(Duration::from_millis) {
        Some(value) if bounds.contains(&value) => Ok(value),
        _ => Err(Fault::new(
            format!("{} is out of bounds", quote(text)),
            format!(
                "write a duration from `\"{}\"` to `\"{}\"`",
                show(*bounds.start()),
                show(*bounds.end())
            ),
        )),
    }
}

/// The duration in the largest unit that holds it whole.
pub(crate) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, scale)| millis.is_multiple_of(u128::from(*scale)))
        .map_or_else(
            || format!("{millis}ms"),
            |(u, scale)| format!("{}{u}", millis / u128::from(*scale)),
        )
}

/// The unit that another spelling means.
fn meant(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" | "msec" | "msecs" | "millis" | "milliseconds" => "ms",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 365);

    #[test]
    fn table() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("007d", 7 * 86_400_000),
        ] {
            assert_eq!(
                parse(text, &ANY),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for (text, message, help) in [
            (
                "30",
                "`30` has no unit",
                "write `\"30s\"`; the units are ms, s, m, h and d",
            ),
            ("30 s", "`30 s` is not a duration", "write `\"30s\"`"),
            ("5min", "`5min` is not a duration", "write `\"5m\"`"),
            ("5M", "`5M` is not a duration", "write `\"5m\"`"),
            (
                "1w",
                "`1w` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                "",
                "`` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                "-1s",
                "`-1s` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                "1.5h",
                "`1.5h` is not a duration",
                "write a whole number and one unit of ms, s, m, h or d, as `\"30s\"`",
            ),
            (
                "366d",
                "`366d` is out of bounds",
                "write a duration from `\"0s\"` to `\"365d\"`",
            ),
            (
                "99999999999999999999s",
                "`99999999999999999999s` is out of bounds",
                "write a duration from `\"0s\"` to `\"365d\"`",
            ),
        ] {
            assert_eq!(parse(text, &ANY), Err(Fault::new(message, help)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn shown_is_read_back(millis in 0_u64..86_400_000 * 365) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration), &ANY), Ok(duration));
        }
    }
}
