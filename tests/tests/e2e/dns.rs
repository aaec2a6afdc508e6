//! Questions of security checks, asked of a real name server.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use smtp_lb::dns::{QuestionError, QuestionSettings, Questions};
use smtp_lb_tests::daemon::binary;
use smtp_lb_tests::knot::Knot;

const LINES: &[&str] = &[
    "@ MX 20 b",
    "@ MX 10 a",
    "@ TXT \"v=spf1 ip4:192.0.2.0/24\" \" include:inc.good.test exp=why.good.test -all\"",
    "inc TXT \"v=spf1 a:c1.good.test ?all\"",
    "why TXT \"%{i} is not one of ours\"",
    "a A 192.0.2.1",
    "a AAAA 2001:db8::1",
    "b A 192.0.2.2",
    "none MX 0 .",
    "c1 CNAME c2",
    "c2 CNAME c3",
    "c3 CNAME a",
    "dangling CNAME nowhere",
    "textless CNAME a",
    "loop1 CNAME loop2",
    "loop2 CNAME loop1",
];

fn knot() -> Knot {
    let mut lines: Vec<String> = LINES.iter().map(|&line| line.to_owned()).collect();
    lines.extend((0..1000).map(|at| format!("huge A 10.0.{}.{}", at / 250, at % 250)));
    lines.extend((0..60).map(|at| format!("huge TXT \"{at} {}\"", "x".repeat(240))));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let reverse = [
        "1 PTR a.good.test.",
        "2 PTR b.good.test.",
        "2 PTR forged.good.test.",
    ];
    Knot::start(&[
        ("good.test", &lines),
        ("2.0.192.in-addr.arpa", &reverse),
        ("broken.test", &[]),
    ])
    .unwrap()
}

fn asking(servers: &[SocketAddr]) -> QuestionSettings {
    QuestionSettings {
        servers: servers.to_vec(),
        ..QuestionSettings::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn answers_are_read_whole_and_failures_told_apart() {
    let mut knot = knot();
    let settings = QuestionSettings {
        // For the one that nobody answers.
        timeout: Duration::from_secs(2),
        ..asking(&[knot.address()])
    };
    let dns = Questions::new(&settings).unwrap();
    runtime().block_on(async {
        assert_eq!(
            dns.mx("good.test").await.unwrap(),
            ["a.good.test", "b.good.test"]
        );
        assert_eq!(dns.mx("none.good.test").await.unwrap(), [""]);
        assert_eq!(
            dns.a("a.good.test").await.unwrap(),
            [Ipv4Addr::new(192, 0, 2, 1)]
        );
        assert_eq!(
            dns.a("c1.good.test").await.unwrap(),
            [Ipv4Addr::new(192, 0, 2, 1)]
        );
        assert_eq!(dns.aaaa("c1.good.test").await.unwrap().len(), 1);
        let mut names = dns.ptr("192.0.2.2".parse().unwrap()).await.unwrap();
        names.sort();
        assert_eq!(names, ["b.good.test", "forged.good.test"]);
        let text = dns.txt("good.test").await.unwrap();
        let expected = "v=spf1 ip4:192.0.2.0/24 include:inc.good.test exp=why.good.test -all";
        assert_eq!(text, [expected.as_bytes()]);
        // These do not fit into a datagram, and come over TCP.
        assert_eq!(dns.a("huge.good.test").await.unwrap().len(), 1000);
        assert_eq!(dns.txt("huge.good.test").await.unwrap().len(), 60);

        let missing = Err(QuestionError::NoSuchName);
        assert_eq!(dns.a("no.good.test").await, missing);
        assert_eq!(dns.a("dangling.good.test").await, missing);
        assert_eq!(dns.aaaa("b.good.test").await, Err(QuestionError::NoRecords));
        assert_eq!(
            dns.mx("textless.good.test").await,
            Err(QuestionError::NoRecords)
        );
        assert_eq!(
            dns.ptr("192.0.2.3".parse().unwrap()).await,
            Err(QuestionError::NoSuchName)
        );
        assert_eq!(
            dns.a("a.broken.test").await,
            Err(QuestionError::ServerFailure)
        );
        // Another's zone: it refuses to answer.
        assert_eq!(dns.a("example.org").await, Err(QuestionError::Unusable));
        assert_eq!(dns.a("bad..name").await, Err(QuestionError::BadName));
        assert!(dns.a("loop1.good.test").await.is_err());
        assert!(dns.counts().failed >= 2 && dns.counts().busy == 0);

        knot.stop().unwrap();
        // What holds is still known: that there is something, and that there is nothing.
        assert_eq!(dns.a("a.good.test").await.unwrap().len(), 1);
        assert_eq!(dns.a("no.good.test").await, missing);
        let gone = dns.a("ns.good.test").await.unwrap_err();
        assert!(
            matches!(gone, QuestionError::Unreachable | QuestionError::Timeout),
            "{gone}"
        );
    });
}

#[test]
fn silence_is_a_timeout_and_the_next_server_answers() {
    let knot = knot();
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = silent
        .local_addr()
        .map(|address| (silent, address))
        .unwrap();
    runtime().block_on(async {
        let both = Questions::new(&asking(&[silent.1, knot.address()])).unwrap();
        assert_eq!(both.a("a.good.test").await.unwrap().len(), 1);

        let settings = QuestionSettings {
            timeout: Duration::from_millis(300),
            in_flight: 1,
            ..asking(&[silent.1])
        };
        let alone = Questions::new(&settings).unwrap();
        assert_eq!(alone.a("a.good.test").await, Err(QuestionError::Timeout));
        // One at a time may be on its way; the others give up in time.
        let (a, b, c) = tokio::join!(
            alone.a("a.good.test"),
            alone.a("b.good.test"),
            alone.a("c1.good.test"),
        );
        let errors = [a, b, c].map(Result::unwrap_err);
        assert!(errors.contains(&QuestionError::Timeout), "{errors:?}");
        assert!(errors.contains(&QuestionError::Busy), "{errors:?}");
        assert_eq!(alone.counts().failed, 4);
    });
}

#[test]
fn name_servers_are_tested_one_by_one() {
    let knot = knot();
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = smtp_lb_tests::folder::temporary("dns").unwrap();
    let file = folder.path().join("smtp-lb.toml");
    let test = |servers: &[SocketAddr], name: &str| {
        let servers: Vec<String> = servers.iter().map(|it| format!("\"{it}\"")).collect();
        let text = format!(
            "[dns]\nservers = [{}]\ntimeout = \"300ms\"\n\
             [[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:2525\"]\npool = \"p\"\n\
             [[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n",
            servers.join(", ")
        );
        std::fs::write(&file, text).unwrap();
        let output = Command::new(binary().unwrap())
            .args(["dns", "test", "--json", name, "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let asked: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), asked, errors)
    };
    let silent = silent
        .local_addr()
        .map(|address| (address, silent))
        .unwrap();
    let (code, asked, errors) = test(&[silent.0, knot.address()], "a.good.test");
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(asked[0]["answers"], false);
    assert_eq!(asked[0]["answer"], "no answer in time");
    assert_eq!(asked[1]["answers"], true);
    assert_eq!(asked[1]["answer"], "192.0.2.1");
    // That there is no such name is an answer; that the server fails is none.
    let (code, asked, _) = test(&[knot.address()], "no.good.test");
    assert_eq!(
        (code, asked[0]["answer"].as_str()),
        (Some(0), Some("no such name"))
    );
    for (servers, name) in [(silent.0, "a.good.test"), (knot.address(), "a.broken.test")] {
        let (code, _, errors) = test(&[servers], name);
        assert_eq!(code, Some(13), "{errors}");
        assert!(
            errors.contains("none of 1 name servers answers"),
            "{errors}"
        );
    }
}

#[test]
fn spf_is_checked_from_the_command_line() {
    let knot = knot();
    let server = knot.address().to_string();
    let check = |arguments: &[&str]| {
        let output = Command::new(binary().unwrap())
            .args(["spf", "check", "--server", &server])
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let sender = ["--sender", "joe@good.test", "--helo", "mx.test"];
    let (code, text) = check(&[&["--ip", "192.0.2.77", "--header"][..], &sender].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("pass\n  record of: good.test\n"), "{text}");
    assert!(text.contains("mechanism: ip4:192.0.2.0/24\n"), "{text}");
    assert!(
        text.contains("Received-SPF: pass (unknown: domain of good.test"),
        "{text}"
    );

    let (code, text) = check(&[&["--json", "--ip", "2001:db8::2"][..], &sender].concat());
    assert_eq!(code, Some(0), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["result"], "fail", "{text}");
    assert_eq!(report["mechanism"], "-all", "{text}");
    assert!(
        report["explanation"]
            .as_str()
            .unwrap()
            .ends_with(" is not one of ours"),
        "{text}"
    );
    assert_eq!(report["terms"], 2, "{text}");

    let (_, text) = check(&["--ip", "192.0.2.1", "--helo", "x.broken.test"]);
    assert!(text.starts_with("temperror\n"), "{text}");
    let (code, _) = check(&["--ip", "192.0.2.1"]);
    assert_eq!(code, Some(2));
}
