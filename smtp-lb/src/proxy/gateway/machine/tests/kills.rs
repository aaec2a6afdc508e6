//! Point 20: a member killed at each state of the conversation.

use super::super::{Count, MemberGone};
use super::stage::{ABORT, EHLO, FRESH, OTHER, PARK, QUIT, Stage, every_split, settings, usual};
use crate::config::plan::BalanceUnit;

const LOST: &str = "451 4.4.2 Connection to the mail server was lost, try again\r\n";
const NONE: &str = "451 4.3.2 No mail server can be had, try again later\r\n";
const ENVELOPE: &str = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n";

#[test]
fn point_20_killed_before_its_greeting() {
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false).gone().expect("", "", OTHER);
        s.join(1).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
        s.counted(Count::Replayed, 0);
    });
}

#[test]
fn point_20_killed_after_ehlo() {
    usual(|s| {
        s.hello().client(ENVELOPE).expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .expect("", "EHLO c.example\r\n", &[]);
        s.gone().expect("", "", OTHER);
        s.join(1).expect("", ENVELOPE, &[]);
        s.gone().expect("", "", OTHER);
        s.no_member().expect(&[NONE, NONE].concat(), "", &[]);
    });
}

#[test]
fn point_20_killed_after_mail() {
    usual(|s| {
        s.hello().client(ENVELOPE).expect("", "", FRESH);
        s.join(0).expect("", ENVELOPE, &[]);
        s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
        s.gone().expect("", "", OTHER);
        s.join(1).expect("", ENVELOPE, &[]);
        s.member("250 other\r\n").expect("", "", &[]);
        s.member("250 r\r\n").expect("250 r\r\n", "", &[]);
        s.counted(Count::Replayed, 1);
    });
}

#[test]
fn point_20_killed_after_rcpt() {
    usual(|s| {
        s.envelope().gone().expect("", "", &[]);
        s.client("DATA\r\n").expect("", "", OTHER);
        s.join(1).expect("", ENVELOPE, &[]);
        s.member("250 m\r\n250 r\r\n").expect("", "DATA\r\n", &[]);
        s.member("354 go\r\n").expect("354 go\r\n", "", &[]);
    });
    usual(|s| {
        s.envelope().client("DATA\r\n").expect("", "DATA\r\n", &[]);
        s.gone().expect("", "", OTHER);
        s.join(1).expect("", ENVELOPE, &[]);
        s.gone().expect("", "", OTHER);
        s.no_member().expect(LOST, "", &[]);
        s.client("DATA\r\n").expect(LOST, "", &[]);
    });
}

#[test]
fn point_20_killed_after_354_and_in_the_message() {
    usual(|s| {
        s.text().gone().expect("", "", &[]);
        s.client("a\r\nQUIT\r\n.x\r\n.\r\nNOOP\r\n");
        s.expect(&[LOST, "250 2.0.0 OK\r\n"].concat(), "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
    });
    usual(|s| {
        s.text().client("a\r\n.").expect("", "a\r\n.", &[]);
        s.gone().client("\r").client("\n").expect(LOST, "", &[]);
        s.counted(Count::MessageLost, 1)
            .counted(Count::MessageAccepted, 0);
    });
}

#[test]
fn point_20_killed_after_the_dot_nothing_is_replayed() {
    usual(|s| {
        s.message().gone().expect(LOST, "", &[]);
        s.counted(Count::MessageLost, 1).counted(Count::Replayed, 0);
        s.client("MAIL FROM:<c@c>\r\n").expect("", "", FRESH);
    });
    usual(|s| {
        s.message()
            .client("MAIL FROM:<c@c>\r\n")
            .expect("", "", &[]);
        s.member("250 que").gone().expect(LOST, "", FRESH);
        s.join(1).expect("", "MAIL FROM:<c@c>\r\n", &[]);
    });
}

#[test]
fn point_20_killed_after_a_refused_sender() {
    usual(|s| {
        s.hello()
            .client([ENVELOPE, "DATA\r\n"].concat())
            .expect("", "", FRESH);
        s.join(0).expect("", ENVELOPE, &[]);
        s.member("550 no\r\n").expect("550 no\r\n", "", &[]);
        let no = "503 5.5.1 Say MAIL first\r\n";
        s.gone().expect(&[no, no].concat(), "", &[]);
    });
}

#[test]
fn point_20_a_failed_handshake_is_a_death() {
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false);
        s.gone_by(MemberGone::Tls);
        s.expect("", "", OTHER).counted(Count::MemberUnfit, 1);
    });
}

#[test]
fn point_20_a_parked_leg_that_died_says_nothing_of_its_member() {
    usual(|s| {
        s.message()
            .member("250 q\r\n")
            .expect("250 q\r\n", "", PARK);
        s.client(ENVELOPE).expect("", "", FRESH);
        s.connected(0, true).expect("", ENVELOPE, &[]);
        s.gone().expect("", "", FRESH);
        s.join(0).expect("", ENVELOPE, &[]);
        s.gone().expect("", "", OTHER);
    });
    // Nor does one that was kept.
    let mut session = settings();
    session.plan.balance_unit = BalanceUnit::Session;
    every_split(session, Some(EHLO), |s: &mut Stage| {
        s.message().member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.client(ENVELOPE).expect("", ENVELOPE, &[]);
        s.member("421 idle\r\n")
            .expect("", "QUIT\r\n", &[QUIT, FRESH].concat());
        s.join(0).expect("", ENVELOPE, &[]);
        s.member("250x").expect("", "", &[ABORT, OTHER].concat());
    });
}
