//! Sessions over DNS by a table and a store in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use futures_util::FutureExt;
use hickory_resolver::proto::rr::rdata::{A, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::super::tests::{NOW, SETS, Set, Stage, check, domains, networks};
use super::*;
use crate::config::plan::{DisallowedClientPlan, ExceptionsPlan, RejectAt, SmtpProfilePlan};
use crate::dns::{QuestionError, Questions};
use crate::security::Services;
use crate::security::question::{Answer, Note, Question};
use crate::security::rate::Rate;

const BOTH: Set = Set {
    alarm: true,
    block: true,
};
const SECOND: u64 = 1_000_000_000;

type Asked = Arc<Mutex<Vec<String>>>;
type OfSet = fn(Set) -> SmtpProfilePlan;
type Records = &'static [(&'static str, &'static str)];

/// The client is 192.0.2.7 = mail.good.example, and may send for it.
const GOOD: Records = &[
    ("PTR 7.2.0.192.in-addr.arpa", "mail.good.example"),
    ("A mail.good.example", "192.0.2.7"),
    ("MX good.example", "mail.good.example"),
    ("TXT good.example", "v=spf1 mx -all"),
];
/// It has no name, and may not.
const BAD: Records = &[
    ("A 7.2.0.192.bl.example", "127.0.0.2"),
    ("TXT bad.example", "v=spf1 -all"),
];

fn data(kind: &str, text: &str) -> RData {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    match kind {
        "A" => RData::A(A(text.parse().unwrap())),
        "MX" => RData::MX(MX::new(10, name(text))),
        "PTR" => RData::PTR(PTR(name(text))),
        // A bar between its strings.
        _ => RData::TXT(TXT::new(text.split('|').map(str::to_owned).collect())),
    }
}

/// Questions that fail are those of which `fails` says so.
fn dns(
    records: Records,
    fails: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Questions, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let mut table: HashMap<&str, Vec<RData>> = HashMap::new();
    for (question, answer) in records {
        let kind = question.split(' ').next().unwrap();
        table.entry(question).or_default().push(data(kind, answer));
    }
    let questions = Questions::of_table(Box::new(move |kind: RecordType, name: &str| {
        let question = format!("{kind} {name}");
        noted.lock().unwrap().push(question.clone());
        if fails(&question) {
            return Err(QuestionError::ServerFailure);
        }
        let found = table.get(question.as_str()).cloned();
        found.ok_or(QuestionError::NoSuchName)
    }));
    (questions, asked)
}

fn services(dns: Questions) -> Services {
    let services = Services::null();
    services.ask(dns);
    services
}

fn list() -> dnsbl::Settings {
    dnsbl::Settings {
        zones: vec![dnsbl::Zone {
            name: "bl.example".into(),
            weight: 1,
            answers: Vec::new(),
        }],
        threshold: 1,
        when_away: WhenAway::Refuse,
    }
}

fn by_dns(set: Set) -> SmtpProfilePlan {
    SmtpProfilePlan {
        client_dns: Some(check(set, client_dns::Settings::default())),
        dnsbl: Some(check(set, list())),
        sender_domain: Some(check(set, sender_domain::Settings::default())),
        spf: Some(check(set, spf::Settings::default())),
        ..SmtpProfilePlan::default()
    }
}

fn code(answer: &Answer) -> &str {
    match answer {
        Answer::Refuse(refusal) => refusal.reply.split_at(10).0,
        _ => "",
    }
}

#[test]
fn who_is_good_passes_and_each_question_is_asked_once() {
    let (dns, asked) = dns(GOOD, |_| false);
    let stage = Stage::with(by_dns(BOTH), services(dns));
    stage.session.ask_ahead().unwrap().now_or_never().unwrap();
    let ahead = [
        "PTR 7.2.0.192.in-addr.arpa",
        "A mail.good.example",
        "A 7.2.0.192.bl.example",
    ];
    let mut before = std::mem::take(&mut *asked.lock().unwrap());
    before.sort();
    let mut ahead = ahead.map(str::to_owned);
    ahead.sort();
    assert_eq!(before, ahead);
    stage.hello("mail.good.example");
    assert!(matches!(stage.mail("a@good.example"), Answer::Within(_)));
    let all = asked.lock().unwrap().join(", ");
    assert_eq!(
        all,
        "MX good.example, TXT good.example, MX good.example, A mail.good.example"
    );
    assert_eq!(
        stage.session.results(),
        "client-dns=pass dnsbl=pass sender-domain=pass spf=pass"
    );
    assert!(stage.kept().is_empty());
}

#[test]
fn each_check_alone_alarms_blocks_both_or_asks_nothing() {
    let plans: [(Check, OfSet, &str); 5] = [
        (
            Check::ClientDns,
            |set| SmtpProfilePlan {
                client_dns: by_dns(set).client_dns,
                ..SmtpProfilePlan::default()
            },
            "550 5.7.25",
        ),
        (
            Check::Dnsbl,
            |set| SmtpProfilePlan {
                dnsbl: by_dns(set).dnsbl,
                ..SmtpProfilePlan::default()
            },
            "550 5.7.1 ",
        ),
        (
            Check::SenderDomain,
            |set| SmtpProfilePlan {
                sender_domain: by_dns(set).sender_domain,
                ..SmtpProfilePlan::default()
            },
            "450 4.1.8 ",
        ),
        (
            Check::Spf,
            |set| SmtpProfilePlan {
                spf: by_dns(set).spf,
                ..SmtpProfilePlan::default()
            },
            "550 5.7.23",
        ),
        (
            Check::SenderRate,
            |set| SmtpProfilePlan {
                sender_rate: Some(check(
                    set,
                    Rate {
                        limit: 0,
                        window: 60,
                    },
                )),
                ..SmtpProfilePlan::default()
            },
            "450 4.7.1 ",
        ),
    ];
    for (name, plan, refusal) in plans {
        for set in SETS {
            let (dns, _) = dns(BAD, |_| false);
            let stage = Stage::with(plan(set), services(dns));
            let answer = stage.mail("a@bad.example");
            assert_eq!(
                code(&answer),
                if set.block { refusal } else { "" },
                "{name}"
            );
            assert_eq!(stage.counted(name), 1);
            stage.session.note(&Note::Ended, NOW);
            assert_eq!(stage.kept().len(), usize::from(set.alarm));

            // The same, said to the recipient.
            let (dns, _) = self::dns(BAD, |_| false);
            let later = SmtpProfilePlan {
                reject_at: RejectAt::Rcpt,
                ..plan(set)
            };
            let stage = Stage::with(later, services(dns));
            assert!(matches!(stage.mail("a@bad.example"), Answer::Within(_)));
            let answer = stage.rcpt("b@b");
            assert_eq!(code(&answer), if set.block { refusal } else { "" });
            stage.session.note(&Note::Ended, NOW);
            assert_eq!(stage.counted(name), 1);
            let recipients = stage.kept().into_iter().map(|it| it.recipient);
            assert!(recipients.eq(set.alarm.then_some("b@b")), "{name}");
        }
        let (dns, asked) = dns(BAD, |_| false);
        let none = Stage::with(SmtpProfilePlan::default(), services(dns));
        assert!(none.session.ask_ahead().is_none());
        assert!(matches!(none.mail("a@bad.example"), Answer::Within(_)));
        assert!(asked.lock().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn whom_an_exception_is_for_is_not_asked_about() {
    for exceptions in [
        ExceptionsPlan {
            networks: networks(&["192.0.2.0/24"]),
            ..ExceptionsPlan::default()
        },
        ExceptionsPlan {
            domains: domains(&["bad.example"]),
            ..ExceptionsPlan::default()
        },
    ] {
        let (dns, asked) = dns(BAD, |_| false);
        let plan = SmtpProfilePlan {
            exceptions,
            ..by_dns(BOTH)
        };
        let stage = Stage::with(plan, services(dns));
        assert_eq!(code(&stage.mail("a@bad.example")), "");
        assert!(asked.lock().unwrap().is_empty());
        assert!(stage.kept().is_empty());
    }
}

#[test]
fn clients_are_disallowed_by_names_that_lead_back() {
    let plan = SmtpProfilePlan {
        disallowed_client: Some(check(
            BOTH,
            DisallowedClientPlan {
                domains: crate::config::plan::DomainsPlan {
                    below: ["good.example".to_owned()].into(),
                    ..domains(&[])
                },
                ..DisallowedClientPlan::default()
            },
        )),
        ..SmtpProfilePlan::default()
    };
    let liar: Records = &[("PTR 7.2.0.192.in-addr.arpa", "mail.good.example")];
    for (records, refusal) in [(GOOD, "550 5.7.1 "), (liar, ""), (BAD, "")] {
        let (dns, _) = dns(records, |_| false);
        let stage = Stage::with(plan.clone(), services(dns));
        assert_eq!(code(&stage.mail("a@b.example")), refusal);
    }
}

#[test]
fn greylisting_by_network_and_by_spf_domain() {
    let greylist = |by_spf_domain| SmtpProfilePlan {
        greylist: Some(check(
            BOTH,
            greylist::Settings {
                by_spf_domain,
                ..greylist::Settings::default()
            },
        )),
        ..SmtpProfilePlan::default()
    };
    for (by_spf, passes_from_elsewhere) in [(false, false), (true, true)] {
        let records: Records = &[("TXT good.example", "v=spf1 +all")];
        let (dns, asked) = dns(records, |_| false);
        let stage = Stage::with(greylist(by_spf), services(dns));
        stage.mail("a@good.example");
        assert_eq!(code(&stage.rcpt("joe@example.org")), "450 4.7.1 ");
        assert_eq!(asked.lock().unwrap().len(), usize::from(by_spf));
        let later = NOW + 300 * SECOND;
        let elsewhere = stage.another("198.51.100.1");
        let ask = |question| {
            elsewhere
                .judge(&question, later)
                .now_or_never()
                .unwrap()
                .answer
        };
        ask(Question::Mail {
            sender: "a@good.example".into(),
            size: None,
            loose: false,
        });
        let answer = ask(Question::Rcpt {
            recipient: "joe@example.org".into(),
            loose: false,
        });
        assert_eq!(code(&answer).is_empty(), passes_from_elsewhere);
        assert_eq!(stage.kept()[0].recipient, "joe@example.org");
    }
}

#[test]
fn a_message_counts_once_for_each_domain_of_its_recipients() {
    let plan = SmtpProfilePlan {
        recipient_rate: Some(check(
            BOTH,
            Rate {
                limit: 2,
                window: 60,
            },
        )),
        ..SmtpProfilePlan::default()
    };
    let stage = Stage::with(plan, Services::null());
    for _ in 0..2 {
        stage.mail("a@b.example");
        for recipient in ["a@one.example", "b@One.example", "c@two.example"] {
            assert_eq!(code(&stage.rcpt(recipient)), "");
        }
    }
    stage.mail("a@b.example");
    assert_eq!(code(&stage.rcpt("a@one.example")), "450 4.7.1 ");
    assert_eq!(code(&stage.rcpt("a@three.example")), "");
}

#[test]
fn a_harvester_is_slowed_and_sent_away() {
    let plan = SmtpProfilePlan {
        harvest: Some(check(BOTH, crate::security::harvest::Policy::default())),
        ..SmtpProfilePlan::default()
    };
    let stage = Stage::with(plan, Services::null());
    let session = Arc::new(stage.another("192.0.2.7"));
    let unknown = || session.count_unknown(NOW).unwrap().now_or_never().unwrap();
    let rcpt = || {
        let recipient = Question::Rcpt {
            recipient: "x@example.org".into(),
            loose: false,
        };
        session.judge(&recipient, NOW).now_or_never().unwrap()
    };
    assert!(rcpt().after.is_zero());
    (0..10).for_each(|_| unknown());
    assert!(!rcpt().after.is_zero() && code(&rcpt().answer).is_empty());
    (0..11).for_each(|_| unknown());
    let judged = rcpt();
    assert_eq!(judged.offence, Some(crate::config::plan::Offence::Harvest));
    let Answer::Refuse(refusal) = judged.answer else {
        panic!("21 of 20");
    };
    assert!(refusal.close && refusal.reply.starts_with("421 4.7.0 "));
    assert!(stage.counted(Check::Harvest) > 0);
}

/// Of 10,000 messages under failures of DNS at random none is refused for good because of one, and each
/// that would be refused is refused, for good or for now.
#[test]
fn no_message_is_lost_to_a_failure() {
    let strict = |set| SmtpProfilePlan {
        sender_domain: Some(check(
            set,
            sender_domain::Settings {
                permanent: true,
                ..sender_domain::Settings::default()
            },
        )),
        ..by_dns(set)
    };
    let mut seen = [0_u32; 3];
    for message in 0..10_000_u64 {
        let good = !message.is_multiple_of(4);
        let chance = message.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let fails = move |question: &str| {
            let hash = question.bytes().fold(chance, |hash, octet| {
                (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
            });
            (hash >> 40).is_multiple_of(8)
        };
        let (records, sender) = if good {
            (GOOD, "a@good.example")
        } else {
            (BAD, "a@bad.example")
        };
        let (dns, _) = dns(records, fails);
        let stage = Stage::with(strict(BOTH), services(dns));
        let answer = stage.mail(sender);
        match (code(&answer).as_bytes().first(), good) {
            (None, true) => seen[0] += 1,
            (Some(b'4'), _) => seen[1] += 1,
            (Some(b'5'), false) => seen[2] += 1,
            (_, _) => panic!("message {message} ({sender}): {answer:?}"),
        }
    }
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
}

/// RFC 7208.
#[test]
fn section_3_3_strings_of_a_record_are_put_together_without_spaces() {
    let records: Records = &[
        ("TXT good.example", "v=spf1 ip4:192.0|.2.7 -a|ll"),
        ("TXT bad.example", "v=spf1 ip4:192.0.2.| 7 -all"),
    ];
    let (dns, _) = dns(records, |_| false);
    let plan = SmtpProfilePlan {
        spf: Some(check(
            BOTH,
            spf::Settings {
                permerror: spf::Then::Refuse,
                ..spf::Settings::default()
            },
        )),
        ..SmtpProfilePlan::default()
    };
    let stage = Stage::with(plan, services(dns));
    assert_eq!(code(&stage.mail("a@good.example")), "");
    assert_eq!(code(&stage.mail("a@bad.example")), "550 5.7.24");
}

/// RFC 7208: names are asked for as A-labels, whatever the sender wrote.
#[test]
fn section_4_3_internationalized_names_are_asked_for_as_a_labels() {
    let records: Records = &[("TXT xn--bcher-kva.example", "v=spf1 -all")];
    let (dns, asked) = dns(records, |_| false);
    let plan = SmtpProfilePlan {
        spf: by_dns(BOTH).spf,
        ..SmtpProfilePlan::default()
    };
    let stage = Stage::with(plan, services(dns));
    assert_eq!(code(&stage.mail("a@B\u{fc}cher.example")), "550 5.7.23");
    assert_eq!(*asked.lock().unwrap(), ["TXT xn--bcher-kva.example"]);
}

#[test]
fn what_spf_found_is_told_to_members_if_they_are_to_hear_it() {
    for (received_spf, softfail) in [(true, false), (true, true), (false, false)] {
        let records: Records = &[("TXT good.example", "v=spf1 ?ip4:192.0.2.7 -all")];
        let soft: Records = &[("TXT good.example", "v=spf1 ~all")];
        let (dns, _) = dns(if softfail { soft } else { records }, |_| false);
        let plan = SmtpProfilePlan {
            spf: by_dns(BOTH).spf,
            received_spf,
            ..SmtpProfilePlan::default()
        };
        let stage = Stage::with(plan, services(dns));
        stage.hello("mx.good.example");
        let Answer::Within(bounds) = stage.mail("a@good.example") else {
            panic!("it passes");
        };
        if received_spf {
            let begins = if softfail {
                "Received-SPF: softfail (vs: "
            } else {
                "Received-SPF: neutral (vs: "
            };
            assert!(bounds.header.starts_with(begins), "{}", bounds.header);
            assert!(
                bounds.header.contains("helo=mx.good.example;\r\n"),
                "{}",
                bounds.header
            );
            assert!(bounds.header.ends_with("\r\n"));
        } else {
            assert_eq!(&*bounds.header, "");
        }
    }
}
