//! `fields` and `delimiter` of log profiles, which destinations of the format `bigip` get.

use std::collections::HashMap;
use std::ops::Range;

use super::{Check, Checked, format};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{DestinationPlan, FieldList, Format, LogProfilePlan, PublisherPlan};
use crate::config::raw::{self, At};

/// A list, and where it is written.
type Written = (FieldList, Range<usize>);

/// The list of a profile, if it has one.
pub(super) fn list(check: &mut Check<'_>, raw: &raw::LogProfile) -> Checked<Option<Written>> {
    let (fields, delimiter) = (raw.fields.as_ref(), raw.delimiter.as_ref());
    let Some(place) = fields.map(At::span).or(delimiter.map(At::span)) else {
        return Ok(None);
    };
    let list = format::list(check, fields, delimiter)?;
    Ok(Some((list, place)))
}

/// Gives each destination the list of the profile that leads to it. All are in the order of the file.
pub(super) fn give(
    check: &mut Check<'_>,
    raw: &raw::Log,
    destinations: &mut [DestinationPlan],
    publishers: &[PublisherPlan],
    profiles: impl Iterator<Item = (LogProfilePlan, Option<Written>)>,
) -> Checked<Vec<LogProfilePlan>> {
    let mut given: HashMap<usize, Written> = HashMap::new();
    let mut whole = Ok(());
    let mut all = Vec::new();
    for (profile, written) in profiles {
        let publisher = publishers.get(profile.publisher.0);
        all.push(profile);
        let Some((list, place)) = written else {
            continue;
        };
        let mut taken = false;
        for id in publisher.into_iter().flat_map(|it| &it.destinations) {
            let own = raw.destination.get(id.0);
            let own = own.is_some_and(|it| it.fields.is_some() || it.delimiter.is_some());
            let Some(destination) = destinations.get_mut(id.0).filter(|_| !own) else {
                continue;
            };
            let Format::BigIp(fields) = &mut destination.format else {
                continue;
            };
            taken = true;
            match given.get(&id.0) {
                Some((other, first)) if *other != list => {
                    let name = quote(&destination.name);
                    let message = format!("{name} gets two lists of fields, from two profiles");
                    let help =
                        "give each profile a destination of its own, as one of type `forward`";
                    let told = Diagnostic::new(place.clone(), message, help)
                        .also(first.clone(), "the other list");
                    whole = Err(check.report.error(told));
                }
                _ => {
                    fields.clone_from(&list);
                    given.insert(id.0, (list.clone(), place.clone()));
                }
            }
        }
        if !taken {
            let message = "no destination of this profile takes a list of fields";
            let help = "add `format = \"bigip\"` to one that has no `fields` of its own";
            whole = Err(check.report.error(Diagnostic::new(place, message, help)));
        }
    }
    whole.map(|()| all)
}
