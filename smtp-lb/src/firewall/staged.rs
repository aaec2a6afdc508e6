//! What staged policies would have decided of one packet, under their names.

use serde::{Deserialize, Serialize};
use smtp_lb_common::staged::Compared;

use super::label::Slots;

/// A staged policy's answer to one packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Staged {
    /// As in [`super::Label`].
    pub context: String,
    /// The staged policy.
    pub policy: String,
    /// Its rule that matches, or `default`.
    pub rule: String,
    /// What would have become of the packet: `accept`, `drop` or `reject`.
    pub verdict: String,
    /// What the enforced policies came to.
    pub enforced: String,
    /// It would have been something else.
    pub otherwise: bool,
}

impl Staged {
    /// Of each policy that was compared.
    pub(crate) fn of(compared: [Compared; 2], slots: &Slots) -> Vec<Self> {
        let compared = compared.into_iter().filter(|it| it.slot != 0);
        let named = compared.filter_map(|it| {
            let label = slots.label(it.slot)?;
            Some(Self {
                policy: label.policy_name().to_owned(),
                context: label.context,
                rule: label.rule,
                verdict: it.verdict.name().to_owned(),
                enforced: it.enforced.name().to_owned(),
                otherwise: it.is_otherwise(),
            })
        });
        named.collect()
    }

    /// As a sentence.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            context,
            policy,
            rule,
            verdict,
            enforced,
            otherwise,
        } = self;
        let end = if *otherwise {
            format!(", and not {enforced}")
        } else {
            ", too".to_owned()
        };
        format!("staged policy {policy} of {context}, rule {rule}: would be {verdict}{end}")
    }
}
