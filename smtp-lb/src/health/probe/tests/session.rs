//! SMTP with all that can be asked for.

use super::mx::{Desk, Fault, PASSWORD, certificate, mx};
use super::*;
use crate::config::plan::{
    Mechanism, MonitorMessagePlan, MonitorTlsPlan, ServerTlsId, Setting, Start,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;

fn message(body: Option<PathBuf>) -> MonitorMessagePlan {
    MonitorMessagePlan {
        from: "monitor@lb.example".into(),
        rcpt: "probe@example.org".into(),
        subject: "smtp-lb monitor".into(),
        body,
    }
}

fn named(address: SocketAddr, tls: &Arc<Profiles>) -> Subject {
    Subject {
        address,
        host: Some("localhost".into()),
        tls: Arc::clone(tls),
    }
}

fn with(start: Start, profile: Option<usize>) -> MonitorTlsPlan {
    MonitorTlsPlan {
        start,
        profile: profile.map(ServerTlsId),
    }
}

/// The guide's ten monitors, those that it lacks, and each mechanism.
#[tokio::test]
async fn every_kind_succeeds_where_all_is_well() {
    let desk = Desk::new();
    desk.put("body", "one\n.two\nthree\n");
    let (server, profiles) = certificate(false);
    let starts = [None, Some(Start::Implicit), Some(Start::StartTls)];
    let mechanisms = [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5];
    for start in starts {
        let mx = mx(start, Fault::Nothing, Arc::clone(&server)).await;
        for auth in [None, Some(0), Some(1), Some(2)] {
            for text in [false, true] {
                let plan = SmtpMonitorPlan {
                    tls: start.map(|start| with(start, auth.is_none().then_some(0))),
                    auth: auth.map(|at: usize| desk.auth(mechanisms[at], "password")),
                    message: text.then(|| message(Some(desk.path("body")))),
                    ..plain("lb.example")
                };
                mx.heard.lock().unwrap().clear();
                let plan = monitor(MonitorKind::Smtp(plan));
                let done = probe(&named(mx.address, &profiles), &plan, LIMIT).await;
                let transcript = done.unwrap_or_else(|error| panic!("{plan:?}: {error}"));
                let shown = format!("{transcript:?}");
                assert!(!shown.contains("tanstaaf"), "{shown}");
                assert!(!shown.contains(&STANDARD.encode(PASSWORD)), "{shown}");
                assert_eq!(shown.contains("TLS 1.3"), start.is_some(), "{shown}");
                let heard = mx.heard.lock().unwrap().clone();
                assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
                assert_eq!(heard.iter().any(|line| line == "..two"), text);
                assert_eq!(
                    heard.iter().filter(|line| line.starts_with("EHLO")).count(),
                    if start == Some(Start::StartTls) { 2 } else { 1 }
                );
            }
        }
    }
}

#[tokio::test]
async fn each_fault_is_told_with_its_step() {
    use Fault::*;
    let desk = Desk::new();
    desk.put("eight", "größer\n");
    let (server, profiles) = certificate(false);
    let implicit = || Some(with(Start::Implicit, Some(0)));
    let starttls = || Some(with(Start::StartTls, Some(0)));
    let auth = |password| Some(desk.auth(Mechanism::Plain, password));
    let base = || plain("lb.example");
    let full = || SmtpMonitorPlan {
        tls: starttls(),
        auth: auth("password"),
        message: Some(message(None)),
        ..base()
    };
    let wrong = |mechanism| SmtpMonitorPlan {
        auth: Some(desk.auth(mechanism, "wrong")),
        ..full()
    };
    let table = [
        (Greeting554, full(), "greeting: 554 5.7.1 no service"),
        (ClosesAfterEhlo, full(), "EHLO: closed by the server"),
        (SilentAfterGreeting, full(), "EHLO: no answer within 2s"),
        (Dribbles, full(), "EHLO: no answer within 2s"),
        (HugeLine, full(), "EHLO: reply line longer than 2048 octets"),
        (OldHello, full(), "EHLO: 502 what?"),
        (
            NoStartTls,
            full(),
            "STARTTLS: the server does not offer STARTTLS",
        ),
        (StartTlsRefused, full(), "STARTTLS: 454 not now"),
        (
            InjectsAfterStartTls,
            full(),
            "STARTTLS: server talks unasked",
        ),
        (
            NoTls,
            SmtpMonitorPlan {
                tls: implicit(),
                ..full()
            },
            "TLS handshake: the server does not speak TLS",
        ),
        (NoAuth, full(), "AUTH: the server does not offer AUTH PLAIN"),
        (
            Nothing,
            wrong(Mechanism::Plain),
            "AUTH: 535 5.7.8 authentication failed",
        ),
        (
            Nothing,
            wrong(Mechanism::Login),
            "AUTH: 535 5.7.8 authentication failed",
        ),
        (
            Nothing,
            wrong(Mechanism::CramMd5),
            "AUTH: 535 5.7.8 authentication failed",
        ),
        (SenderRefused, full(), "MAIL: 550 5.7.1 not you"),
        (RecipientRefused, full(), "RCPT: 550 5.1.1 nobody"),
        (DataRefused, full(), "DATA: 451 later"),
        (MessageRefused, full(), "end of data: 452 4.3.1 full"),
    ];
    for (fault, plan, expected) in table {
        let start = plan.tls.map(|tls| tls.start);
        let mx = mx(start, fault, Arc::clone(&server)).await;
        let plan = monitor(MonitorKind::Smtp(plan));
        let limit = Duration::from_secs(2);
        let error = probe(&named(mx.address, &profiles), &plan, limit).await;
        let error = error
            .err()
            .unwrap_or_else(|| panic!("{fault:?} was not seen"));
        assert_eq!(error.to_string(), expected, "{fault:?}");
        let rejected = matches!(error.cause, Cause::Rejected(_) | Cause::NotOffered(_));
        let quit = mx
            .heard
            .lock()
            .unwrap()
            .last()
            .is_some_and(|line| line == "QUIT");
        assert_eq!(quit, rejected, "{fault:?}: QUIT where it can be heard");
    }
    // HELO will do where nothing of EHLO is needed.
    let mx = mx(None, OldHello, server).await;
    assert!(smtp(mx.address, "lb.example", LIMIT).await.is_ok());
}

#[tokio::test]
async fn a_server_that_repeats_the_password_gives_nothing_away() {
    let desk = Desk::new();
    desk.put("password2", PASSWORD);
    let (server, _) = certificate(false);
    let mx = mx(None, Fault::EchoesPassword, server).await;
    // The right password for another user, and so refused.
    let mut auth = desk.auth(Mechanism::Plain, "password2");
    auth.user = Setting::Text("other".into());
    let plan = SmtpMonitorPlan {
        auth: Some(auth),
        ..plain("lb.example")
    };
    let plan = monitor(MonitorKind::Smtp(plan));
    let error = probe(&subject(mx.address), &plan, LIMIT).await.unwrap_err();
    assert_eq!(error.to_string(), "AUTH: 535 ******** is ********?");
    let shown = format!("{:?}", error.transcript);
    assert!(shown.contains("AUTH PLAIN ********"), "{shown}");
    assert!(!shown.contains("tanstaaf") && !shown.contains(&STANDARD.encode(PASSWORD)));
}

#[tokio::test]
async fn certificates_are_verified_if_a_profile_says_so() {
    let (good, profiles) = certificate(false);
    let (expired, its_profiles) = certificate(true);
    let (_, strangers) = certificate(false);
    let alien = |address| Subject {
        host: None,
        ..named(address, &profiles)
    };
    for start in [Start::Implicit, Start::StartTls] {
        let plan = |profile| {
            monitor(MonitorKind::Smtp(SmtpMonitorPlan {
                tls: Some(with(start, profile)),
                ..plain("lb.example")
            }))
        };
        let ours = mx(Some(start), Fault::Nothing, Arc::clone(&good)).await;
        let old = mx(Some(start), Fault::Nothing, Arc::clone(&expired)).await;
        let table = [
            (
                named(old.address, &its_profiles),
                "TLS handshake: the certificate has expired",
            ),
            (
                named(ours.address, &strangers),
                "TLS handshake: the certificate is not of a trusted authority",
            ),
            (
                alien(ours.address),
                "TLS handshake: the certificate is for another name",
            ),
        ];
        for (subject, expected) in table {
            let error = probe(&subject, &plan(Some(0)), LIMIT).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
            // As with curl -k.
            assert!(probe(&subject, &plan(None), LIMIT).await.is_ok());
        }
    }
}

#[tokio::test]
async fn what_is_ours_is_told_before_anybody_is_bothered() {
    let desk = Desk::new();
    desk.put("long", &"x".repeat(70_000));
    desk.put("nul", "a\0b");
    let base = || plain("lb.example");
    let table = [
        (
            SmtpMonitorPlan {
                auth: Some(desk.auth(Mechanism::Plain, "gone")),
                ..base()
            },
            "gone does not exist",
        ),
        (
            SmtpMonitorPlan {
                message: Some(message(Some(desk.path("long")))),
                ..base()
            },
            "long is larger than 64 KiB",
        ),
        (
            SmtpMonitorPlan {
                message: Some(message(Some(desk.path("nul")))),
                ..base()
            },
            "the text of the message holds a bare CR or a NUL",
        ),
    ];
    for (plan, expected) in table {
        let plan = monitor(MonitorKind::Smtp(plan));
        // Nobody listens, and nobody is asked.
        let address = "127.0.0.1:1".parse().unwrap();
        let error = probe(&subject(address), &plan, LIMIT).await.unwrap_err();
        assert_eq!(error.step, Step::Prepare);
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
