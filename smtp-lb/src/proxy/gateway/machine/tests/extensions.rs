//! Points 17 and 18: what is offered, and what may be used.

use super::super::{Act, Count, Settings};
use super::stage::{
    CLOSE, EHLO, FRESH, OFFER, OTHER, QUIT, Stage, every_split, offer, settings, usual,
};
use crate::config::plan::Start;

#[test]
fn point_17_the_offer_is_what_goes_through() {
    // STARTTLS, XCLIENT, BINARYMIME, AUTH in the clear and REQUIRETLS without TLS are stripped.
    usual(|s| {
        s.hello();
    });
    // REQUIRETLS with TLS on both legs.
    let both = Settings {
        implicit_tls: true,
        member_tls: Some(Start::Implicit),
        ..settings()
    };
    every_split(both, Some(EHLO), |s| {
        s.start().client("EHLO c\r\n").expect(
            "220 mx.example ESMTP\r\n250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n\
             250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n\
             250-SMTPUTF8\r\n250-CHUNKING\r\n250 REQUIRETLS\r\n",
            "",
            &[],
        );
    });
}

#[test]
fn point_17_an_unknown_offer_is_asked_of_a_member() {
    every_split(settings(), None, |s| {
        s.start().expect("220 mx.example ESMTP\r\n", "", &[]);
        s.client("EHLO c.example\r\n").expect("", "", FRESH);
        s.join(0).expect(OFFER, "", &[]);
        // That leg gets the first message.
        s.client("MAIL FROM:<a@a>\r\n")
            .expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
    every_split(settings(), None, |s| {
        s.start()
            .client("EHLO c.example\r\n")
            .expect("220 mx.example ESMTP\r\n", "", FRESH);
        s.connected(0, false).gone().expect("", "", OTHER);
        s.no_member().expect("250 mx.example\r\n", "", &[]);
    });
    let mut s = Stage::once(settings(), None);
    s.start().client("EHLO c.example\r\n");
    let mut out = super::super::Output::default();
    s.machine.member_connected(0, false, &s.world, &mut out);
    s.machine.member_input(b"220 m\r\n", &s.world, &mut out);
    s.machine.member_input(EHLO.as_bytes(), &s.world, &mut out);
    assert_eq!(out.acts, [Act::Learned(offer(EHLO))]);
}

#[test]
fn point_18_parameters_that_were_not_offered() {
    const NO: &str = "555 5.5.4 Parameter not offered\r\n";
    const ASCII: &str = "553 5.6.7 Address outside ASCII needs SMTPUTF8\r\n";
    let parameters = [
        "SIZE=1",
        "BODY=8BITMIME",
        "SMTPUTF8",
        "RET=HDRS",
        "ENVID=x",
        "AUTH=<>",
        "REQUIRETLS",
        "X=1",
        "BODY=BINARYMIME",
    ];
    for parameter in parameters {
        every_split(settings(), Some("250 m\r\n"), |s| {
            s.start()
                .client("EHLO c\r\n")
                .client(format!("MAIL FROM:<a@a> {parameter}\r\n"));
            let hello = "220 mx.example ESMTP\r\n250 mx.example\r\n";
            s.expect(&[hello, NO].concat(), "", &[]);
        });
    }
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<\u{fc}@x>\r\n")
            .expect(ASCII, "", &[]);
        s.client("MAIL FROM:<a@a> REQUIRETLS\r\n")
            .expect(NO, "", &[]);
    });
    usual(|s| {
        s.envelope()
            .client("RCPT TO:<\u{fc}@x>\r\n")
            .expect(ASCII, "", &[]);
        s.client("RCPT TO:<a@a> FOO=1\r\n").expect(NO, "", &[]);
    });
    every_split(settings(), Some("250 m\r\n"), |s| {
        s.start()
            .client("EHLO c.example\r\n")
            .client("MAIL FROM:<a@a>\r\n");
        s.expect("220 mx.example ESMTP\r\n250 mx.example\r\n", "", FRESH);
        s.join(0)
            .member("250 m\r\n")
            .client("RCPT TO:<a@a> NOTIFY=NEVER\r\n");
        s.expect(&["250 m\r\n", NO].concat(), "MAIL FROM:<a@a>\r\n", &[]);
    });
}

#[test]
fn point_18_what_was_offered_goes_byte_for_byte() {
    usual(|s| {
        let mail =
            "mail from:<\u{fc}@x> SmtpUtf8 size=10000 BODY=8bitmime RET=full ENVID=q+2Bx\r\n";
        s.hello().client(mail).expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .expect("", "EHLO c.example\r\n", &[]);
        s.member(EHLO).expect("", mail, &[]);
        s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
        let rcpt = "RCPT To:<\u{f6}@y> ORCPT=rfc822;a+2Bb@c NOTIFY=success,DELAY\r\n";
        s.client(rcpt).expect("", rcpt, &[]);
    });
}

#[test]
fn point_18_a_size_over_the_offer() {
    usual(|s| {
        s.hello().client("MAIL FROM:<a@a> SIZE=10001\r\n");
        s.expect("552 5.3.4 Message too big\r\n", "", &[]);
        s.client("MAIL FROM:<a@a> SIZE=99999999999999999999\r\n");
        s.expect("552 5.3.4 Message too big\r\n", "", &[]);
    });
}

#[test]
fn point_17_an_envelope_goes_where_it_can_be_taken() {
    let lacking = [
        ("MAIL FROM:<a@a> SIZE=900\r\n", "250-m\r\n250 SIZE 500\r\n"),
        ("MAIL FROM:<a@a> SMTPUTF8\r\n", "250-m\r\n250 SIZE\r\n"),
        ("MAIL FROM:<a@a> RET=FULL\r\n", "250 m\r\n"),
        ("MAIL FROM:<a@a> BODY=8BITMIME\r\n", "250-m\r\n250 DSN\r\n"),
    ];
    for (mail, ehlo) in lacking {
        every_split(settings(), Some(EHLO), |s| {
            s.hello().client(mail).expect("", "", FRESH);
            s.connected(0, false)
                .member("220 m\r\n")
                .expect("", "EHLO c.example\r\n", &[]);
            s.member(ehlo)
                .expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
            s.join(1).expect("", mail, &[]);
            s.counted(Count::MemberUnfit, 1);
        });
    }
    // A need that a later line brings: the envelope moves on, unseen.
    every_split(settings(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .member("250 m\r\n");
        s.expect("", "EHLO c.example\r\nMAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
        s.client("RCPT TO:<a@a> NOTIFY=NEVER\r\n");
        s.expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
        s.join(1)
            .expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<a@a> NOTIFY=NEVER\r\n", &[]);
        s.member("250 m\r\n250 r\r\n").expect("250 r\r\n", "", &[]);
        s.counted(Count::Replayed, 1);
        s.client("QUIT\r\n");
        s.expect("221 2.0.0 Bye\r\n", "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
}
