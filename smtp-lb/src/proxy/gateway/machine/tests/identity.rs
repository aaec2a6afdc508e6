//! Points 7, 10, 15 and 16: who speaks, and out of turn.

use super::super::Count;
use super::stage::{ABORT, CLOSE, EHLO, FRESH, OFFER, QUIT, every_split, settings, usual};

const EARLY: &str = "554 5.5.0 You spoke out of turn, closing\r\n";

#[test]
fn point_07_browsers_are_sent_away() {
    for line in [
        "GET / HTTP/1.1",
        "POST /x HTTP/1.0",
        "Host: mx.example",
        "Header: x",
    ] {
        usual(|s| {
            s.start().client(format!("{line}\r\nMAIL FROM:<a@a>\r\n"));
            s.expect(
                "220 mx.example ESMTP\r\n221 2.7.0 This is SMTP\r\n",
                "",
                CLOSE,
            );
        });
    }
}

#[test]
fn point_10_nothing_may_follow_ehlo() {
    usual(|s| {
        s.start().client_at_once("EHLO c\r\nMAIL FROM:<a@a>\r\n");
        s.expect(&["220 mx.example ESMTP\r\n", EARLY].concat(), "", CLOSE);
        s.counted(Count::Pipelining, 1);
        s.client("NOOP\r\n").expect("", "", &[]);
    });
    // Not even later, while its answer waits.
    every_split(settings(), None, |s| {
        s.start()
            .client("EHLO c\r\n")
            .expect("220 mx.example ESMTP\r\n", "", FRESH);
        s.client("M").expect(EARLY, "", CLOSE);
    });
}

#[test]
fn point_10_no_text_before_354() {
    usual(|s| {
        s.envelope().client_at_once("DATA\r\nx");
        s.expect(EARLY, "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
    usual(|s| {
        s.envelope().client("DATA\r\n").expect("", "DATA\r\n", &[]);
        s.client("S: x\r\n")
            .expect(EARLY, "", &[ABORT, CLOSE].concat());
        s.counted(Count::Pipelining, 1);
    });
    // Nor after a DATA that is refused.
    usual(|s| {
        s.hello()
            .client_at_once("DATA\r\nMAIL FROM:<a@a>\r\n")
            .expect(EARLY, "", CLOSE);
    });
}

#[test]
fn point_15_identity_is_not_for_clients_to_give() {
    usual(|s| {
        s.hello()
            .client("XCLIENT ADDR=1.2.3.4\r\nXFORWARD NAME=x\r\n");
        s.expect(
            "550 5.7.0 Not allowed\r\n550 5.7.0 Not allowed\r\n",
            "",
            &[],
        );
        s.client("NOOP\r\n").expect("250 2.0.0 OK\r\n", "", &[]);
        s.counted(Count::BadCommand, 2);
    });
}

#[test]
fn point_16_a_proxy_header_is_no_command() {
    every_split(settings(), Some(EHLO), |s| {
        s.start().client("PROXY TCP4 1.2.3.4 5.6.7.8 1 25\r\n");
        s.expect(
            "220 mx.example ESMTP\r\n500 5.5.1 Command unknown\r\n",
            "",
            &[],
        );
        s.client("EHLO c\r\n").expect(OFFER, "", &[]);
    });
}
