//! `[[firewall.schedule]]`: when rules are in force.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// On while day, date and hour all fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePlan {
    /// Unique name.
    pub name: String,
    /// Monday first.
    pub days: [bool; 7],
    /// Beginning and end, which is excluded; no end is the day's. One that ends before it begins
    /// ends on the next day and belongs to the day on which it begins. Empty: the whole day.
    pub hours: Vec<(Time, Option<Time>)>,
    /// First and last, both included. Empty: every date.
    pub dates: Vec<(Date, Date)>,
    /// Where days and hours are told.
    pub zone: TimeZone,
}

impl SchedulePlan {
    /// Whether it is on at a moment.
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.zone.clone());
        let (date, time) = (local.date(), local.time());
        if self.hours.is_empty() {
            return self.fits(date);
        }
        self.hours.iter().any(|(begin, end)| match end {
            Some(end) if end < begin => {
                (time >= *begin && self.fits(date))
                    || (time < *end && date.yesterday().is_ok_and(|day| self.fits(day)))
            }
            end => time >= *begin && end.is_none_or(|end| time < end) && self.fits(date),
        })
    }

    fn fits(&self, date: Date) -> bool {
        let day = usize::from(date.weekday().since(Weekday::Monday).unsigned_abs());
        self.days.get(day).copied().unwrap_or(false)
            && (self.dates.is_empty()
                || self
                    .dates
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&date)))
    }
}

/// `mon tue, 08:00:00-18:00:00, 2026-12-24/2026-12-26, Europe/Berlin`.
impl fmt::Display for SchedulePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days = DAYS.iter().zip(self.days).filter(|(_, on)| *on);
        let days: Vec<&str> = days.map(|(day, _)| *day).collect();
        let hours = self.hours.iter().map(|(begin, end)| match end {
            Some(end) => format!("{begin}-{end}"),
            None => format!("{begin}-24:00"),
        });
        let dates = self.dates.iter();
        let dates = dates.map(|(first, last)| format!("{first}/{last}"));
        write!(f, "{}", days.join(" "))?;
        for part in hours.chain(dates) {
            write!(f, ", {part}")?;
        }
        write!(f, ", {}", self.zone.iana_name().unwrap_or("UTC"))
    }
}

impl super::FirewallPlan {
    /// The names of the schedules that are on at a moment.
    #[must_use]
    pub fn schedules_on(&self, now: Timestamp) -> BTreeSet<String> {
        let on = self.schedules.iter().filter(|schedule| schedule.is_on(now));
        on.map(|schedule| schedule.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::schedule::{dates, hours, zone};

    fn schedule(days: &str, times: &[&str], on: &[&str], place: &str) -> SchedulePlan {
        let mut week = [false; 7];
        for (day, letter) in week.iter_mut().zip(days.chars()) {
            *day = letter != '-';
        }
        SchedulePlan {
            name: "s".into(),
            days: week,
            hours: times.iter().map(|text| hours(text).unwrap()).collect(),
            dates: on.iter().map(|text| dates(text).unwrap()).collect(),
            zone: zone(place).unwrap(),
        }
    }

    #[test]
    fn days_hours_dates_and_zones() {
        let office = schedule("MTWTF--", &["08:00-12:00", "13:00-18:00"], &[], "UTC");
        let night = schedule("----F--", &["22:00-06:30"], &[], "Europe/Berlin");
        let feast = schedule("MTWTFSS", &[], &["2026-12-24/2026-12-26"], "UTC");
        let late = schedule("MTWTFSS", &["23:00-24:00"], &["2026-12-24"], "UTC");
        // 25 October 2026, 03:00 summer time is 02:00 again.
        let twice = schedule("MTWTFSS", &["02:30-02:45"], &[], "Europe/Berlin");
        for (schedule, time, on) in [
            // A Friday.
            (&office, "2026-03-06T07:59:59.9Z", false),
            (&office, "2026-03-06T08:00:00Z", true),
            (&office, "2026-03-06T11:59:59.999Z", true),
            (&office, "2026-03-06T12:00:00Z", false),
            (&office, "2026-03-06T13:00:00Z", true),
            (&office, "2026-03-07T13:00:00Z", false),
            // 22:00 in Berlin, on Friday, to 06:30 on Saturday; not from Thursday into Friday.
            (&night, "2026-03-06T20:59:59Z", false),
            (&night, "2026-03-06T21:00:00Z", true),
            (&night, "2026-03-07T05:29:59Z", true),
            (&night, "2026-03-07T05:30:00Z", false),
            (&night, "2026-03-06T04:00:00Z", false),
            (&night, "2026-07-03T20:00:00Z", true),
            (&feast, "2026-12-23T23:59:59Z", false),
            (&feast, "2026-12-24T00:00:00Z", true),
            (&feast, "2026-12-26T23:59:59Z", true),
            (&feast, "2026-12-27T00:00:00Z", false),
            (&late, "2026-12-24T23:59:59.999Z", true),
            (&late, "2026-12-25T00:00:00Z", false),
            (&twice, "2026-10-25T00:35:00Z", true),
            (&twice, "2026-10-25T00:50:00Z", false),
            (&twice, "2026-10-25T01:35:00Z", true),
        ] {
            let now: Timestamp = time.parse().unwrap();
            assert_eq!(schedule.is_on(now), on, "{time} {:?}", schedule.hours);
        }
    }
}
