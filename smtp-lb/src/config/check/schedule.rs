//! `[[firewall.schedule]]`.

use jiff::tz::TimeZone;

use super::{Check, Checked, all};
use crate::config::plan::SchedulePlan;
use crate::config::raw;
use crate::config::value::schedule;

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Schedule) -> Checked<SchedulePlan> {
    let name = check.name(raw.name.as_ref());
    let mut days = [raw.days.is_none(); 7];
    for day in raw.days.iter().flat_map(|days| days.iter()) {
        if let Some(on) = days.get_mut(*day as usize) {
            *on = true;
        }
    }
    let hours = raw.hours.iter().flat_map(|hours| hours.iter());
    let hours = all(hours.map(|text| check.value(text, schedule::hours)));
    let dates = raw.dates.iter().flat_map(|dates| dates.iter());
    let dates = all(dates.map(|text| check.value(text, schedule::dates)));
    let zone = check.value_or(raw.time_zone.as_ref(), TimeZone::UTC, schedule::zone);
    Ok(SchedulePlan {
        name: name?,
        days,
        hours: hours?,
        dates: dates?,
        zone: zone?,
    })
}
