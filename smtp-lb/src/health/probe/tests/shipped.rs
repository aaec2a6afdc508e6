//! The programs under `config/monitors`, run as external monitors.

use super::mx::{Desk, Fault, PASSWORD, certificate, mx, pem};
use super::*;
use crate::config::plan::{ExternalMonitorPlan, Secret, Setting, Start};
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;

/// A program, how TLS begins with it, whether it logs in, whether it sends a message.
const PROGRAMS: [(&str, Option<Start>, bool, bool); 11] = [
    ("smtp-auth", None, true, false),
    ("smtp-message", None, false, true),
    ("smtp-auth-message", None, true, true),
    ("smtps", Some(Start::Implicit), false, false),
    ("smtps-auth", Some(Start::Implicit), true, false),
    ("smtps-message", Some(Start::Implicit), false, true),
    ("smtps-auth-message", Some(Start::Implicit), true, true),
    ("starttls", Some(Start::StartTls), false, false),
    ("starttls-auth", Some(Start::StartTls), true, false),
    ("starttls-message", Some(Start::StartTls), false, true),
    ("starttls-auth-message", Some(Start::StartTls), true, true),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/monitors")
}

async fn run(
    program: &str,
    address: SocketAddr,
    variables: &[(&str, &str)],
    password: PathBuf,
) -> Result<Transcript, ProbeError> {
    let text = |text: &str| Setting::Text(text.to_owned());
    let mut all = vec![
        ("USER".to_owned(), text("probe")),
        (
            "PASSWORD".to_owned(),
            Setting::Secret(Secret::File(password)),
        ),
        ("FROM".to_owned(), text("monitor@lb.example")),
        ("RCPT".to_owned(), text("probe@example.org")),
        ("DOMAIN".to_owned(), text("lb.example")),
        ("TIME".to_owned(), text("3")),
    ];
    let variables = variables.iter();
    all.extend(variables.map(|(name, value)| ((*name).to_owned(), text(value))));
    let plan = monitor(MonitorKind::External(ExternalMonitorPlan {
        program: folder().join(format!("{program}.sh")),
        variables: all,
    }));
    probe(&subject(address), &plan, LIMIT).await
}

#[tokio::test]
async fn the_table_is_the_folder() {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    let mut known = PROGRAMS.map(|(name, ..)| format!("{name}.sh"));
    known.sort_unstable();
    assert_eq!(found, known);
}

#[tokio::test]
async fn each_is_up_where_all_is_well_and_says_what_it_should() {
    let desk = Desk::new();
    let (server, _) = certificate(false);
    for (program, start, auth, message) in PROGRAMS {
        let mx = mx(start, Fault::Nothing, Arc::clone(&server)).await;
        let done = run(program, mx.address, &[], desk.path("password")).await;
        let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert_eq!(done.exchanges.last().unwrap().lines, ["UP"], "{program}");
        let heard = mx.heard.lock().unwrap().clone();
        assert!(
            heard.contains(&"EHLO lb.example".to_owned()),
            "{program}: {heard:?}"
        );
        let said = |word: &str| heard.iter().any(|line| line.starts_with(word));
        assert_eq!(
            said("STARTTLS"),
            start == Some(Start::StartTls),
            "{program}"
        );
        assert_eq!(said("AUTH"), auth, "{program}");
        assert_eq!(said("."), message, "{program}");
        assert_eq!(heard.last().map(String::as_str), Some("QUIT"), "{program}");
    }
}

#[tokio::test]
async fn each_is_down_for_each_fault() {
    let desk = Arc::new(Desk::new());
    let (server, _) = certificate(false);
    // Most of it is waiting.
    let mut programs = JoinSet::new();
    for program in PROGRAMS {
        programs.spawn(is_down_for_each_fault(
            program,
            Arc::clone(&desk),
            Arc::clone(&server),
        ));
    }
    while let Some(done) = programs.join_next().await {
        done.unwrap();
    }
}

async fn is_down_for_each_fault(
    (program, start, auth, message): (&'static str, Option<Start>, bool, bool),
    desk: Arc<Desk>,
    server: Arc<rustls::ServerConfig>,
) {
    let faults = [
        (true, Fault::Greeting554, "554"),
        (true, Fault::ClosesAfterEhlo, "curl"),
        (true, Fault::SilentAfterGreeting, "timed out"),
        (true, Fault::Dribbles, "timed out"),
        (
            start == Some(Start::StartTls),
            Fault::NoStartTls,
            "STARTTLS",
        ),
        (
            start == Some(Start::StartTls),
            Fault::StartTlsRefused,
            "454",
        ),
        (start == Some(Start::Implicit), Fault::NoTls, "SSL"),
        (auth, Fault::NoAuth, "AUTH"),
        (message, Fault::SenderRefused, "550 5.7.1"),
        (message, Fault::RecipientRefused, "550 5.1.1"),
        (message, Fault::DataRefused, "451"),
        (message, Fault::MessageRefused, "452"),
    ];
    for (_, fault, says) in faults.into_iter().filter(|(counts, ..)| *counts) {
        let mx = mx(start, fault, Arc::clone(&server)).await;
        let done = run(program, mx.address, &[], desk.path("password")).await;
        let error = done
            .err()
            .unwrap_or_else(|| panic!("{program}: {fault:?} not seen"));
        let error = error.to_string();
        assert!(
            error.starts_with("program: nothing printed, exit status: 1"),
            "{error}"
        );
        assert!(
            says == "curl" || error.contains(says),
            "{program}, {fault:?}: {error}"
        );
        assert!(!error.contains(PASSWORD), "{error}");
    }
    if auth {
        let mx = mx(start, Fault::Nothing, Arc::clone(&server)).await;
        let done = run(program, mx.address, &[], desk.path("wrong")).await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains("535 5.7.8"), "{program}: {error}");
    }
}

#[tokio::test]
async fn certificates_are_verified_with_an_authority() {
    let desk = Desk::new();
    let (server, _) = certificate(false);
    let (expired, _) = certificate(true);
    for (server, name, good) in [
        (&server, "localhost", true),
        (&server, "example.org", false),
        (&expired, "localhost", false),
    ] {
        desk.put("ca", &pem(server));
        let ca = desk.path("ca").display().to_string();
        for (program, start) in [("smtps", Start::Implicit), ("starttls", Start::StartTls)] {
            let mx = mx(Some(start), Fault::Nothing, Arc::clone(server)).await;
            let variables = [("CA", ca.as_str()), ("NAME", name)];
            let done = run(program, mx.address, &variables, desk.path("password")).await;
            assert_eq!(done.is_ok(), good, "{program} {name}: {done:?}");
        }
    }
}
