//! `[[pool]]` and its members.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use super::names::Sections;
use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, Reported, quote};
use crate::config::plan::{Balance, MemberPlan, MonitorId, PoolPlan};
use crate::config::raw::{self, At};
use crate::config::value;
use crate::config::value::endpoint::{self, Host};

/// Port of SMTP, proposed where none is written.
pub(super) const SMTP_PORT: u16 = 25;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Pool,
) -> Checked<PoolPlan> {
    let name = check.name(raw.name.as_ref());
    let members = check
        .must(raw.members.as_ref())
        .and_then(|raw| members(check, raw));
    let monitors = sections.monitors.find_each(check, &raw.monitors);
    let min_monitors = min_monitors(check, raw);
    let balance = match raw.balance {
        None | Some(raw::Balance::LeastConnections) => Balance::LeastConnections,
    };
    Ok(PoolPlan {
        name: name?,
        balance,
        members: members?,
        monitors: monitors?.into_iter().map(MonitorId).collect(),
        min_monitors: min_monitors?,
    })
}

fn min_monitors(check: &mut Check<'_>, raw: &raw::Pool) -> Checked<usize> {
    let all = raw.monitors.len();
    let Some(written) = &raw.min_monitors else {
        return Ok(all);
    };
    if **written <= all {
        return Ok(**written);
    }
    check.whole(raw.name.as_ref())?;
    let message = format!("`min_monitors` is {}, of {all} monitors", **written);
    let help = "name as many in `monitors`, or leave `min_monitors` out: then all must agree";
    Err(check.error(written, message, help))
}

fn members(check: &mut Check<'_>, raw: &[At<raw::Member>]) -> Checked<Vec<MemberPlan>> {
    let mut addresses = HashMap::new();
    let mut taken = HashMap::new();
    all(raw.iter().map(|member| {
        let (name, (place, text)) = match &**member {
            raw::Member::Address(text) => (None, (member.span(), text)),
            raw::Member::Named(named) => {
                let address = check.must(named.address.as_ref())?;
                (named.name.as_ref(), (address.span(), &**address))
            }
        };
        let address = check.remote(&place, text, SMTP_PORT, |_| true);
        let name_place = name.map_or(place.clone(), At::span);
        let name = name.map_or(Ok(text.clone()), |name| {
            check.value(name, value::text::name)
        });
        let (name, address) = (name?, address?);

        let what = format!("{} is in the pool already", quote(&address.to_string()));
        once(
            check,
            &mut addresses,
            address,
            place,
            what,
            "name each member once",
        )?;
        let what = format!("the name {} is taken", quote(&name));
        let help = "write a name that no other member has";
        once(check, &mut taken, name.clone(), name_place, what, help)?;
        let host = match endpoint::parse(text, SMTP_PORT).map(|endpoint| endpoint.host) {
            Ok(Host::Name(host)) => Some(host),
            _ => None,
        };
        Ok(MemberPlan {
            name,
            address,
            host,
        })
    }))
}

fn once<K: Hash + Eq>(
    check: &mut Check<'_>,
    seen: &mut HashMap<K, Range<usize>>,
    key: K,
    span: Range<usize>,
    message: String,
    help: &str,
) -> Result<(), Reported> {
    match seen.insert(key, span.clone()) {
        None => Ok(()),
        Some(first) => Err(check
            .report
            .error(Diagnostic::new(span, message, help).also(first, "first written here"))),
    }
}
