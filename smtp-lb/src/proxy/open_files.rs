//! The bound on open files, which bounds sessions too.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::plan::Plan;

/// A session holds the client's socket and the member's, and a pipe's two ends under bulk.
const FILES_PER_SESSION: u64 = 4;

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
    let sessions = plan.virtual_servers.iter();
    let sessions: u64 = sessions.map(|s| s.limits.connections as u64).sum();
    let wanted = sessions
        .saturating_mul(FILES_PER_SESSION)
        .saturating_add(FILES_BESIDES);
    if let Some(limit) = limit.current.filter(|limit| *limit < wanted) {
        tracing::warn!(
            limit,
            wanted,
            "the limit of open files is too low for the configured connections"
        );
    }
}
