//! What operators ask.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use smtp_lb_common::reputation::{ALLOW, Standing};

use super::{ADDED, Service, moment};
use crate::config::plan::{CategoryAction, Plan, ReputationId};
use crate::firewall::{HOST, VIRTUAL_SERVER, deed, policy_label};
use crate::reputation::sets::Member;
use crate::reputation::status::{
    AddedEntry, AddressStatus, CategoryStatus, ContextVerdict, FeedStatus, ReputationStatus,
};

/// How often it is looked whether a refresh has ended.
const GLANCE: Duration = Duration::from_millis(20);

impl Service {
    /// All that can be told at a glance.
    #[must_use]
    pub fn status(&self) -> ReputationStatus {
        let inner = &self.inner;
        let hits = inner.hits();
        let mut added = inner.added.status(moment());
        let mut state = inner.state();
        state.count(&hits);
        let ledger = &state.names.ledger;
        let of = |name: &str| ledger.feeds.get(name).copied().unwrap_or_default();
        added.hits = of(ADDED);
        let feeds = state.feeds.iter().map(|feed| FeedStatus {
            hits: of(&feed.plan.name),
            ..feed.status.clone()
        });
        let categories = ledger.categories.iter();
        ReputationStatus {
            used: state.plan.reputation.is_used(),
            feeds: feeds.collect(),
            categories: categories
                .map(|(name, hits)| CategoryStatus {
                    name: name.clone(),
                    hits: *hits,
                })
                .collect(),
            image: state.image,
            added,
        }
    }

    /// Looks at a feed's source now, or at all feeds', and waits for the result as long as
    /// `patience`. `None`: there is no such feed.
    pub async fn refresh(
        &self,
        name: Option<&str>,
        force: bool,
        patience: Duration,
    ) -> Option<Vec<FeedStatus>> {
        let wanted = |feed: &str| name.is_none_or(|name| name == feed);
        let before: Vec<(String, u64)> = {
            let mut state = self.inner.state();
            let feeds = state
                .feeds
                .iter_mut()
                .filter(|feed| wanted(&feed.plan.name));
            feeds
                .map(|feed| {
                    feed.refresh(force);
                    (feed.plan.name.clone(), feed.status.looks)
                })
                .collect()
        };
        if before.is_empty() && name.is_some() {
            return None;
        }
        let done = async {
            loop {
                let left = {
                    let mut state = self.inner.state();
                    before.iter().any(|(name, looks)| {
                        state
                            .feed(name)
                            .is_some_and(|feed| feed.status.looks == *looks)
                    })
                };
                if !left {
                    return;
                }
                tokio::time::sleep(GLANCE).await;
            }
        };
        // What takes longer is told as it is.
        let _ = tokio::time::timeout(patience, done).await;
        let feeds = self.status().feeds.into_iter();
        Some(feeds.filter(|feed| wanted(&feed.name)).collect())
    }

    /// Who lists an address, and what becomes of its packets.
    #[must_use]
    pub fn show(&self, address: IpAddr) -> AddressStatus {
        let address = address.to_canonical();
        let (plan, categories, trusted, feeds) = {
            let state = self.inner.state();
            (
                Arc::clone(&state.plan),
                state.names.categories.clone(),
                Arc::clone(&state.trusted),
                state.sources(),
            )
        };
        let mut mask = 0;
        let mut members = Vec::new();
        for (feed, entries) in &feeds {
            for (tag, _) in entries.iter().filter(|(_, it)| it.holds(address)) {
                mask |= 1_u64 << tag;
                let category = categories.get(usize::from(tag));
                members.push(Member {
                    feed: feed.clone(),
                    category: category.cloned().unwrap_or_default(),
                });
            }
        }
        let holds = |network: &IpNet| network.contains(&address);
        let entries = self.inner.added.list(&categories, moment(), holds);
        // The longest network first, as the packet path looks.
        let added: Vec<AddedEntry> = entries.into_iter().map(|(_, it)| it).rev().collect();
        let first = added
            .first()
            .and_then(|it| plan.reputation.category(&it.category));
        let by_added = first.map_or(Standing::NONE, |at| {
            Standing::added(u32::try_from(at).unwrap_or(u32::MAX))
        });
        AddressStatus {
            address,
            trusted: trusted.holds(address),
            verdicts: verdicts(&plan, mask, by_added.mask),
            feeds: members,
            added,
        }
    }
}

/// What contexts do: as the packet path does, by the plan in place of the image.
fn verdicts(plan: &Plan, listed: u64, added: u64) -> Vec<ContextVerdict> {
    let servers = plan.virtual_servers.iter();
    let contexts = servers
        .map(|server| {
            (
                format!("{VIRTUAL_SERVER}{}", server.name),
                server.reputation,
            )
        })
        .chain([(HOST.to_owned(), None)]);
    contexts
        .map(|(context, own)| verdict(plan, context, own, listed, added))
        .collect()
}

fn verdict(
    plan: &Plan,
    context: String,
    own: Option<ReputationId>,
    listed: u64,
    added: u64,
) -> ContextVerdict {
    let pair = (plan.firewall.reputation, own);
    let find = |mask: u64, wanted: &dyn Fn(CategoryAction, bool) -> bool| {
        let categories = plan.reputation.categories.iter().enumerate();
        let mut held = categories.filter(|(at, _)| mask & ALLOW == 0 && mask >> at & 1 == 1);
        held.find_map(|(at, name)| {
            let deed = deed(plan, pair, at).filter(|deed| wanted(deed.action, deed.log))?;
            Some(format!("{}/{name}", policy_label(deed.policy)))
        })
    };
    // As in the packet path: what drops comes before what rejects, feeds before added entries.
    let acts = |mask| {
        let of = |wanted, word| find(mask, &|action, _| action == wanted).map(|by| (word, by));
        of(CategoryAction::Drop, "drop").or_else(|| of(CategoryAction::Reject, "reject"))
    };
    let tells = |_, log| log;
    let added = if listed & ALLOW == 0 { added } else { 0 };
    let (action, acting) = match acts(listed).or_else(|| acts(added)) {
        Some((action, by)) => (action, Some(by)),
        None => ("accept", None),
    };
    ContextVerdict {
        context,
        action: action.to_owned(),
        by: acting
            .or_else(|| find(listed, &tells))
            .or_else(|| find(added, &tells)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SystemResolver, parse};

    #[test]
    fn the_verdict_is_that_of_the_packet_path() {
        let text = "[firewall]\nreputation = \"p\"\n[[reputation.policy]]\nname = \"p\"\nlog = false\n\
            category = [{ name = \"told\", action = \"reject\" }, { name = \"cut\", action = \"drop\" }, \
            { name = \"seen\", action = \"accept\" }]\n";
        let plan = parse("test", text, &SystemResolver)
            .expect("it is sound")
            .plan;
        let says = |listed, added| verdict(&plan, HOST.to_owned(), None, listed, added).action;
        for (listed, added, action) in [
            (0, 0, "accept"),
            (0b001, 0, "reject"),
            (0b011, 0, "drop"),
            (0b001, 0b010, "reject"),
            (0b100, 0b010, "drop"),
            (0b100, 0, "accept"),
            (ALLOW, 0b010, "accept"),
        ] {
            assert_eq!(says(listed, added), action, "{listed:b} {added:b}");
        }
    }
}
