//! `[[reputation.feedback]]`.

use std::time::Duration;

use super::{Categories, SECOND};
use crate::config::check::{Check, Checked, all};
use crate::config::diagnostic::Diagnostic;
use crate::config::plan::{FeedbackPlan, Offence};
use crate::config::raw::{self, At};

const DURATION: Duration = Duration::from_hours(1);
const MAX_DURATION: Duration = Duration::from_hours(30 * 24);
const WITHIN: Duration = Duration::from_mins(10);
const MAX_WITHIN: Duration = Duration::from_hours(24);
const AFTER: u32 = 3;

pub(super) fn compile(
    check: &mut Check<'_>,
    categories: &mut Categories,
    raw: &[raw::Feedback],
) -> Checked<Vec<FeedbackPlan>> {
    let mut seen: Vec<&At<raw::Offence>> = Vec::new();
    all(raw.iter().map(|feedback| {
        let on = all(feedback.on.iter().map(|offence| {
            if let Some(first) = seen.iter().find(|own| ****own == **offence) {
                let diagnostic = Diagnostic::new(
                    offence.span(),
                    "clients are listed for this already",
                    "write it once, in one table",
                );
                return Err(check
                    .report
                    .error(diagnostic.also(first.span(), "first written here")));
            }
            seen.push(offence);
            Ok(match **offence {
                raw::Offence::ProxyHeader => Offence::ProxyHeader,
                raw::Offence::TlsGarbage => Offence::TlsGarbage,
                raw::Offence::CommandFlood => Offence::CommandFlood,
                raw::Offence::Pregreet => Offence::Pregreet,
                raw::Offence::ConnectionFlood => Offence::ConnectionFlood,
                raw::Offence::Harvest => Offence::Harvest,
            })
        }));
        let category = check
            .must(feedback.category.as_ref())
            .and_then(|name| categories.number(check, name));
        let durations = SECOND..=MAX_DURATION;
        let duration = check.duration_or(feedback.duration.as_ref(), DURATION, durations);
        let within = check.duration_or(feedback.within.as_ref(), WITHIN, SECOND..=MAX_WITHIN);
        let on = on?;
        if on.is_empty()
            && let Some(category) = &feedback.category
        {
            return Err(check.error(
                category,
                "nothing leads into this category",
                "add `on = [\"tls-garbage\"]` with what clients are listed for",
            ));
        }
        Ok(FeedbackPlan {
            on,
            category: category?,
            duration: duration?,
            after: feedback.after.as_deref().copied().unwrap_or(AFTER),
            within: within?,
        })
    }))
}
