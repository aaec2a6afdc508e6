//! Members by the name that an operator writes.

use std::sync::Arc;

use crate::admin::Refusal;
use crate::pool::{Member, Pools};

/// Whom a name means.
pub(crate) struct Chosen {
    /// Pool.
    pub(crate) pool: String,
    /// Never empty.
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
        let named = |wanted: &str| -> Vec<Arc<Member>> {
            let members = pool.members().iter();
            members.filter(|it| it.name() == wanted).cloned().collect()
        };
        for members in [Some(name), within].into_iter().flatten().map(named) {
            if !members.is_empty() {
                found.push(Chosen {
                    pool: pool.name().to_owned(),
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
                let members = chosen.members.iter();
                members.map(|member| format!("{}/{}", chosen.pool, member.name()))
            });
            let all: Vec<String> = all.collect();
            Err(Refusal::BadRequest(format!(
                "{name:?} may be any of {}; write POOL/MEMBER",
                all.join(", ")
            )))
        }
    }
}
