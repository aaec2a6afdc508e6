//! IP reputation.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// Index of a reputation policy in [`ReputationPlan::policies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReputationId(pub usize);

/// Categories that a plan may use.
pub const MAX_CATEGORIES: usize = 62;

/// `[reputation]` and what hangs under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReputationPlan {
    /// Names of categories; their positions are their numbers. At most [`MAX_CATEGORIES`], some
    /// of which may be of former plans (see [`ReputationPlan::keep_numbers`]).
    pub categories: Vec<String>,
    /// Networks that reputation never acts on.
    pub allow: Vec<IpNet>,
    /// Sources of listed networks.
    pub feeds: Vec<FeedPlan>,
    /// What is done with each category.
    pub policies: Vec<ReputationPolicyPlan>,
    /// What clients are listed for by smtp-lb itself.
    pub feedback: Vec<FeedbackPlan>,
}

/// `[[reputation.feedback]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackPlan {
    /// What they did: one of these. No other table has it.
    pub on: Vec<Offence>,
    /// Number of the category that they are listed in.
    pub category: usize,
    /// How long they are listed.
    pub duration: Duration,
    /// How often they must do it; at least 1.
    pub after: u32,
    /// Within what time.
    pub within: Duration,
}

/// What a client can be listed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It connected where a PROXY header is asked for, and is none of the peers that are believed.
    ProxyHeader,
    /// What it sent where a TLS handshake belongs is no TLS.
    TlsGarbage,
    /// It was closed for too many bad or junk commands.
    CommandFlood,
    /// It spoke before it was greeted.
    Pregreet,
    /// It had too many connections.
    ConnectionFlood,
    /// It asked for too many recipients that there are not.
    Harvest,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProxyHeader => "no trusted PROXY header",
            Self::TlsGarbage => "no TLS where it belongs",
            Self::CommandFlood => "too many bad commands",
            Self::Pregreet => "spoke before it was greeted",
            Self::ConnectionFlood => "too many connections",
            Self::Harvest => "too many unknown recipients",
        })
    }
}

/// `[[reputation.feed]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPlan {
    /// Unique name.
    pub name: String,
    /// Where it comes from.
    pub source: FeedSource,
    /// How it is written.
    pub format: FeedFormat,
    /// Number of the category of entries that name none of ours; `None`: they are allow entries.
    pub category: Option<usize>,
    /// Time between two looks at the source, before jitter.
    pub interval: Duration,
    /// Bound on one look.
    pub timeout: Duration,
    /// Bound on its size, in octets.
    pub max_size: u64,
    /// By how many per cent it may grow or shrink at once. `None`: no bound.
    pub max_change: Option<u32>,
    /// Bad lines of a hundred, past which it is refused.
    pub max_bad: u32,
    /// Public key of minisign; with it, a feed without a good signature is refused.
    pub public_key: Option<String>,
}

/// Where a feed comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// A file.
    File(PathBuf),
    /// An HTTPS URL.
    Https {
        /// As written.
        url: String,
        /// `host:port` of an HTTP proxy to go by.
        proxy: Option<String>,
        /// PEM of authorities in place of the system's.
        ca: Option<PathBuf>,
    },
}

/// How a feed is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFormat {
    /// `address,mask,bl|wl,category`.
    F5,
    /// A network a line.
    Cidr,
    /// A JSON object a line.
    JsonLines,
    /// Named columns.
    Csv {
        /// Of the address or network.
        address: String,
        /// Of the prefix length.
        prefix: Option<String>,
        /// Of the category.
        category: Option<String>,
    },
}

/// `[[reputation.policy]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReputationPolicyPlan {
    /// Unique name.
    pub name: String,
    /// What is done with each category, by its number.
    pub categories: Vec<CategoryPlan>,
}

/// What a policy does with a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoryPlan {
    /// What is done with packets from listed sources.
    pub action: CategoryAction,
    /// Tell of them.
    pub log: bool,
}

/// What is done with packets from sources of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategoryAction {
    /// They go on to the firewall policy, counted.
    Accept,
    /// They are dropped.
    Drop,
    /// They are rejected.
    Reject,
}

impl ReputationPlan {
    /// Whether anything can be listed or asked.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !self.policies.is_empty()
    }

    /// Number of a category.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<usize> {
        self.categories.iter().position(|own| own == name)
    }

    /// Gives categories the numbers that they have had, so that images of this plan and of the
    /// last can be asked together. Numbers of categories that are gone are given away last.
    pub fn keep_numbers(&mut self, before: &[String]) {
        let mut names: Vec<String> = before.iter().take(MAX_CATEGORIES).cloned().collect();
        let used = std::mem::take(&mut self.categories);
        for name in &used {
            if names.contains(name) {
                continue;
            }
            if names.len() < MAX_CATEGORIES {
                names.push(name.clone());
            } else if let Some(gone) = names.iter_mut().find(|name| !used.contains(name)) {
                gone.clone_from(name);
            }
        }
        let number = |name: &String| names.iter().position(|own| own == name);
        for feed in &mut self.feeds {
            if let Some(category) = &mut feed.category {
                *category = used.get(*category).and_then(number).unwrap_or(*category);
            }
        }
        for feedback in &mut self.feedback {
            let kept = used.get(feedback.category).and_then(number);
            feedback.category = kept.unwrap_or(feedback.category);
        }
        for policy in &mut self.policies {
            let accept = CategoryPlan {
                action: CategoryAction::Accept,
                log: false,
            };
            let mut kept = vec![accept; names.len()];
            for (name, plan) in used.iter().zip(&policy.categories) {
                if let Some(kept) = number(name).and_then(|at| kept.get_mut(at)) {
                    *kept = *plan;
                }
            }
            policy.categories = kept;
        }
        self.categories = names;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(names: &[&str]) -> ReputationPlan {
        let category = |at: usize| CategoryPlan {
            action: if at == 0 {
                CategoryAction::Drop
            } else {
                CategoryAction::Accept
            },
            log: false,
        };
        ReputationPlan {
            categories: names.iter().map(|&name| name.to_owned()).collect(),
            policies: vec![ReputationPolicyPlan {
                name: "p".to_owned(),
                categories: (0..names.len()).map(category).collect(),
            }],
            ..ReputationPlan::default()
        }
    }

    fn dropped(plan: &ReputationPlan) -> Vec<&str> {
        let names = plan.categories.iter().zip(&plan.policies[0].categories);
        names
            .filter(|(_, category)| category.action == CategoryAction::Drop)
            .map(|(name, _)| name.as_str())
            .collect()
    }

    #[test]
    fn categories_keep_their_numbers_over_reloads() {
        let before = ["bots", "spam"].map(str::to_owned);
        let mut new = plan(&["phishing", "spam"]);
        new.keep_numbers(&before);
        assert_eq!(new.categories, ["bots", "spam", "phishing"]);
        assert_eq!(dropped(&new), ["phishing"]);

        let full: Vec<String> = (0..MAX_CATEGORIES).map(|n| n.to_string()).collect();
        let mut new = plan(&["new", "0"]);
        new.keep_numbers(&full);
        assert_eq!(new.categories.len(), MAX_CATEGORIES);
        assert_eq!((new.category("0"), new.category("new")), (Some(0), Some(1)));
        assert_eq!(dropped(&new), ["new"]);
    }
}
