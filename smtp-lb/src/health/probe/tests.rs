mod external;
mod mx;
mod session;
mod shipped;
mod simple;

use super::*;
use crate::config::plan::SmtpMonitorPlan;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longer than any probe here takes that is not meant to time out.
const LIMIT: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(300);

/// What a scripted server does.
#[derive(Debug, Clone)]
enum Act {
    Send(&'static str),
    /// Takes a line, and sees to it that nothing comes behind it.
    Hear(&'static str),
    /// A byte now and then, for ever.
    Drip(u8),
    /// So many bytes.
    Flood(usize),
    /// Nothing, until the client leaves.
    Wait,
}

use Act::{Drip, Flood, Hear, Send, Wait};

/// A monitor of this kind; its times are of no account here.
fn monitor(kind: MonitorKind) -> MonitorPlan {
    MonitorPlan {
        name: "test".into(),
        kind,
        send_proxy: None,
        interval: LIMIT,
        timeout: LIMIT,
        jitter: Duration::ZERO,
        rise: 1,
        fall: None,
        manual_resume: false,
    }
}

fn subject(address: SocketAddr) -> Subject {
    Subject {
        address,
        host: None,
        tls: Arc::default(),
    }
}

fn plain(domain: &str) -> SmtpMonitorPlan {
    SmtpMonitorPlan {
        domain: domain.into(),
        source: None,
        tls: None,
        auth: None,
        message: None,
    }
}

async fn smtp(
    address: SocketAddr,
    domain: &str,
    limit: Duration,
) -> Result<Transcript, ProbeError> {
    let plan = monitor(MonitorKind::Smtp(plain(domain)));
    probe(&subject(address), &plan, limit).await
}

/// Plays the script to one client, and expects it to leave at the end.
async fn server(script: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        for act in script {
            match act {
                Send(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                Hear(expected) => {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    assert_eq!(line, format!("{expected}\r\n"));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    assert!(stream.buffer().is_empty(), "pipelined");
                    // None behind it is either nothing yet or the client's leaving.
                    let more = stream.get_ref().try_read(&mut [0; 10]);
                    assert_eq!(more.unwrap_or(0), 0, "pipelined");
                }
                Drip(byte) => {
                    while stream.write_all(&[byte]).await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                Flood(count) => {
                    // The client is right to leave early.
                    let _ = stream.write_all(&vec![b'x'; count]).await;
                }
                Wait => while stream.read(&mut [0; 100]).await.is_ok_and(|read| read > 0) {},
            }
        }
    });
    (address, task)
}

#[tokio::test]
async fn what_succeeds() {
    let (hello, quit) = (Hear("EHLO lb.example"), Hear("QUIT"));
    let simple = vec![
        Send("220 mx\r\n"),
        hello.clone(),
        Send("250 mx\r\n"),
        quit.clone(),
        Send("221 bye\r\n"),
        Wait,
    ];
    let multiline = vec![
        Send("220-mx\r\n220 ESMTP\r\n"),
        hello.clone(),
        Send("250-mx\r"),
        Send("\n250-SIZE 1\r\n25"),
        Send("0 HELP\r\n"),
        quit.clone(),
        Send("221-2.0.0\r\n221 bye\r\n"),
        Wait,
    ];
    let old = vec![
        Send("220 mx\r\n"),
        hello,
        Send("502 5.5.1 what?\r\n"),
        Hear("HELO lb.example"),
        Send("250 mx\r\n"),
        quit,
        Send("221\r\n"),
        Wait,
    ];
    let table = [
        (simple, vec![220, 250, 221]),
        (multiline, vec![220, 250, 221]),
        (old, vec![220, 502, 250, 221]),
    ];
    for (script, codes) in table {
        let (address, task) = server(script).await;
        let transcript = smtp(address, "lb.example", LIMIT).await.unwrap();
        let said = transcript.exchanges.iter();
        let said: Vec<_> = said.filter_map(|said| said.code).collect();
        assert_eq!(said, codes);
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_fails_and_where() {
    let hello = || Hear("EHLO lb.example");
    let greeted = |rest: Vec<Act>| [vec![Send("220 mx\r\n"), hello()], rest].concat();
    let parting = |text| greeted(vec![Send("250 mx\r\n"), Hear("QUIT"), Send(text)]);
    let table = [
        (
            vec![
                Send("554 no\x1b \u{fc}\r\n"),
                Hear("QUIT"),
                Send("221 bye\r\n"),
                Wait,
            ],
            "greeting: 554 no\\x1b \\xc3\\xbc",
        ),
        (vec![Send("421 busy\r\n")], "greeting: 421 busy"),
        (
            vec![Send("250 mx\r\n"), Hear("QUIT"), Wait],
            "greeting: 250 mx",
        ),
        (vec![], "greeting: closed by the server"),
        (vec![Send("220-mx\r\n")], "greeting: closed by the server"),
        (vec![Send("220 mx\n"), Wait], "greeting: bare LF in a reply"),
        (
            vec![Send("HTTP/1.1 400\r\n"), Wait],
            "greeting: reply without a code",
        ),
        (
            vec![Send("220 a\r\n250 b\r\n"), Wait],
            "greeting: server talks unasked",
        ),
        (
            vec![Send("220-"), Flood(1_000_000), Wait],
            "greeting: reply line longer than 2048 octets",
        ),
        (greeted(vec![]), "EHLO: closed by the server"),
        (
            greeted(vec![Send("451 later\r\n"), Hear("QUIT"), Wait]),
            "EHLO: 451 later",
        ),
        (
            greeted(vec![Send("250-mx\r\n550 no\r\n"), Wait]),
            "EHLO: reply changes its code from 250 to 550",
        ),
        (
            greeted(vec![
                Send("500 no\r\n"),
                Hear("HELO lb.example"),
                Send("550-really\r\n550 not\r\n"),
                Hear("QUIT"),
                Wait,
            ]),
            "HELO: 550 not",
        ),
        (parting("500 what?\r\n"), "QUIT: 500 what?"),
        (parting(""), "QUIT: closed by the server"),
    ];
    for (script, expected) in table {
        let shown = format!("{script:?}");
        let (address, task) = server(script).await;
        let error = smtp(address, "lb.example", LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{shown}");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn the_whole_probe_has_one_limit() {
    let greeting = [Send("220 mx\r\n"), Hear("EHLO lb.example")];
    let table = [
        (vec![Wait], "greeting: no answer within 300ms", 0),
        (
            vec![Send("220 "), Drip(b'x')],
            "greeting: no answer within 300ms",
            0,
        ),
        (
            [&greeting[..], &[Wait]].concat(),
            "EHLO: no answer within 300ms",
            1,
        ),
        (
            [&greeting[..], &[Send("250-"), Drip(b'x')]].concat(),
            "EHLO: no answer within 300ms",
            1,
        ),
    ];
    for (script, expected, replies) in table {
        let (address, task) = server(script).await;
        let error = smtp(address, "lb.example", BRIEF).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        let heard = error.transcript.exchanges.iter();
        assert_eq!(heard.filter(|said| said.code.is_some()).count(), replies);
        task.await.unwrap();
    }
}

#[tokio::test]
async fn progress_is_seen_and_ends() {
    let (address, task) = server(vec![Send("220 mx\r\n"), Hear("EHLO x"), Wait]).await;
    let progress = Arc::new(Progress::default());
    let seen = Arc::clone(&progress);
    let probe = tokio::spawn(async move {
        let plan = monitor(MonitorKind::Smtp(plain("x")));
        let _ = observed(&subject(address), &plan, LIMIT, &seen).await;
    });
    while progress.get() != Some(Step::Ehlo) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    probe.abort();
    let _ = probe.await;
    assert_eq!(progress.get(), None);
    task.await.unwrap();
}

#[tokio::test]
async fn nobody_there() {
    let address = {
        let listener = std::net::TcpListener::bind("127.13.7.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = smtp(address, "lb.example", LIMIT).await.unwrap_err();
    assert_eq!(error.to_string(), "connect: refused");
}

#[tokio::test]
async fn a_domain_cannot_smuggle_commands() {
    let (address, task) = server(vec![Wait]).await;
    for domain in ["", "a b", "a\r\nMAIL FROM:<>", "\u{fc}"] {
        let error = smtp(address, domain, LIMIT).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Domain), "{error}");
    }
    task.abort();
}
