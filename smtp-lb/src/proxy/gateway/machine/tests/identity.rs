//! Points 7, 10, 15 and 16: who speaks, and out of turn.

use super::super::Count;
use super::stage::{
    ABORT, CLOSE, EHLO, FRESH, OFFER, OTHER, QUIT, Stage, every_split, settings, usual,
};

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

const TAKES: &str = "250-m1\r\n250-PIPELINING\r\n250 XCLIENT NAME ADDR PORT HELO\r\n";
const SAID: &str = "XCLIENT NAME=[UNAVAILABLE] PORT=1025 HELO=c.example ADDR=192.0.2.1\r\n";

fn behalf(s: &mut Stage) -> &mut Stage {
    let (client, local) = ("192.0.2.1:1025", "198.51.100.1:25");
    s.call_with(|machine, _, _| {
        machine.on_behalf_of(client.parse().unwrap(), local.parse().unwrap());
    })
}

fn offered(s: &mut Stage) -> &mut Stage {
    behalf(s).hello();
    s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
    s.connected(0, false).member("220 m\r\n");
    s.expect("", "EHLO c.example\r\n", &[]);
    s.member(TAKES).expect("", SAID, &[])
}

#[test]
fn point_15_members_that_take_xclient_hear_who_the_client_is() {
    usual(|s| {
        offered(s)
            .member("220 m1\r\n")
            .expect("", "EHLO c.example\r\n", &[]);
        // Once is enough, and what is offered now counts.
        s.member(TAKES).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 2.1.0 m\r\n")
            .expect("250 2.1.0 m\r\n", "", &[]);
    });
}

#[test]
fn point_15_a_member_that_would_take_us_for_the_client_is_left() {
    for refusal in ["550 5.7.0 no\r\n", "250 2.0.0 what\r\n", "450 later\r\n"] {
        usual(|s| {
            let acts = [QUIT, OTHER].concat();
            offered(s).member(refusal).expect("", "QUIT\r\n", &acts);
            s.counted(Count::MemberUnfit, 1);
        });
    }
}

/// Its XCLIENT has no ADDR.
#[test]
fn point_15_members_that_take_no_address_hear_nothing() {
    usual(|s| {
        behalf(s).envelope();
    });
}
