//! Members by the name that an operator writes.

use std::sync::Arc;

use crate::admin::Refusal;
use crate::pool::{Member, Pools};

/// Whom a name means.
pub(crate) struct Chosen {
    /// Pool.
    pub(crate) pool: String,
    /// The name of an entry in the file that names a host: all its addresses are meant, also those to
    /// come.
    pub(crate) host: Option<String>,
    /// Never empty, but for a host.
    pub(crate) members: Vec<Arc<Member>>,
}

/// Members of this name, or pool and name. Both may hold slashes.
///
/// # Errors
/// There is none, or several pools have one.
pub(crate) fn select(pools: &Pools, name: &str) -> Result<Chosen, Refusal> {
    let mut found = Vec::new();
    for pool in pools.iter() {
        let within = name
            .strip_prefix(pool.name())
            .and_then(|rest| rest.strip_prefix('/'));
        for wanted in [Some(name), within].into_iter().flatten() {
            let host = pool.hosts().iter().any(|host| host == wanted);
            let members = pool.members().iter();
            let meant = members.filter(|it| it.name() == wanted || it.written() == Some(wanted));
            let members: Vec<Arc<Member>> = meant.cloned().collect();
            if host || !members.is_empty() {
                found.push(Chosen {
                    pool: pool.name().to_owned(),
                    host: host.then(|| wanted.to_owned()),
                    members,
                });
            }
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::BadRequest(format!(
            "there is no member {name:?}; `smtp-lb pool show` lists them"
        ))),
        _ => {
            let all = found.iter().flat_map(|chosen| {
                let members = chosen.members.iter().map(|member| member.name());
                let names = match &chosen.host {
                    Some(host) => vec![host.as_str()],
                    None => members.collect(),
                };
                let names = names.into_iter();
                names.map(|name| format!("{}/{name}", chosen.pool))
            });
            let all: Vec<String> = all.collect();
            Err(Refusal::BadRequest(format!(
                "{name:?} may be any of {}; write POOL/MEMBER",
                all.join(", ")
            )))
        }
    }
}
