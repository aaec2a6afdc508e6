//! When the routing of `snat = "none"` is set up, changed and taken down.

use std::collections::BTreeSet;

use crate::config::plan::Plan;
use crate::routing::{RoutingError, check, members, set};

/// Before anybody connects. What a killed run left behind goes, too.
pub(crate) fn begin(plan: &Plan) -> Result<(), RoutingError> {
    let members = members(plan);
    check(&members)?;
    if !plan.general.manage_routing {
        return Ok(());
    }
    match set(&members) {
        // Nothing is wanted, and there is most likely nothing that could be left.
        Err(error) if members.is_empty() => {
            tracing::debug!(%error, "cannot look for rules of a former run");
            Ok(())
        }
        result => result,
    }
}

/// What both plans need, so that sessions in flight and new ones are served.
pub(crate) fn widen(before: &Plan, after: &Plan) -> Result<(), RoutingError> {
    let (mut both, after_alone) = (members(before), members(after));
    check(&after_alone)?;
    if !after.general.manage_routing || (both.is_empty() && after_alone.is_empty()) {
        return Ok(());
    }
    both.extend(after_alone);
    set(&both)
}

/// What the plan in force needs. Sessions in flight of members that are gone end by it.
pub(crate) fn narrow(before: &Plan, after: &Plan) {
    if !after.general.manage_routing || members(before).is_empty() {
        return;
    }
    if let Err(error) = set(&members(after)) {
        tracing::warn!("rules of former members stay: {error}");
    }
}

/// After the last session.
pub(crate) fn end(plan: &Plan) {
    if !plan.general.manage_routing || members(plan).is_empty() {
        return;
    }
    if let Err(error) = set(&BTreeSet::new()) {
        tracing::warn!(
            "rules and routes of table {} stay: {error}",
            crate::routing::TABLE
        );
    }
}
