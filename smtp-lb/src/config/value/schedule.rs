//! Hours, dates and time zones of schedules.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::Fault;
use crate::config::diagnostic::quote;

/// Reads `"08:00-18:00"` or `"08:00:00-18:30:15"`. The end may be `24:00`: none before the day's.
pub(crate) fn hours(text: &str) -> Result<(Time, Option<Time>), Fault> {
    let fault = || {
        Fault::new(
            format!("{} is not a time of day", quote(text)),
            "write beginning and end, as `\"08:00-18:00\"`, with seconds if need be",
        )
    };
    let (begin, end) = text.split_once('-').ok_or_else(fault)?;
    let begin = time(begin.trim()).ok_or_else(fault)?;
    let end = match end.trim() {
        "24:00" | "24:00:00" | "00:00" | "00:00:00" => None,
        end => Some(time(end).ok_or_else(fault)?),
    };
    if end == Some(begin) {
        return Err(Fault::new(
            format!("{} is no time at all", quote(text)),
            "write `\"00:00-24:00\"` for the whole day",
        ));
    }
    Ok((begin, end))
}

fn time(text: &str) -> Option<Time> {
    let mut numbers = text.split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    });
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = match numbers.next() {
        Some(second) => second?,
        None => 0,
    };
    if numbers.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

/// Reads `"2026-12-24"` or `"2026-12-24/2026-12-26"`, ends included.
pub(crate) fn dates(text: &str) -> Result<(Date, Date), Fault> {
    let date = |text: &str| {
        let text = text.trim();
        // Nothing but the date: what is behind it would be left out without a word.
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        plain
            .then(|| text.parse::<Date>().ok())
            .flatten()
            .ok_or_else(|| {
                Fault::new(
                    format!("{} is not a date", quote(text)),
                    "write `\"2026-12-24\"`, or first and last as `\"2026-12-24/2026-12-26\"`",
                )
            })
    };
    let (first, last) = match text.split_once('/') {
        Some((first, last)) => (date(first)?, date(last)?),
        None => (date(text)?, date(text)?),
    };
    if last < first {
        return Err(Fault::new(
            format!("{} ends before it begins", quote(text)),
            format!("write `\"{last}/{first}\"`"),
        ));
    }
    Ok((first, last))
}

/// Reads the name of a time zone.
pub(crate) fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text).map_err(|_| {
        Fault::new(
            format!("there is no time zone {}", quote(text)),
            "write a name of the IANA database, as `\"Europe/Berlin\"` or `\"UTC\"`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn faults() {
        for (text, message) in [
            ("8:00-9:00", "`8:00-9:00` is not a time of day"),
            ("08:00", "`08:00` is not a time of day"),
            ("08:00-25:00", "`08:00-25:00` is not a time of day"),
            ("08:00-08:60", "`08:00-08:60` is not a time of day"),
            (
                "08:00-09:00:00:00",
                "`08:00-09:00:00:00` is not a time of day",
            ),
            ("24:00-09:00", "`24:00-09:00` is not a time of day"),
            ("08:00-08:00:00", "`08:00-08:00:00` is no time at all"),
        ] {
            assert_eq!(hours(text).unwrap_err().message, message);
        }
        for (text, message) in [
            ("2026-02-30", "`2026-02-30` is not a date"),
            ("2026-12-24T10:00", "`2026-12-24T10:00` is not a date"),
            ("2026-12-24/", "`` is not a date"),
            (
                "2026-12-26/2026-12-24",
                "`2026-12-26/2026-12-24` ends before it begins",
            ),
        ] {
            assert_eq!(dates(text).unwrap_err().message, message);
        }
        assert_eq!(
            zone("Europe/Berlni").unwrap_err().message,
            "there is no time zone `Europe/Berlni`"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text: String) {
            let _ = (hours(&text), dates(&text), zone(&text));
        }
    }
}
