//! One made-up packet, decided by the loaded program, and the way to its verdict in words.

use serde::{Deserialize, Serialize};
use smtp_lb_common::explain::Answer;
use smtp_lb_common::reason::{Reason, Verdict};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::FirewallError;
use super::label::{BUILT_IN, GLOBAL, Label};
use super::loader::Loaded;
use super::staged::Staged;
use crate::reputation::sets::Member;

/// What the program says of a made-up packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// `accept`, `drop` or `reject`.
    pub verdict: String,
    /// One word.
    pub reason: String,
    /// Who decided.
    pub label: Option<Label>,
    /// An event would have been asked for.
    pub log: bool,
    /// The verdict as a sentence for each step.
    pub path: Vec<String>,
    /// Who lists the source, if reputation was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Member>,
    /// What staged policies would have decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staged: Vec<Staged>,
}

impl Explanation {
    /// Of a decision, with the label of its slot.
    pub(crate) fn new(
        verdict: Verdict,
        reason: Reason,
        log: bool,
        label: Option<Label>,
        passed: Option<&Label>,
        listed: Vec<Member>,
        staged: Vec<Staged>,
    ) -> Self {
        let mut path = path(label.as_ref(), passed, verdict, reason, &listed);
        path.extend(staged.iter().map(Staged::sentence));
        Self {
            verdict: verdict.name().to_owned(),
            reason: reason.name().to_owned(),
            path,
            label,
            log,
            listed,
            staged,
        }
    }
}

/// Asks the loaded program about one frame; it counts and tells nothing of it.
pub(crate) fn ask(
    loaded: &mut Loaded,
    frame: &[u8],
    interface: u32,
) -> Result<Answer, FirewallError> {
    let request = Answer::request();
    let data = [request.as_bytes(), frame].concat();
    let mut out = vec![0; data.len()];
    loaded.test_run(&data, size_of::<Answer>(), interface, &mut out)?;
    match Answer::read_from_prefix(&out) {
        Ok((answer, _)) if answer.answered == 1 => Ok(answer),
        _ => Err(FirewallError::NoAnswer),
    }
}

/// The way to the verdict, step by step.
fn path(
    label: Option<&Label>,
    passed: Option<&Label>,
    verdict: Verdict,
    reason: Reason,
    listed: &[Member],
) -> Vec<String> {
    let verdict = verdict.name();
    let Some(label) = label else {
        return vec![format!("{}: {verdict}", reason.name())];
    };
    let here = match label.virtual_server() {
        Some(name) => format!("virtual server {name}"),
        None => label.context.clone(),
    };
    let mut path = Vec::new();
    if reason == Reason::Failsafe {
        path.push(format!("failsafe: {} matches: {verdict}", label.rule));
        return path;
    }
    if label.context == BUILT_IN {
        path.push(format!("{}: {verdict}", label.rule));
        return path;
    }
    path.push("failsafe: no entry matches".to_owned());
    if label.context != GLOBAL {
        path.push(format!("the packet is for: {here}"));
    }
    let names: Vec<String> = listed
        .iter()
        .map(|it| match it.category.as_str() {
            "" => format!("{} allows it", it.feed),
            category => format!("{} as {category}", it.feed),
        })
        .collect();
    if reason == Reason::Reputation {
        let names = names.join(", ");
        path.push(format!("reputation: listed by {names}: {verdict}"));
        return path;
    }
    if !names.is_empty() {
        path.push(format!(
            "reputation: listed by {}, goes on",
            names.join(", ")
        ));
    }
    if reason == Reason::Flood {
        path.push("reputation and policy: accepted".to_owned());
        path.push(format!(
            "{}: its source, or the network of that, has begun too many connections just now: {verdict}",
            label.policy
        ));
        return path;
    }
    if reason == Reason::SynCookie {
        path.push("reputation and policy: accepted, and within the rates of its source".to_owned());
        path.push(format!(
            "SYN protection is on: answered by a cookie in place of the host: {verdict}"
        ));
        return path;
    }
    if let Some(passed) = passed {
        path.push(format!(
            "global policy {}: rule {} accepts, goes on",
            passed.policy_name(),
            passed.rule
        ));
    }
    match (label.policy.as_str(), reason) {
        (policy, Reason::Policy) if label.context == GLOBAL => {
            let rule = &label.rule;
            path.push(format!(
                "global policy {policy}: rule {rule} matches: {verdict}"
            ));
            return path;
        }
        ("", _) => path.push("policy: none".to_owned()),
        (policy, Reason::Policy) => {
            path.push(format!(
                "policy {policy}: rule {} matches: {verdict}",
                label.rule
            ));
            return path;
        }
        (policy, _) => path.push(format!("policy {policy}: no rule matches")),
    }
    path.push(format!("default: {verdict}"));
    path
}
