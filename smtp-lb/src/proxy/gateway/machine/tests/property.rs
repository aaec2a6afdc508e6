//! Two hostile sides, cut anywhere, in any order of happenings.

mod happening;
mod run;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::Machine;
use crate::config::plan::Start;
use crate::smtp::reply::ReplyParser;
use happening::{any_settings, conversation, happening};
use run::Run;

/// Replies that a client was told; panics where it was told nonsense.
fn replies(told: &[u8]) -> Vec<u16> {
    let mut parser = ReplyParser::default();
    let mut rest = told;
    let mut codes = Vec::new();
    while !rest.is_empty() {
        let fed = parser.feed(rest).expect("the client is told replies");
        rest = &rest[fed.consumed..];
        codes.extend(fed.reply.map(|reply| reply.code));
    }
    assert!(!parser.is_mid_reply());
    codes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn hostile_on_both_sides(
        (settings, known) in any_settings(),
        happenings in prop_oneof![3 => conversation(), 1 => vec(happening(), 1..120)],
    ) {
        let member_tls = settings.member_tls == Some(Start::StartTls);
        let mut run = Run::new(settings, known);
        run.call(Machine::start);
        for happening in &happenings {
            run.happen(happening);
            if run.closed {
                break;
            }
            if let Some(leg) = run.leg.as_ref().filter(|leg| member_tls && !leg.secure) {
                let clear = String::from_utf8_lossy(&leg.heard).to_ascii_uppercase();
                prop_assert!(!clear.contains("MAIL") && !clear.contains("AUTH"), "{clear}");
            }
        }
        let codes = replies(&run.told);
        // One to each line, to one that is too long and not ended, the banner, and at most one
        // 421 of our own.
        prop_assert!(codes.len() <= run.sent + 3, "{codes:?} for {} lines", run.sent);
        prop_assert!(codes.iter().rev().skip(1).all(|&code| code != 421));
        // What was counted as taken was taken by a member, for just that message.
        prop_assert!(run.accepted <= run.taken, "{} > {}", run.accepted, run.taken);
        let ends = run.member_ends
            + run.leg.iter().map(|leg| leg.ends).sum::<usize>()
            + run.parked.iter().map(|(_, leg)| leg.ends).sum::<usize>();
        prop_assert!(run.accepted <= ends);
        // An end needs a line from the client.
        prop_assert!(ends <= run.sent);
    }
}
