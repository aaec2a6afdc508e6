//! Names of counter slots, and which slot a name keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smtp_lb_common::abi::SLOTS;
use smtp_lb_common::reason::{FIRST_RULE_SLOT, Reason, VERDICTS, Verdict};

use crate::config::plan::Action;

/// Whose a slot is. Names are an operator's; the rule of a default is `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// `failsafe`, `global`, `host`, `built-in`, or the name of a virtual server behind `virtual-server:`.
    pub context: String,
    /// Policy, empty where there is none.
    pub policy: String,
    /// Rule.
    pub rule: String,
    /// What the rule does with a packet; a rule that changes its action is another slot.
    pub verdict: Word,
}

/// A verdict as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Let on.
    Accept,
    /// Taken away without a word.
    Drop,
    /// Taken away, and its sender is told so.
    Reject,
}

impl From<Verdict> for Word {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Drop => Self::Drop,
            Verdict::Reject => Self::Reject,
        }
    }
}

impl From<Action> for Word {
    fn from(action: Action) -> Self {
        match action {
            Action::Accept | Action::AcceptDecisively => Self::Accept,
            Action::Drop => Self::Drop,
            Action::Reject => Self::Reject,
        }
    }
}

impl Word {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// Context of the failsafe list.
pub const FAILSAFE: &str = "failsafe";
/// Context that is asked before those of virtual servers and the host.
pub const GLOBAL: &str = "global";
/// Context of packets for no virtual server.
pub const HOST: &str = "host";
/// Context of reasons that no rule gives.
pub const BUILT_IN: &str = "built-in";
/// What stands before the name of a virtual server.
pub const VIRTUAL_SERVER: &str = "virtual-server:";
/// Before the policy of labels that count what a global rule let go on: no policy has such a name.
const PASSED_ON: &str = "passed-on(";
/// The same of what a staged policy would have decided as it was decided.
const STAGED: &str = "staged(";
/// And otherwise.
const OTHERWISE: &str = "staged-otherwise(";
/// All of them.
const KINDS: [&str; 3] = [PASSED_ON, STAGED, OTHERWISE];
/// Rule name of a context's default.
pub const DEFAULT: &str = "default";

impl Label {
    /// The virtual server of the context, if it is one.
    #[must_use]
    pub fn virtual_server(&self) -> Option<&str> {
        self.context.strip_prefix(VIRTUAL_SERVER)
    }

    /// What the second of two slots counts. Of a rule that rejects it is what is dropped, because it may
    /// not be answered; of a global one that accepts, what another context then decided; of a staged one
    /// what it would have decided otherwise.
    #[must_use]
    pub(crate) fn second(&self) -> Option<Self> {
        if let Some(policy) = self.policy.strip_prefix(STAGED) {
            return Some(Self {
                policy: format!("{OTHERWISE}{policy}"),
                ..self.clone()
            });
        }
        match self.verdict {
            Word::Reject => Some(Self {
                verdict: Word::Drop,
                ..self.clone()
            }),
            Word::Accept if self.context == GLOBAL => Some(Self {
                policy: format!("{PASSED_ON}{})", self.policy),
                ..self.clone()
            }),
            Word::Accept | Word::Drop => None,
        }
    }

    /// Counter slots that it takes.
    pub(crate) fn slots(&self) -> u32 {
        if self.second().is_some() { 2 } else { 1 }
    }

    /// Whether it counts packets beside who decides them.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        KINDS.iter().any(|kind| self.policy.starts_with(kind))
    }

    /// The label of a rule of a staged policy, which counts what it would have decided likewise.
    #[must_use]
    pub(crate) fn staged(self) -> Self {
        Self {
            policy: format!("{STAGED}{})", self.policy),
            ..self
        }
    }

    /// Of a rule of a staged policy: the labels that count what it would have decided likewise, and
    /// otherwise.
    #[must_use]
    pub(crate) fn compared(&self) -> [Self; 2] {
        let of = |kind: &str| Self {
            policy: format!("{kind}{})", self.policy),
            ..self.clone()
        };
        [of(STAGED), of(OTHERWISE)]
    }

    /// The policy without what tells kinds of counters apart.
    #[must_use]
    pub fn policy_name(&self) -> &str {
        let mut inner = KINDS.iter();
        let inner = inner.find_map(|kind| self.policy.strip_prefix(kind));
        inner
            .and_then(|name| name.strip_suffix(')'))
            .unwrap_or(&self.policy)
    }

    /// Label of a built-in reason's slot.
    #[must_use]
    pub fn built_in(slot: u32) -> Option<Self> {
        let reason = Reason::from_u8(u8::try_from(slot / VERDICTS).ok()?)?;
        let verdict = Verdict::from_u8(u8::try_from(slot % VERDICTS).ok()?)?;
        (slot < FIRST_RULE_SLOT).then(|| Self {
            context: BUILT_IN.to_owned(),
            policy: String::new(),
            rule: reason.name().to_owned(),
            verdict: verdict.into(),
        })
    }
}

/// Slots by name. A name keeps its slot for as long as the counters live, also while no plan
/// uses it: its packets remain part of the sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slots {
    labels: BTreeMap<u32, Label>,
}

impl Slots {
    /// Label of `slot`, built-in ones included.
    #[must_use]
    pub fn label(&self, slot: u32) -> Option<Label> {
        self.labels
            .get(&slot)
            .cloned()
            .or_else(|| Label::built_in(slot))
    }

    /// Every named slot, without the built-in ones.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Label)> {
        self.labels.iter().map(|(slot, label)| (*slot, label))
    }
}

/// Hands out slots while a plan is compiled.
pub struct Allocator {
    slots: Slots,
    by_label: BTreeMap<Label, u32>,
    next: u32,
}

impl Allocator {
    /// Goes on from the slots that are in use.
    #[must_use]
    pub fn new(slots: Slots) -> Self {
        let by_label = slots
            .labels
            .iter()
            .map(|(slot, label)| (label.clone(), *slot))
            .collect();
        let next = slots
            .labels
            .last_key_value()
            .map_or(FIRST_RULE_SLOT, |(slot, _)| slot + 1);
        Self {
            slots,
            by_label,
            next,
        }
    }

    /// The slot of `label`; `None` when all are taken. Where there are two it is the first: see
    /// [`Label::second`].
    pub fn slot(&mut self, label: Label) -> Option<u32> {
        if let Some(slot) = self.by_label.get(&label) {
            return Some(*slot);
        }
        let slots = label.slots();
        if self.next > SLOTS - slots {
            return None;
        }
        let slot = self.next;
        self.next += slots;
        if let Some(second) = label.second() {
            // A name of its own for as long as it counts; those of the same name are shown as one.
            self.slots.labels.insert(slot + 1, second);
        }
        self.slots.labels.insert(slot, label.clone());
        self.by_label.insert(label, slot);
        Some(slot)
    }

    /// The slots as they are now.
    #[must_use]
    pub fn finish(self) -> Slots {
        self.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(rule: &str) -> Label {
        Label {
            context: HOST.into(),
            policy: String::new(),
            rule: rule.into(),
            verdict: Word::Drop,
        }
    }

    #[test]
    fn a_name_keeps_its_slot_after_others_came_and_went() {
        let mut first = Allocator::new(Slots::default());
        assert_eq!(first.slot(label("a")), Some(FIRST_RULE_SLOT));
        assert_eq!(first.slot(label("b")), Some(FIRST_RULE_SLOT + 1));
        let mut second = Allocator::new(first.finish());
        assert_eq!(second.slot(label("c")), Some(FIRST_RULE_SLOT + 2));
        assert_eq!(second.slot(label("b")), Some(FIRST_RULE_SLOT + 1));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut all = Allocator::new(Slots::default());
        for n in FIRST_RULE_SLOT..SLOTS {
            assert!(all.slot(label(&n.to_string())).is_some());
        }
        assert_eq!(all.slot(label("one more")), None);
        assert_eq!(
            all.slot(label(&FIRST_RULE_SLOT.to_string())),
            Some(FIRST_RULE_SLOT)
        );
    }

    #[test]
    fn a_rule_that_rejects_has_two_slots() {
        let reject = |rule| Label {
            verdict: Word::Reject,
            ..label(rule)
        };
        let mut all = Allocator::new(Slots::default());
        let dropping = all.slot(label("a")).expect("room");
        let rejecting = all.slot(reject("a")).expect("room");
        assert_eq!(all.slot(label("b")), Some(rejecting + 2));
        let slots = all.finish();
        assert_eq!(slots.label(rejecting), Some(reject("a")));
        assert_eq!(slots.label(rejecting + 1), slots.label(dropping));
        let mut again = Allocator::new(slots);
        assert_eq!(again.slot(reject("a")), Some(rejecting));
        let mut full = Allocator::new(Slots::default());
        for n in FIRST_RULE_SLOT..SLOTS - 1 {
            assert!(full.slot(label(&n.to_string())).is_some());
        }
        assert_eq!(full.slot(reject("one and its drops")), None);
    }

    #[test]
    fn built_in_slots_have_the_reason_s_name() {
        let slot = Reason::Malformed.slot(Verdict::Drop);
        let label = Slots::default().label(slot).expect("built in");
        assert_eq!(
            (label.rule.as_str(), label.verdict),
            ("malformed", Word::Drop)
        );
    }
}
