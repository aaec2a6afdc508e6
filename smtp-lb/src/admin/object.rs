//! What a request changes: its endpoint says so, and whoever is told of it hears it.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::api::{CaptureRequest, FirewallApplied, PolicyChange, SettingChange};

/// Octets of it. It is foreign text, and may be a list.
const MOST: usize = 1024;

/// Empty until it is said.
#[derive(Debug, Clone, Default)]
pub(super) struct Object(Arc<OnceLock<String>>);

impl Object {
    /// Says it. Only the first word counts.
    pub(super) fn is(&self, what: impl Display) {
        let mut text = what.to_string();
        text.truncate(text.floor_char_boundary(MOST));
        // It was said before.
        let _ = self.0.set(text);
    }

    /// What was said.
    pub(super) fn said(&self) -> String {
        self.0.get().cloned().unwrap_or_default()
    }
}

/// The one of its request.
impl<S: Sync> FromRequestParts<S> for Object {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// A file, and what of the firewall it changed.
pub(super) fn applied(file: &str, done: Option<&FirewallApplied>) -> String {
    let Some(done) = done else {
        return file.to_owned();
    };
    let policy = |change: &PolicyChange| format!("policy {}", change.policy);
    let setting = |change: &SettingChange| change.setting.clone();
    let policies = done.diff.policies.iter().map(policy);
    let changed: Vec<_> = policies
        .chain(done.diff.settings.iter().map(setting))
        .collect();
    if changed.is_empty() {
        return format!("{file}: nothing");
    }
    format!("{file}: {}", changed.join(", "))
}

/// Which frames.
pub(super) fn captured(request: &CaptureRequest) -> String {
    let named = [
        ("rule", &request.rule),
        ("policy", &request.policy),
        ("context", &request.context),
    ];
    let named = named.into_iter().filter_map(|(what, name)| {
        let name = name.as_ref()?;
        Some(format!("{what} {name}"))
    });
    let mut what: Vec<_> = named.collect();
    what.extend(request.verdicts.iter().cloned());
    if what.is_empty() {
        "all packets".to_owned()
    } else {
        what.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{AppliedStatus, Change, FirewallDiff};

    #[test]
    fn the_first_word_counts_and_is_bounded_between_characters() {
        let object = Object::default();
        assert_eq!(object.said(), "");
        object.clone().is("€".repeat(1000));
        object.is("other");
        assert_eq!(object.said(), "€".repeat(MOST / 3));
    }

    #[test]
    fn a_file_with_what_it_changed() {
        let mut done = FirewallApplied {
            diff: FirewallDiff::default(),
            warnings: Vec::new(),
            applied: AppliedStatus {
                file: "edge.toml".into(),
                since: 0,
                confirm_within: None,
            },
        };
        assert_eq!(applied("edge.toml", None), "edge.toml");
        assert_eq!(applied("edge.toml", Some(&done)), "edge.toml: nothing");
        done.diff.policies.push(PolicyChange {
            policy: "mail".into(),
            change: Change::Changed,
            contexts: Vec::new(),
            rules: Vec::new(),
        });
        done.diff.settings.push(SettingChange {
            setting: "mode".into(),
            before: "adc".into(),
            after: "firewall".into(),
        });
        assert_eq!(
            applied("edge.toml", Some(&done)),
            "edge.toml: policy mail, mode"
        );
    }
}
