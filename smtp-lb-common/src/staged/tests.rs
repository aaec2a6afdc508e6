extern crate std;

use core::cell::Cell;

use super::*;
use crate::image::entry;

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    None,
    Accept,
    Decisive,
    Drop,
    Reject,
}

const RULES: [Rule; 5] = [
    Rule::None,
    Rule::Accept,
    Rule::Decisive,
    Rule::Drop,
    Rule::Reject,
];
const OWN: Context = Context {
    column: 2,
    default_slot: 130,
};
const STAGED: Policies = Policies {
    global: Context {
        column: 5,
        default_slot: 140,
    },
    own: Context {
        column: 6,
        default_slot: 150,
    },
};

/// The entry of a rule with a slot.
fn found(rule: Rule, slot: u32) -> Match {
    let bits = match rule {
        Rule::None => return Match::NONE,
        Rule::Accept => 0,
        Rule::Decisive => entry::DECISIVE,
        Rule::Drop => entry::DROP,
        Rule::Reject => entry::REJECT,
    };
    Match(u64::from(slot) << 32 | bits)
}

/// Context after context, as operators are told.
fn reckoned(rules: [Rule; 2], default: Verdict) -> Verdict {
    let mut accepted = false;
    for rule in rules {
        match rule {
            Rule::None => {}
            Rule::Accept => accepted = true,
            Rule::Decisive => return Verdict::Accept,
            Rule::Drop => return Verdict::Drop,
            Rule::Reject => return Verdict::Reject,
        }
    }
    if accepted { Verdict::Accept } else { default }
}

fn ends(rule: Rule) -> bool {
    !matches!(rule, Rule::None | Rule::Accept)
}

#[test]
fn each_is_held_in_place_of_the_enforced_one() {
    let defaults = Verdict::ALL;
    for global in RULES {
        for own in RULES {
            for staged_global in RULES {
                for staged_own in RULES {
                    for default in defaults {
                        one_case([global, own], [staged_global, staged_own], default);
                    }
                }
            }
        }
    }
}

fn one_case([global, own]: [Rule; 2], [staged_global, staged_own]: [Rule; 2], default: Verdict) {
    let enforced = [
        found(global, 200),
        if ends(global) {
            Match::NONE
        } else {
            found(own, 201)
        },
    ];
    let defaults = Cell::new(0);
    let compared = STAGED.compare(
        OWN,
        enforced,
        |column, question| {
            // Enforced rules are only questioned, staged ones use their rates.
            assert_eq!(question, column == OWN.column);
            match column {
                2 => found(own, 201),
                5 => found(staged_global, 300),
                6 => found(staged_own, 302),
                other => panic!("column {other}"),
            }
        },
        || {
            defaults.set(defaults.get() + 1);
            default
        },
    );
    assert!(defaults.get() <= 1);
    let real = reckoned([global, own], default);
    let instead = reckoned([staged_global, own], default);
    let slot = if staged_global == Rule::None {
        140
    } else {
        300
    };
    let expected = Compared {
        slot,
        verdict: instead,
        enforced: real,
    };
    assert_eq!(compared[0], expected);
    let instead = reckoned([global, staged_own], default);
    let slot = if staged_own == Rule::None { 150 } else { 302 };
    let expected = Compared {
        slot,
        verdict: instead,
        enforced: real,
    };
    let comes = !ends(global);
    let expected = if comes { expected } else { Compared::NOTHING };
    assert_eq!(compared[1], expected);
}

#[test]
fn what_is_not_staged_is_not_asked() {
    let none = Policies {
        global: Context::NONE,
        own: Context::NONE,
    };
    let enforced = [Match::NONE, found(Rule::Drop, 201)];
    let compared = none.compare(
        OWN,
        enforced,
        |_, _| panic!("no column"),
        || panic!("no default"),
    );
    assert_eq!(compared, Compared::NEITHER);
}

#[test]
fn another_image_compares_nothing() {
    for broken in [Match::CHANGED, Match::DAMAGED] {
        for column in [2, 5, 6] {
            let enforced = [found(Rule::Drop, 200), Match::NONE];
            let enforced = if column == 6 {
                [Match::NONE; 2]
            } else {
                enforced
            };
            let compared = STAGED.compare(
                OWN,
                enforced,
                |asked, _| {
                    if asked == column { broken } else { Match::NONE }
                },
                || Verdict::Accept,
            );
            assert_eq!(compared, Compared::NEITHER);
        }
    }
}

#[test]
fn words_hold_all_of_it() {
    assert_eq!(Compared::NOTHING.pack(), 0);
    for slot in [128, 65_534] {
        for verdict in Verdict::ALL {
            for enforced in Verdict::ALL {
                let compared = Compared {
                    slot,
                    verdict,
                    enforced,
                };
                assert_eq!(Compared::unpack(compared.pack()), compared);
                assert_eq!(compared.is_otherwise(), verdict != enforced);
            }
        }
    }
    assert_eq!(Policies::unpack(STAGED.pack()), STAGED);
}
