//! Reputation policies to the profiles in the image: what each context does with each category.

use smtp_lb_common::image::{Line, word};
use smtp_lb_common::reputation::{NO_PROFILE, PROFILE_LINES, Profile, SLOTS_PER_LINE};

use super::compile::{CompileError, Rates};
use super::label::{Allocator, HOST, Label, VIRTUAL_SERVER, Word};
use crate::config::plan::{CategoryAction, Plan, ReputationId, ReputationPolicyPlan};

/// Policy of labels that reputation decides, so that no firewall policy can share them.
#[must_use]
pub(crate) fn policy_label(policy: &str) -> String {
    format!("reputation({policy})")
}

/// Whether any context asks for reputation.
pub(crate) fn are_used(plan: &Plan) -> bool {
    plan.firewall.reputation.is_some()
        || plan
            .virtual_servers
            .iter()
            .any(|it| it.reputation.is_some())
}

/// The firewall's policy, and a virtual server's beside it.
pub(crate) type Pair = (Option<ReputationId>, Option<ReputationId>);

/// The different pairs of a plan: their positions are the numbers of profiles.
#[must_use]
pub(crate) fn pairs(plan: &Plan) -> Vec<Pair> {
    let global = plan.firewall.reputation;
    let mut pairs = vec![(global, None)];
    for server in &plan.virtual_servers {
        let pair = (global, server.reputation);
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

/// What a pair does with a category: the firewall's policy comes first, and whoever acts ends it.
pub(crate) struct Deed<'a> {
    pub(crate) policy: &'a str,
    pub(crate) action: CategoryAction,
    pub(crate) log: bool,
}

/// See [`Deed`].
pub(crate) fn deed(plan: &Plan, pair: Pair, category: usize) -> Option<Deed<'_>> {
    let policies = [pair.0, pair.1].into_iter().flatten();
    let deeds = policies.filter_map(|id| {
        let policy: &ReputationPolicyPlan = plan.reputation.policies.get(id.0)?;
        let plan = policy.categories.get(category)?;
        Some(Deed {
            policy: &policy.name,
            action: plan.action,
            log: plan.log,
        })
    });
    let mut deeds: Vec<Deed<'_>> = deeds.collect();
    let acts = deeds
        .iter()
        .position(|it| it.action != CategoryAction::Accept);
    let tells = deeds.iter().position(|it| it.log);
    let at = acts.or(tells).unwrap_or(0);
    (at < deeds.len()).then(|| deeds.swap_remove(at))
}

/// The lines of the profiles, a column after the other: `columns` are names of contexts.
pub(crate) fn lines(
    plan: &Plan,
    columns: &[&str],
    allocator: &mut Allocator,
    rates: &mut Rates,
) -> Result<Vec<Line>, CompileError> {
    let pairs = pairs(plan);
    let mut lines = Vec::new();
    for context in columns {
        let pair = pair_of(plan, context);
        let number = pair.and_then(|pair| pairs.iter().position(|own| *own == pair));
        let mut profile = Profile {
            drop: 0,
            reject: 0,
            log: 0,
            // The configuration bounds their number.
            number: number
                .and_then(|at| u32::try_from(at).ok())
                .unwrap_or(NO_PROFILE),
        };
        let mut slots = [0_u32; ((PROFILE_LINES - 1) * SLOTS_PER_LINE) as usize];
        let categories = pair.map_or(0, |_| plan.reputation.categories.len());
        for (category, slot) in (0..categories).zip(&mut slots) {
            let deed = pair.and_then(|pair| deed(plan, pair, category));
            let Some(deed) = deed.filter(|it| it.log || it.action != CategoryAction::Accept) else {
                continue;
            };
            let bit = 1_u64 << category;
            let verdict = match deed.action {
                CategoryAction::Accept => Word::Accept,
                CategoryAction::Drop => {
                    profile.drop |= bit;
                    Word::Drop
                }
                CategoryAction::Reject => {
                    profile.reject |= bit;
                    Word::Reject
                }
            };
            profile.log |= if deed.log { bit } else { 0 };
            let label = Label {
                context: (*context).to_owned(),
                policy: policy_label(deed.policy),
                rule: plan.reputation.categories[category].clone(),
                verdict,
            };
            *slot = rates.add(allocator, label, None)?;
        }
        lines.push(profile.pack());
        for slots in slots.chunks(SLOTS_PER_LINE as usize) {
            let mut line = [0; 8];
            for (at, pair) in slots.chunks(2).enumerate() {
                line[at] = word(pair[1], pair[0]);
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

/// Policies of a context; `None`: it asks for no reputation.
fn pair_of(plan: &Plan, context: &str) -> Option<Pair> {
    let global = plan.firewall.reputation;
    let own = match context.strip_prefix(VIRTUAL_SERVER) {
        Some(name) => {
            let mut servers = plan.virtual_servers.iter();
            servers.find(|server| server.name == name)?.reputation
        }
        None if context == HOST => None,
        None => return None,
    };
    (global.is_some() || own.is_some()).then_some((global, own))
}
