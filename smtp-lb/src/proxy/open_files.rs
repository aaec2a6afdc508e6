//! The bound on open files, which bounds sessions too.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::gateway;
use crate::config::plan::Plan;

/// A session holds the client's socket and the member's, and a pipe's two ends under bulk.
const FILES_PER_SESSION: u64 = 4;

/// With a gateway: the client's, the open leg's, and those of the legs that are parked.
const FILES_PER_GATEWAY_SESSION: u64 = 2 + gateway::PARKED as u64;

/// Listeners, logs, maps, the control socket, runtimes.
const FILES_BESIDES: u64 = 512;

/// Raises the soft limit to the hard one: 1,024, the usual soft limit, is there for programs that
/// use `select(2)`. Warns when even that is too low for the plan.
pub(super) fn raise_limit(plan: &Plan) {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    if limit.current != before
        && let Err(error) = setrlimit(Resource::Nofile, limit)
    {
        tracing::warn!(%error, "cannot raise the limit of open files");
        limit.current = before;
    }
    let servers = plan.virtual_servers.iter();
    let wanted = servers.fold(FILES_BESIDES, |sum, server| {
        let each = match server.gateway {
            Some(_) => FILES_PER_GATEWAY_SESSION,
            None => FILES_PER_SESSION,
        };
        sum.saturating_add(each.saturating_mul(server.limits.connections as u64))
    });
    if let Some(limit) = limit.current.filter(|limit| *limit < wanted) {
        tracing::warn!(
            limit,
            wanted,
            "the limit of open files is too low for the configured connections"
        );
    }
}
