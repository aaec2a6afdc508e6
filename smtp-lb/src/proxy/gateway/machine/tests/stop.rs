//! The daemon stops, at each state of a session.

use super::stage::{ABORT, CLOSE, EHLO, FRESH, PARK, QUIT, every_split, settings, usual};

const STOP: &str = "421 4.3.2 Service is stopping, closing\r\n";

#[test]
fn between_messages_at_once() {
    usual(|s| {
        s.hello()
            .shut_down()
            .expect(STOP, "", CLOSE)
            .client("NOOP\r\n")
            .expect("", "", &[]);
        s.closed();
    });
    usual(|s| {
        s.message()
            .member("250 q\r\n")
            .expect("250 q\r\n", "", PARK);
        s.shut_down().expect(STOP, "", CLOSE);
    });
    let mut banner = settings();
    banner.plan.banner = "{member}".into();
    every_split(banner, Some(EHLO), |s| {
        s.start()
            .expect("", "", FRESH)
            .shut_down()
            .expect(STOP, "", CLOSE);
        // The member that was on its way is not wanted any more.
        s.connected(0, false)
            .expect("", "", ABORT)
            .client("QUIT\r\n")
            .expect("", "", &[]);
    });
}

#[test]
fn within_a_transaction_at_its_end() {
    usual(|s| {
        s.message()
            .client("MAIL FROM:<c@c>\r\n")
            .shut_down()
            .expect("", "", &[]);
        s.member("250 q\r\n")
            .expect(&["250 q\r\n", STOP].concat(), "", &[PARK, CLOSE].concat());
    });
    usual(|s| {
        s.envelope().shut_down().expect("", "", &[]);
        s.client("RSET\r\n");
        s.expect(
            &["250 2.0.0 OK\r\n", STOP].concat(),
            "RSET\r\nQUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
    });
    usual(|s| {
        s.text()
            .shut_down()
            .client("x\r\n")
            .expect("", "x\r\n", &[]);
        s.gone().client(".\r\n").expect(
            &[
                "451 4.4.2 Connection to the mail server was lost, try again\r\n",
                STOP,
            ]
            .concat(),
            "",
            CLOSE,
        );
    });
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .shut_down()
            .expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("550 no\r\n")
            .expect(&["550 no\r\n", STOP].concat(), "", &[PARK, CLOSE].concat());
    });
}

#[test]
fn while_ehlo_waits_after_its_answer() {
    every_split(settings(), None, |s| {
        s.start()
            .client("EHLO c\r\n")
            .shut_down()
            .expect("220 mx.example ESMTP\r\n", "", FRESH);
        s.no_member()
            .expect(&["250 mx.example\r\n", STOP].concat(), "", CLOSE);
    });
}
