//! `[[firewall.flood_profile]]`.

use super::{Check, Checked, all};
use crate::config::plan::{FloodPlan, FloodRate, SynProtectionPlan};
use crate::config::raw::{self, At};

const SYN_RATE: u32 = 1_000;
const SYN_ACCEPT_QUEUE: u32 = 50;

pub(super) fn profiles(
    check: &mut Check<'_>,
    raw: &[raw::FloodProfile],
) -> Checked<Vec<FloodPlan>> {
    all(raw.iter().map(|raw| profile(check, raw)))
}

fn profile(check: &mut Check<'_>, raw: &raw::FloodProfile) -> Checked<FloodPlan> {
    let name = check.name(raw.name.as_ref());
    let (by_source, by_network) = (raw.source_rate.as_ref(), raw.network_rate.as_ref());
    let source = rate(check, by_source, raw.source_burst.as_ref(), "source_rate");
    let network = rate(
        check,
        by_network,
        raw.network_burst.as_ref(),
        "network_rate",
    );
    let (source, network) = (source?, network?);
    if source.is_none() && network.is_none() {
        let name = check.whole(raw.name.as_ref())?;
        return Err(check.error(
            name,
            "the flood profile has no rate",
            "write `source_rate`, `network_rate` or both",
        ));
    }
    Ok(FloodPlan {
        name: name?,
        source,
        network,
        log: raw.log.unwrap_or(true),
    })
}

/// `syn_protection` of a virtual server; none where it is off.
pub(super) fn syn_protection(
    check: &mut Check<'_>,
    raw: &raw::VirtualServer,
) -> Checked<Option<SynProtectionPlan>> {
    let word = raw.syn_protection.as_deref().copied();
    if word == Some(raw::SynProtection::Auto) {
        return Ok(Some(SynProtectionPlan::Auto {
            rate: raw.syn_rate.as_deref().copied().unwrap_or(SYN_RATE),
            accept_queue: raw
                .syn_accept_queue
                .as_deref()
                .copied()
                .unwrap_or(SYN_ACCEPT_QUEUE),
        }));
    }
    if let Some(mark) = raw.syn_rate.as_ref().or(raw.syn_accept_queue.as_ref()) {
        return Err(check.error(
            mark,
            "a mark means nothing unless `syn_protection` is `auto`",
            "write `syn_protection = \"auto\"`, or leave it out",
        ));
    }
    Ok((word == Some(raw::SynProtection::Always)).then_some(SynProtectionPlan::Always))
}

fn rate(
    check: &mut Check<'_>,
    rate: Option<&At<u32>>,
    burst: Option<&At<u32>>,
    key: &str,
) -> Checked<Option<FloodRate>> {
    match (rate, burst) {
        (None, Some(burst)) => Err(check.error(
            burst,
            format!("a burst without `{key}` means nothing"),
            format!("write `{key}`, or leave it out"),
        )),
        (None, None) => Ok(None),
        (Some(rate), burst) => Ok(Some(FloodRate {
            rate: **rate,
            burst: burst.map_or(**rate, |burst| **burst),
        })),
    }
}
