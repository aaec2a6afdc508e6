//! Sessions without SMTP: what they ask, and what they hear.

use futures_util::FutureExt;

use super::*;
use crate::config::plan::{
    CheckPlan, ClientRatePlan, DisallowedClientPlan, DisallowedSenderPlan, DomainsPlan,
    ExceptionsPlan, NetworksPlan, PregreetPlan, RejectAt, ServersPlan, SizePlan, SmtpProfilePlan,
};
use crate::security::Services;
use crate::security::question::{BareEndings, Bounds, Method};
use crate::security::violations::Filter;

pub(super) const NOW: u64 = 1_700_000_000_000_000_000;

/// How a check is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) alarm: bool,
    pub(super) block: bool,
}

pub(super) const SETS: [Set; 3] = [
    Set {
        alarm: true,
        block: false,
    },
    Set {
        alarm: false,
        block: true,
    },
    Set {
        alarm: true,
        block: true,
    },
];

pub(super) fn check<S>(set: Set, settings: S) -> CheckPlan<S> {
    CheckPlan {
        alarm: set.alarm,
        block: set.block,
        reply: None,
        servers: ServersPlan::All,
        settings,
    }
}

pub(super) fn networks(of: &[&str]) -> NetworksPlan {
    NetworksPlan::new(of.iter().map(|it| it.parse().unwrap()).collect())
}

pub(super) fn domains(of: &[&str]) -> DomainsPlan {
    DomainsPlan {
        exact: of.iter().map(|it| (*it).to_owned()).collect(),
        below: std::collections::HashSet::new(),
    }
}

pub(super) struct Stage {
    pub(super) services: Services,
    pub(super) engine: Arc<Engine>,
    pub(super) session: Session,
}

impl Stage {
    pub(super) fn new(profile: SmtpProfilePlan) -> Self {
        Self::with(profile, Services::null())
    }

    pub(super) fn with(profile: SmtpProfilePlan, services: Services) -> Self {
        let profile = SmtpProfilePlan {
            name: "p".into(),
            ..profile
        };
        let engine = Arc::new(Engine::new(&profile, "vs", &services, None));
        Self {
            session: Self::client(&engine, "192.0.2.7"),
            services,
            engine,
        }
    }

    pub(super) fn client(engine: &Arc<Engine>, address: &str) -> Session {
        let address = SocketAddr::new(address.parse().unwrap(), 4711);
        Session::new(Arc::clone(engine), address, "5e55".into())
    }

    pub(super) fn another(&self, address: &str) -> Session {
        Self::client(&self.engine, address)
    }

    pub(super) fn ask(&self, question: &Question) -> Answer {
        self.judge(question).answer
    }

    fn judge(&self, question: &Question) -> Judged {
        let judged = self.session.judge(question, NOW).now_or_never();
        judged.expect("it waits for nothing")
    }

    pub(super) fn hello(&self, name: &str) -> Answer {
        self.ask(&Question::Hello { name: name.into() })
    }

    pub(super) fn mail(&self, sender: &str) -> Answer {
        self.ask(&Question::Mail {
            sender: sender.into(),
            size: None,
            loose: false,
        })
    }

    pub(super) fn rcpt(&self, recipient: &str) -> Answer {
        self.ask(&Question::Rcpt {
            recipient: recipient.into(),
            loose: false,
        })
    }

    /// Violations that were kept, the oldest first, and how many were counted.
    pub(super) fn kept(&self) -> Vec<Violation> {
        let kept = self.services.recorder.own(&Filter::default(), usize::MAX);
        let mut kept: Vec<_> = kept.iter().map(|it| it.violation.clone()).collect();
        kept.reverse();
        kept
    }

    pub(super) fn counted(&self, check: Check) -> u64 {
        let stats = self.services.recorder.stats();
        let of = stats.checks.iter().filter(|it| it.check == check);
        of.map(|it| it.counted.alarmed + it.counted.blocked).sum()
    }
}

fn said(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Refuse(refusal) => Some(&refusal.reply),
        _ => None,
    }
}

/// For each way a check is set: passes or is refused by this, is kept or not, is counted once.
#[track_caller]
fn each_way(
    check: Check,
    profile: impl Fn(Set) -> SmtpProfilePlan,
    fails: impl Fn(&Stage) -> Answer,
    reply: &str,
) {
    for set in SETS {
        let stage = Stage::new(profile(set));
        let answer = fails(&stage);
        assert_eq!(said(&answer), set.block.then_some(reply), "{set:?}");
        // What passes waits for its message.
        stage.session.note(&Note::Ended, NOW);
        let kept = stage.kept();
        assert_eq!(kept.len(), usize::from(set.alarm), "{set:?}");
        assert_eq!(stage.counted(check), 1, "{set:?}");
        let word = if set.block { "block" } else { "alarm" };
        let results = stage.session.results();
        assert!(results.contains(&format!("{check}={word}")), "{results}");
        if let Some(violation) = kept.first() {
            assert_eq!((violation.check, &*violation.profile), (check, "p"));
            assert_eq!(&*violation.virtual_server, "vs");
            assert_eq!(violation.session, "5e55");
            assert!(!violation.reason.is_empty());
            let told = if set.block { reply.trim_end() } else { "" };
            assert_eq!(violation.reply, told);
        }
    }
    // Without the check nothing is found, and clients that are excepted are not looked at.
    let stage = Stage::new(SmtpProfilePlan::default());
    assert_eq!(said(&fails(&stage)), None);
    assert_eq!(
        (stage.counted(check), stage.session.results()),
        (0, String::new())
    );
    let both = Set {
        alarm: true,
        block: true,
    };
    let stage = Stage::new(SmtpProfilePlan {
        exceptions: ExceptionsPlan {
            networks: networks(&["192.0.2.0/24"]),
            ..ExceptionsPlan::default()
        },
        ..profile(both)
    });
    assert_eq!(said(&fails(&stage)), None);
    assert_eq!(stage.counted(check), 0);
}

#[test]
fn protocol_compliance() {
    let profile = |set| SmtpProfilePlan {
        protocol_compliance: Some(check(set, ())),
        ..SmtpProfilePlan::default()
    };
    let at = Check::ProtocolCompliance;
    let name = "501 5.5.4 Neither a domain nor an address literal\r\n";
    each_way(at, profile, |s| s.hello("192.0.2.7"), name);
    let long = format!("{}@a", "x".repeat(65));
    let local = "501 5.1.7 Local part is too long\r\n";
    each_way(at, profile, |s| s.mail(&long), local);
    let local = "501 5.1.3 Local part is too long\r\n";
    each_way(at, profile, |s| s.rcpt(&long), local);
}

#[test]
fn what_the_gateway_refuses_for_itself_is_told_of() {
    let set = Set {
        alarm: true,
        block: false,
    };
    let stage = Stage::new(SmtpProfilePlan {
        protocol_compliance: Some(check(set, ())),
        smuggling: Some(check(set, ())),
        size: Some(check(
            set,
            SizePlan {
                recipients: None,
                octets: Some(1),
            },
        )),
        ..SmtpProfilePlan::default()
    });
    stage.hello("c.example");
    let reply = "503 5.5.1 Say MAIL first";
    for note in [
        Note::Protocol(reply.into()),
        Note::Smuggling { refused: true },
        Note::TooBig { refused: false },
    ] {
        stage.session.note(&note, NOW);
    }
    let kept = stage.kept();
    let mut found: Vec<_> = kept
        .iter()
        .map(|it| (it.check, &*it.reason, &*it.reply))
        .collect();
    found.sort_unstable();
    let smuggling = (
        Check::Smuggling,
        "bare CR, bare LF or NUL in the message",
        "550 5.5.2",
    );
    assert_eq!(
        found,
        [
            (Check::ProtocolCompliance, "Say MAIL first", reply),
            smuggling,
            (Check::Size, "message too big", ""),
        ]
    );
    assert!(kept.iter().all(|it| it.helo == "c.example"));
}

#[test]
fn disallowed_clients() {
    let profile = |set| SmtpProfilePlan {
        disallowed_client: Some(check(
            set,
            DisallowedClientPlan {
                domains: DomainsPlan::default(),
                networks: networks(&["192.0.2.7/32"]),
            },
        )),
        ..SmtpProfilePlan::default()
    };
    let denied = "550 5.7.1 Access denied\r\n";
    each_way(Check::DisallowedClient, profile, |s| s.mail("a@a"), denied);
    let mut stage = Stage::new(profile(SETS[2]));
    stage.session = stage.another("192.0.2.8");
    assert!(matches!(stage.mail("a@a"), Answer::Within(_)));
    assert_eq!(stage.session.results(), "disallowed-client=pass");
}

#[test]
fn disallowed_senders() {
    let profile = |set| SmtpProfilePlan {
        disallowed_sender: Some(check(
            set,
            DisallowedSenderPlan {
                users: ["spam@a.example", "noreply@"].map(str::to_owned).into(),
                domains: domains(&["bad.example"]),
            },
        )),
        ..SmtpProfilePlan::default()
    };
    let rejected = "550 5.7.1 Sender address rejected\r\n";
    for bad in ["Spam@A.example", "noreply@any.example", "x@BAD.example"] {
        each_way(Check::DisallowedSender, profile, |s| s.mail(bad), rejected);
    }
    let stage = Stage::new(profile(SETS[2]));
    for good in ["", "postmaster", "ham@a.example", "x@not.bad.example"] {
        assert!(matches!(stage.mail(good), Answer::Within(_)), "{good}");
    }
}

#[test]
fn recipient_domains() {
    let profile = |set| SmtpProfilePlan {
        recipient_domain: Some(check(set, domains(&["ours.example"]))),
        ..SmtpProfilePlan::default()
    };
    let denied = "550 5.7.1 Relaying denied\r\n";
    for bad in [
        "x@theirs.example",
        "x@[192.0.2.1]",
        "@ours.example:x@theirs.example",
        "\"x@ours.example\"@a.b",
    ] {
        each_way(Check::RecipientDomain, profile, |s| s.rcpt(bad), denied);
    }
    let stage = Stage::new(profile(SETS[2]));
    for good in ["x@ours.example", "X@OURS.example", "postmaster"] {
        assert_eq!(stage.rcpt(good), Answer::Pass, "{good}");
    }
    // Each recipient is told of.
    stage.rcpt("a@theirs.example");
    stage.rcpt("b@theirs.example");
    let recipients: Vec<_> = stage.kept().into_iter().map(|it| it.recipient).collect();
    assert_eq!(recipients.len(), 2);
}

#[test]
fn methods() {
    let profile = |set| SmtpProfilePlan {
        methods: Some(check(set, vec![Method::Vrfy, Method::Expn])),
        ..SmtpProfilePlan::default()
    };
    let not = "502 5.5.1 Command not available\r\n";
    each_way(
        Check::Methods,
        profile,
        |s| s.ask(&Question::Method(Method::Vrfy)),
        not,
    );
    let stage = Stage::new(profile(SETS[2]));
    assert_eq!(stage.ask(&Question::Method(Method::Etrn)), Answer::Pass);
}

#[test]
fn pregreet() {
    let delay = Duration::from_secs(6);
    let profile = |set| SmtpProfilePlan {
        pregreet: Some(check(set, PregreetPlan { delay })),
        ..SmtpProfilePlan::default()
    };
    let early = |s: &Stage| match s.ask(&Question::Connect) {
        Answer::Wait(_) => s.ask(&Question::Early),
        answer => answer,
    };
    let turn = "554 5.5.0 You spoke out of turn, closing\r\n";
    each_way(Check::Pregreet, profile, early, turn);
    let stage = Stage::new(profile(SETS[2]));
    assert_eq!(stage.ask(&Question::Connect), Answer::Wait(delay));
    assert_eq!(
        stage.judge(&Question::Early).offence,
        Some(Offence::Pregreet)
    );
    // Who has waited need not do so again that day.
    stage.session.remember_wait(NOW).now_or_never().unwrap();
    assert_eq!(stage.ask(&Question::Connect), Answer::Pass);
    let tomorrow = stage
        .session
        .judge(&Question::Connect, NOW + 86_401_000_000_000);
    let tomorrow = tomorrow.now_or_never().unwrap();
    assert_eq!(tomorrow.answer, Answer::Wait(delay));
}

#[test]
fn connections_of_a_client() {
    let settings = ClientRatePlan {
        at_once: Some(1),
        rate: None,
        window: 60,
    };
    let profile = |set| SmtpProfilePlan {
        client_rate: Some(check(set, settings)),
        ..SmtpProfilePlan::default()
    };
    let second = |s: &Stage| {
        let first = Stage::client(&s.engine, "192.0.2.7");
        let judged = first.judge(&Question::Connect, NOW).now_or_never().unwrap();
        assert_eq!(judged.answer, Answer::Pass);
        s.ask(&Question::Connect)
    };
    let many = "421 4.7.0 Too many connections, closing\r\n";
    each_way(Check::ClientRate, profile, second, many);
}

#[test]
fn recipients_and_size() {
    let settings = SizePlan {
        recipients: Some(1),
        octets: Some(100),
    };
    let profile = |set| SmtpProfilePlan {
        size: Some(check(set, settings)),
        ..SmtpProfilePlan::default()
    };
    let second = |s: &Stage| {
        s.mail("a@a");
        assert_eq!(s.rcpt("b@b"), Answer::Pass);
        s.rcpt("c@c")
    };
    each_way(
        Check::Size,
        profile,
        second,
        "452 4.5.3 Too many recipients\r\n",
    );
    let big = |s: &Stage| {
        s.ask(&Question::Mail {
            sender: "a@a".into(),
            size: Some(101),
            loose: false,
        })
    };
    each_way(Check::Size, profile, big, "552 5.3.4 Message too big\r\n");
    // What comes without having been announced is the session's to look at.
    for set in SETS {
        let reply = set.block.then(|| "552 5.3.4 Message too big\r\n".into());
        let bounds = Bounds {
            endings: BareEndings::AsSet,
            size: Some((100, reply)),
            header: Box::default(),
        };
        assert_eq!(Stage::new(profile(set)).mail("a@a"), Answer::Within(bounds));
    }
}

#[test]
fn smuggling() {
    for set in SETS {
        let stage = Stage::new(SmtpProfilePlan {
            smuggling: Some(check(set, ())),
            ..SmtpProfilePlan::default()
        });
        let reply = "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n";
        let bounds = Bounds {
            endings: if set.block {
                BareEndings::Refuse(reply.into())
            } else {
                BareEndings::Repair
            },
            ..Bounds::default()
        };
        assert_eq!(stage.mail("a@a"), Answer::Within(bounds));
    }
}

#[test]
fn whom_no_check_is_for() {
    let profile = || SmtpProfilePlan {
        exceptions: ExceptionsPlan {
            networks: NetworksPlan::default(),
            domains: domains(&["friend.example"]),
            authenticated: true,
        },
        recipient_domain: Some(check(SETS[2], domains(&["ours.example"]))),
        ..SmtpProfilePlan::default()
    };
    let stage = Stage::new(profile());
    stage.mail("x@Friend.example");
    assert_eq!(stage.rcpt("a@b"), Answer::Pass);
    stage.mail("x@foe.example");
    assert!(said(&stage.rcpt("a@b")).is_some());
    stage.session.note(&Note::Authenticated, NOW);
    assert_eq!(stage.rcpt("a@b"), Answer::Pass);
    let mut strict = profile();
    strict.exceptions.authenticated = false;
    let stage = Stage::new(strict);
    stage.session.note(&Note::Authenticated, NOW);
    assert!(said(&stage.rcpt("a@b")).is_some());
}

#[test]
fn a_check_runs_where_it_is_to() {
    for (servers, runs) in [
        (ServersPlan::All, true),
        (ServersPlan::Only(vec!["vs".into()]), true),
        (ServersPlan::Only(vec!["other".into()]), false),
        (ServersPlan::Except(vec!["vs".into()]), false),
        (ServersPlan::Except(vec!["other".into()]), true),
    ] {
        let stage = Stage::new(SmtpProfilePlan {
            recipient_domain: Some(CheckPlan {
                servers: servers.clone(),
                ..check(SETS[2], domains(&["ours.example"]))
            }),
            ..SmtpProfilePlan::default()
        });
        assert_eq!(said(&stage.rcpt("a@b")).is_some(), runs, "{servers:?}");
    }
}

#[test]
fn operators_have_the_last_word() {
    let stage = Stage::new(SmtpProfilePlan {
        recipient_domain: Some(CheckPlan {
            reply: Some("{client} may not, {sender}: {reason}".into()),
            ..check(SETS[2], domains(&["ours.example"]))
        }),
        ..SmtpProfilePlan::default()
    });
    stage.mail("a@a");
    assert_eq!(
        said(&stage.rcpt("a@b")),
        Some("550 5.7.1 192.0.2.7 may not, a@a: no mail is received for the domain\r\n")
    );
}

/// A client that asks for much is told of once in a transaction, but for its recipients.
#[test]
fn violations_of_a_transaction_are_told_once() {
    let stage = Stage::new(SmtpProfilePlan {
        smuggling: Some(check(SETS[2], ())),
        ..SmtpProfilePlan::default()
    });
    for _ in 0..2 {
        stage.mail("a@a");
        for _ in 0..3 {
            stage.session.note(&Note::Smuggling { refused: true }, NOW);
        }
    }
    assert_eq!(stage.counted(Check::Smuggling), 2);
}

/// Both are of the sender; the one is told of, the other refuses.
fn of_sender(reject_at: RejectAt) -> SmtpProfilePlan {
    SmtpProfilePlan {
        reject_at,
        disallowed_client: Some(check(
            SETS[0],
            DisallowedClientPlan {
                domains: DomainsPlan::default(),
                networks: networks(&["192.0.2.7/32"]),
            },
        )),
        disallowed_sender: Some(check(
            SETS[2],
            DisallowedSenderPlan {
                users: std::collections::HashSet::new(),
                domains: domains(&["bad.example"]),
            },
        )),
        smuggling: Some(check(SETS[0], ())),
        size: Some(check(
            SETS[0],
            SizePlan {
                recipients: Some(1),
                octets: Some(10),
            },
        )),
        protocol_compliance: Some(check(SETS[0], ())),
        ..SmtpProfilePlan::default()
    }
}

fn header(stage: &Stage, message_id: &str) {
    let message_id = message_id.into();
    stage.session.note(&Note::Header { message_id }, NOW);
}

/// Check, recipient and `Message-ID` of what is kept, the oldest first.
fn known(stage: &Stage) -> Vec<(Check, String, String)> {
    let kept = stage.kept().into_iter();
    let mut known: Vec<_> = kept
        .map(|it| (it.check, it.recipient, it.message_id))
        .collect();
    known.sort();
    known
}

fn of(check: Check, recipient: &str, message_id: &str) -> (Check, String, String) {
    (check, recipient.to_owned(), message_id.to_owned())
}

#[test]
fn what_passes_is_told_with_recipient_and_message_id() {
    let stage = Stage::new(of_sender(RejectAt::Mail));
    assert!(matches!(stage.mail("a@a"), Answer::Within(_)));
    // Counted already, told not yet.
    assert_eq!(stage.counted(Check::DisallowedClient), 1);
    assert_eq!(known(&stage), []);
    stage.rcpt("b@b");
    stage.rcpt("c@c");
    // Found in the header, before the field.
    stage.session.note(&Note::Smuggling { refused: false }, NOW);
    assert_eq!(known(&stage), []);
    header(&stage, "<1@a>");
    // Found after it.
    stage.session.note(&Note::TooBig { refused: true }, NOW);
    let told = [
        of(Check::DisallowedClient, "b@b", "<1@a>"),
        of(Check::Smuggling, "c@c", "<1@a>"),
        of(Check::Size, "c@c", "<1@a>"),
        of(Check::Size, "c@c", "<1@a>"),
    ];
    assert_eq!(known(&stage), told);
    // Of what comes after the message it is not.
    stage.session.note(&Note::Ended, NOW);
    let unknown = Note::Protocol("500 5.5.1 Command unknown".into());
    stage.session.note(&unknown, NOW);
    let last = of(Check::ProtocolCompliance, "", "");
    assert!(known(&stage).contains(&last), "{:?}", known(&stage));
    assert_eq!(stage.counted(Check::DisallowedClient), 1);
}

#[test]
fn a_message_that_never_comes_is_told_of_all_the_same() {
    for end in 0..4 {
        let stage = Stage::new(of_sender(RejectAt::Mail));
        stage.mail("a@a");
        assert_eq!(known(&stage), []);
        match end {
            0 => stage.session.note(&Note::Ended, NOW),
            1 => drop(stage.mail("x@bad.example")),
            2 => drop(stage.hello("c.example")),
            _ => {}
        }
        let services = stage.services.clone();
        drop(stage);
        let kept = services.recorder.own(&Filter::default(), usize::MAX);
        let of_client = kept
            .iter()
            .filter(|it| it.violation.check == Check::DisallowedClient);
        // A second MAIL is of another transaction.
        assert_eq!(of_client.count(), 1 + usize::from(end == 1), "{end}");
    }
}

#[test]
fn violations_that_wait_are_bounded() {
    let stage = Stage::new(of_sender(RejectAt::Mail));
    stage.mail("a@a");
    stage.rcpt("b@b");
    for _ in 0..100 {
        stage.rcpt("c@c");
    }
    let told = stage.kept().len();
    assert_eq!(told, 101 - 64);
    header(&stage, "<1@a>");
    assert_eq!(stage.kept().len(), 101);
}

#[test]
fn refusals_are_told_at_once() {
    let stage = Stage::new(of_sender(RejectAt::Mail));
    assert!(said(&stage.mail("x@bad.example")).is_some());
    let told = [
        of(Check::DisallowedClient, "", ""),
        of(Check::DisallowedSender, "", ""),
    ];
    assert_eq!(known(&stage), told);
}

#[test]
fn a_sender_may_be_refused_to_its_recipients() {
    let stage = Stage::new(of_sender(RejectAt::Rcpt));
    let refused = "550 5.7.1 Sender address rejected\r\n";
    assert!(matches!(stage.mail("x@bad.example"), Answer::Within(_)));
    assert_eq!(known(&stage), []);
    for recipient in ["b@b", "c@c"] {
        assert_eq!(said(&stage.rcpt(recipient)), Some(refused), "{recipient}");
    }
    // Told once, for the first of them; what would have passed waits on.
    assert_eq!(known(&stage), [of(Check::DisallowedSender, "b@b", "")]);
    stage.session.note(&Note::Ended, NOW);
    let told = [
        of(Check::DisallowedClient, "b@b", ""),
        of(Check::DisallowedSender, "b@b", ""),
    ];
    assert_eq!(known(&stage), told);
    assert_eq!(stage.counted(Check::DisallowedSender), 1);
    // The next sender is not refused for that.
    assert!(matches!(stage.mail("a@a"), Answer::Within(_)));
    assert_eq!(stage.rcpt("b@b"), Answer::Pass);
    // Nobody to say it to: told without a recipient.
    stage.mail("y@bad.example");
    stage.session.note(&Note::Ended, NOW);
    let last = of(Check::DisallowedSender, "", "");
    assert!(known(&stage).contains(&last));
}

/// What is wrong with the command itself is said to it.
#[test]
fn syntax_and_size_are_refused_to_mail_whatever_else() {
    let stage = Stage::new(SmtpProfilePlan {
        size: Some(check(
            SETS[2],
            SizePlan {
                recipients: None,
                octets: Some(10),
            },
        )),
        ..of_sender(RejectAt::Rcpt)
    });
    let sized = stage.ask(&Question::Mail {
        sender: "x@bad.example".into(),
        size: Some(11),
        loose: false,
    });
    assert_eq!(said(&sized), Some("552 5.3.4 Message too big\r\n"));
    // And the sender is forgotten with it.
    assert_eq!(stage.rcpt("b@b"), Answer::Pass);
    assert_eq!(known(&stage).len(), 3);
}
