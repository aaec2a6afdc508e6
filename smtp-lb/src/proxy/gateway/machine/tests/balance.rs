//! Messages of one session on several members.

use super::super::Count;
use super::stage::{CLOSE, EHLO, FRESH, PARK, QUIT, every_split, settings, usual};
use crate::config::plan::BalanceUnit;

const ENVELOPE: &str = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n";

#[test]
fn each_message_is_balanced_and_legs_are_reused() {
    usual(|s| {
        s.hello();
        for turn in 0..6 {
            s.client(ENVELOPE).expect("", "", FRESH);
            if turn < 3 {
                s.join(turn);
            } else {
                s.connected(turn - 3, true);
            }
            s.expect("", ENVELOPE, &[]).member("250 m\r\n250 r\r\n");
            s.expect("250 m\r\n250 r\r\n", "", &[])
                .client("DATA\r\n")
                .member("354 go\r\n");
            s.expect("354 go\r\n", "DATA\r\n", &[])
                .client(".\r\n")
                .expect("", ".\r\n", &[]);
            s.member("250 q\r\n").expect("250 q\r\n", "", PARK);
        }
        s.counted(Count::MessageAccepted, 6)
            .counted(Count::Replayed, 0);
        s.client("QUIT\r\n").expect("221 2.0.0 Bye\r\n", "", CLOSE);
    });
}

#[test]
fn a_session_stays_where_it_is_if_so_configured() {
    let mut session = settings();
    session.plan.balance_unit = BalanceUnit::Session;
    every_split(session, Some(EHLO), |s| {
        s.message().member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.client(ENVELOPE)
            .expect("", ENVELOPE, &[])
            .member("250 m\r\n250 r\r\n");
        s.expect("250 m\r\n250 r\r\n", "", &[]).client("RSET\r\n");
        s.expect("250 2.0.0 OK\r\n", "RSET\r\n", &[])
            .member("250 r\r\n")
            .expect("", "", &[]);
        s.client(ENVELOPE).expect("", ENVELOPE, &[]);
        s.member("250 m\r\n250 r\r\n")
            .expect("250 m\r\n250 r\r\n", "", &[]);
        s.client("QUIT\r\n");
        s.expect("221 2.0.0 Bye\r\n", "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
    // A leg that ends while nothing is under way is not missed.
    let mut session = settings();
    session.plan.balance_unit = BalanceUnit::Session;
    every_split(session, Some(EHLO), |s| {
        s.message().member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.gone()
            .expect("", "", &[])
            .client("NOOP\r\n")
            .expect("250 2.0.0 OK\r\n", "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
}

#[test]
fn an_idle_session_keeps_no_buffer() {
    usual(|s| {
        s.message()
            .member("250 q\r\n")
            .expect("250 q\r\n", "", PARK);
        assert_eq!(s.machine.inbox.capacity(), 0);
        s.client("NOO");
        assert_ne!(s.machine.inbox.capacity(), 0);
    });
}
