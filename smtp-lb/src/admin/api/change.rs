//! Changes of the firewall alone: `POST /v1/firewall/diff`, `apply`, `confirm` and `rollback`.

use serde::{Deserialize, Serialize};

/// A file as the client read it: a whole configuration, or its `[firewall]` tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallFile {
    /// What messages call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// `POST /v1/firewall/promotion/diff`: what runs, with the staged policy of a context in place of the
/// enforced one, and none staged there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// `global`, `host`, or the name of a virtual server, with or without `virtual-server:` before it.
    pub context: String,
}

/// `POST /v1/firewall/promotion`: puts it in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promote {
    /// As in [`Promotion`].
    pub context: String,
    /// As in [`FirewallApply`].
    pub confirm_within: Option<u64>,
    /// As in [`FirewallApply`].
    pub revision: Option<u64>,
}

/// `GET /v1/firewall/staged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedList {
    /// Contexts with a staged policy.
    pub contexts: Vec<StagedContext>,
}

/// A staged policy in [`StagedList`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedContext {
    /// `global`, `host`, or the name of a virtual server behind `virtual-server:`.
    pub context: String,
    /// Policy in force there.
    pub enforced: Option<String>,
    /// Policy that is staged.
    pub staged: String,
    /// Its rules in order, what none of them matches last.
    pub rules: Vec<StagedRule>,
}

/// A rule in [`StagedContext`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedRule {
    /// Name.
    pub rule: String,
    /// `accept`, `accept-decisively`, `drop` or `reject`; `none` of what no rule of a global policy matches.
    pub action: String,
    /// What it takes, in words.
    pub matches: String,
    /// Packets that would have become what they became. `None`: the filter counts nowhere now.
    pub same: Option<u64>,
    /// Packets that would have become something else.
    pub otherwise: Option<u64>,
    /// When the last of those came, in seconds since the Unix epoch. `None`: there was none.
    pub last_otherwise: Option<u64>,
}

/// `POST /v1/firewall/apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallApply {
    /// What to put in force.
    pub file: FirewallFile,
    /// Seconds in which a confirmation must come, from 1 to 86,400. `None`: none is waited for.
    pub confirm_within: Option<u64>,
    /// Of [`FirewallCompared`]: refused if something else is in force by now.
    pub revision: Option<u64>,
}

/// What a file would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallCompared {
    /// Of what is in force; grows with every change of it.
    pub revision: u64,
    /// What differs.
    pub diff: FirewallDiff,
    /// What the file draws attention to, rendered.
    pub warnings: Vec<String>,
}

/// A file is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallApplied {
    /// What has changed.
    pub diff: FirewallDiff,
    /// What the file draws attention to, rendered.
    pub warnings: Vec<String>,
    /// Whether it is.
    pub applied: AppliedStatus,
}

/// A firewall in force that is not the configuration file's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedStatus {
    /// File that it was read from.
    pub file: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: u64,
    /// Seconds until it is rolled back. `None`: it is confirmed, or needs no confirmation.
    pub confirm_within: Option<u64>,
}

/// A confirmation or a rollback, done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallSettled {
    /// File that was confirmed or rolled back.
    pub file: String,
    /// The applied firewall that is in force now. `None`: it is the configuration file's.
    pub applied: Option<AppliedStatus>,
}

/// How two firewalls differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallDiff {
    /// Mode, defaults, and which policy is asked where.
    pub settings: Vec<SettingChange>,
    /// Policies, the failsafe list first.
    pub policies: Vec<PolicyChange>,
}

impl FirewallDiff {
    /// Whether they do not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.policies.is_empty()
    }
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// Its name.
    pub setting: String,
    /// What it was.
    pub before: String,
    /// What it will be.
    pub after: String,
}

/// What happens to a policy or a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// There was none of the name.
    Added,
    /// There is none of the name any more.
    Removed,
    /// It is another one; it may have moved, too.
    Changed,
    /// The same in another place.
    Moved,
}

/// A policy that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyChange {
    /// Its name; `failsafe` for the failsafe list.
    pub policy: String,
    /// Never [`Change::Moved`]: the order of policies means nothing.
    pub change: Change,
    /// Contexts that ask it, or asked it if it is removed. Empty: none does.
    pub contexts: Vec<String>,
    /// Its rules that differ: in the order of the new policy, then those removed.
    pub rules: Vec<RuleChange>,
}

/// A rule that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Its name.
    pub rule: String,
    /// What happens to it.
    pub change: Change,
    /// Place in the old policy, from 1.
    pub place_before: Option<usize>,
    /// Place in the new policy, from 1.
    pub place_after: Option<usize>,
    /// The old rule in words.
    pub before: Option<String>,
    /// The new rule in words.
    pub after: Option<String>,
    /// Sources that only the old or only the new rule has, behind `-` or `+`, and destinations, behind
    /// `-to` or `+to`; a bounded number.
    pub sources: Vec<String>,
}
