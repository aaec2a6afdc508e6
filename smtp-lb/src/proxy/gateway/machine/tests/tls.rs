//! Points 1 to 5: STARTTLS on both legs.

use super::super::{Act, Count, Settings};
use super::stage::{ABORT, CLOSE, EHLO, FRESH, OTHER, QUIT, every_split, settings, usual};
use crate::config::plan::{Activation, Start};

const OFFER_CLEAR: &str = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-STARTTLS\r\n\
     250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";

const OFFER_TLS: &str = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n\
     250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n\
     250-SMTPUTF8\r\n250 CHUNKING\r\n";

const EARLY: &str = "554 5.5.0 You spoke out of turn, closing\r\n";
const GO: &str = "220 2.0.0 Ready to start TLS\r\n";
const FIRST: &str = "530 5.7.0 Say STARTTLS first\r\n";
const LATER: &str = "451 4.3.2 No mail server can be had, try again later\r\n";

fn starttls(activation: Activation) -> Settings {
    Settings {
        starttls: activation,
        ..settings()
    }
}

fn member_starttls() -> Settings {
    Settings {
        member_tls: Some(Start::StartTls),
        ..settings()
    }
}

#[test]
fn point_01_octets_after_starttls_end_the_session() {
    for injected in ["EHLO x\r\n", "RSE", "\r", "\u{16}\u{3}"] {
        every_split(starttls(Activation::Require), Some(EHLO), |s| {
            s.start().client("EHLO c\r\n").expect(
                &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}"),
                "",
                &[],
            );
            s.client_at_once(format!("STARTTLS\r\n{injected}"))
                .expect(EARLY, "", CLOSE);
            s.closed().counted(Count::Pipelining, 1);
        });
    }
}

#[test]
fn point_01_what_is_cut_off_before_the_handshake_does_not_count_after_it() {
    every_split(starttls(Activation::Allow), Some(EHLO), |s| {
        s.start().client("EHLO c\r\n").client("STARTTLS\r\n");
        s.expect(
            &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}{GO}"),
            "",
            &[Act::ClientTls],
        );
        // Nothing is read before the handshake, and nothing is said after it.
        s.client("RSE").expect("", "", &[]);
        assert_eq!(s.machine.client_appetite(), 0);
    });
    every_split(starttls(Activation::Allow), Some(EHLO), |s| {
        s.start().client("STARTTLS\r\n");
        s.client_tls().expect(
            &format!("220 mx.example ESMTP\r\n{GO}"),
            "",
            &[Act::ClientTls],
        );
        s.client("T\r\n")
            .expect("500 5.5.1 Command unknown\r\n", "", &[]);
        s.client("NOOP\r\n").expect("250 2.0.0 OK\r\n", "", &[]);
    });
}

#[test]
fn point_01_octets_of_a_member_before_its_handshake_cost_it_the_leg() {
    every_split(member_starttls(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "STARTTLS\r\n", &[]);
        s.member_at_once("220 go\r\n250-evil\r\n250 AUTH LOGIN\r\n");
        s.expect("", "", &[ABORT, OTHER].concat());
        s.counted(Count::Injection, 1);
        s.no_member().expect(LATER, "", &[]);
    });
    every_split(member_starttls(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "STARTTLS\r\n", &[]);
        s.member("220 go\r\n").expect("", "", &[Act::MemberTls]);
        assert!(!s.machine.member_wanted());
        s.member_at_once("2")
            .expect("", "", &[ABORT, OTHER].concat());
    });
}

#[test]
fn point_02_a_member_without_tls_never_gets_plaintext() {
    let replies: [(&str, &str); 6] = [
        ("250-m\r\n250 SIZE\r\n", "no STARTTLS"),
        ("250 m\r\n", "no extensions"),
        ("500 what\r\n", "no EHLO"),
        ("451 later\r\n", "not now"),
        ("421 bye\r\n", "not at all"),
        ("25x\r\n", "nonsense"),
    ];
    for (ehlo, _) in replies {
        every_split(member_starttls(), Some(EHLO), |s| {
            s.hello()
                .client("MAIL FROM:<a@a>\r\n")
                .expect("", "", FRESH);
            s.connected(0, false)
                .member("220 m\r\n")
                .expect("", "EHLO c.example\r\n", &[]);
            s.member(ehlo);
            if ehlo == "25x\r\n" {
                s.expect("", "", &[ABORT, OTHER].concat());
            } else {
                s.expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
            }
            s.no_member().expect(LATER, "", &[]);
            s.client("RCPT TO:<a@a>\r\nDATA\r\n")
                .expect(&[LATER, LATER].concat(), "", &[]);
        });
    }
    for reply in ["454 no\r\n", "354 go\r\n", "554 no\r\n", "250 yes\r\n"] {
        every_split(member_starttls(), Some(EHLO), |s| {
            s.hello()
                .client("MAIL FROM:<a@a>\r\n")
                .expect("", "", FRESH);
            s.join(0).expect("", "STARTTLS\r\n", &[]);
            s.member(reply)
                .expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
            s.no_member().expect(LATER, "", &[]);
        });
    }
    // `220`, and it closes or cannot shake hands.
    every_split(member_starttls(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "STARTTLS\r\n", &[]);
        s.member("220 go\r\n").expect("", "", &[Act::MemberTls]);
        s.gone().expect("", "", OTHER);
        s.join(1).expect("", "STARTTLS\r\n", &[]);
        s.member("220 go\r\n").expect("", "", &[Act::MemberTls]);
        s.member_tls().expect("", "EHLO c.example\r\n", &[]);
        s.member("250 m\r\n").expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
}

#[test]
fn point_03_all_is_forgotten_at_the_handshake() {
    every_split(starttls(Activation::Allow), Some(EHLO), |s| {
        s.start()
            .client("EHLO c\r\n")
            .client("STARTTLS\r\n")
            .client_tls();
        s.expect(
            &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}{GO}"),
            "",
            &[Act::ClientTls],
        );
        s.client("MAIL FROM:<a@a>\r\n")
            .expect("503 5.5.1 Say EHLO first\r\n", "", &[]);
        s.client("EHLO c\r\n").expect(OFFER_TLS, "", &[]);
        s.client("STARTTLS\r\n")
            .expect("554 5.5.1 TLS is on already\r\n", "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
    });
}

#[test]
fn point_03_starttls_where_it_may_not_be() {
    every_split(starttls(Activation::Allow), Some(EHLO), |s| {
        s.start()
            .client("EHLO c.example\r\n")
            .client("STARTTLS now\r\n")
            .expect(
                &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}501 5.5.4 Bad argument\r\n"),
                "",
                &[],
            );
        s.client("MAIL FROM:<a@a>\r\nSTARTTLS\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n");
        s.expect("250 m\r\n503 5.5.1 Not within a transaction\r\n", "", &[]);
    });
    let implicit = Settings {
        implicit_tls: true,
        ..settings()
    };
    every_split(implicit, Some(EHLO), |s| {
        s.start().client("EHLO c\r\n");
        s.expect(&format!("220 mx.example ESMTP\r\n{OFFER_TLS}"), "", &[]);
        s.client("STARTTLS\r\n")
            .expect("554 5.5.1 TLS is on already\r\n", "", &[]);
    });
}

#[test]
fn point_04_before_tls_nothing_but_the_way_to_it() {
    let refused = [
        "MAIL FROM:<a@a>",
        "RCPT TO:<a@a>",
        "DATA",
        "AUTH PLAIN AAAA",
        "VRFY a",
        "EXPN a",
    ];
    for command in refused {
        every_split(starttls(Activation::Require), Some(EHLO), |s| {
            s.start().client("EHLO c\r\n");
            s.expect(&format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}"), "", &[]);
            s.client(format!("{command}\r\n")).expect(FIRST, "", &[]);
        });
    }
    every_split(starttls(Activation::Require), Some(EHLO), |s| {
        s.start()
            .client("HELO c\r\n")
            .client("NOOP\r\nRSET\r\n")
            .client("BDAT 3\r\n")
            .expect(
                "220 mx.example ESMTP\r\n250 mx.example\r\n250 2.0.0 OK\r\n250 2.0.0 OK\r\n\
             502 5.5.1 Command not offered\r\n",
                "",
                CLOSE,
            );
    });
    every_split(starttls(Activation::Require), Some(EHLO), |s| {
        s.start()
            .client("EHLO c\r\n")
            .client("BDAT 6\r\nQUIT\r\nQUIT\r\n")
            .expect(
                &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}{FIRST}221 2.0.0 Bye\r\n"),
                "",
                CLOSE,
            );
    });
    // Nobody's offer is known: nothing is asked for it before TLS.
    every_split(starttls(Activation::Require), None, |s| {
        s.start().client("EHLO c\r\n").expect(
            "220 mx.example ESMTP\r\n250-mx.example\r\n250 STARTTLS\r\n",
            "",
            &[],
        );
        s.client("STARTTLS\r\n")
            .client_tls()
            .expect(GO, "", &[Act::ClientTls]);
        s.client("EHLO c.example\r\n").expect("", "", FRESH);
        s.join(0).expect(OFFER_TLS, "", &[]);
    });
}

#[test]
fn point_05_authentication_is_not_for_the_clear() {
    const NO: &str = "538 5.7.11 Encryption is needed for this\r\n";
    usual(|s| {
        s.hello()
            .client("AUTH PLAIN AAAA\r\nAUTH LOGIN\r\n")
            .expect(&[NO, NO].concat(), "", &[]);
    });
    every_split(starttls(Activation::Allow), Some(EHLO), |s| {
        s.start().client("EHLO c\r\n").client("AUTH PLAIN AAAA\r\n");
        s.expect(
            &format!("220 mx.example ESMTP\r\n{OFFER_CLEAR}{NO}"),
            "",
            &[],
        );
    });
    let mut clear = settings();
    clear.plan.clear_auth = true;
    every_split(clear, Some(EHLO), |s| {
        s.start().client("EHLO c\r\n");
        s.expect(&format!("220 mx.example ESMTP\r\n{OFFER_TLS}"), "", &[]);
        s.client("AUTH PLAIN AAAA\r\n").expect("", "", FRESH);
    });
}
