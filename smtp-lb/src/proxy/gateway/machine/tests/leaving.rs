//! An operator takes a member away, at each state of a session.

use super::super::{Count, Machine};
use super::stage::{CLOSE, EHLO, FRESH, OTHER, PARK, QUIT, Stage, every_split, settings, usual};
use crate::config::plan::BalanceUnit;

const LEAVES: &str = "421 4.3.2 Mail server goes out of service, closing\r\n";
const ENVELOPE: &str = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n";

impl Stage {
    fn left(&mut self, left: bool) -> &mut Self {
        self.call_with(|m, w, o| m.member_left(left, w, o))
    }

    fn withdrawn(&mut self) -> &mut Self {
        self.call_with(Machine::member_withdrawn)
    }
}

fn bound(script: impl Fn(&mut Stage)) {
    let mut session = settings();
    session.plan.balance_unit = BalanceUnit::Session;
    every_split(session, Some(EHLO), script);
}

#[test]
fn a_message_under_way_is_finished_and_the_next_one_goes_elsewhere() {
    usual(|s| {
        s.text().left(true).expect("", "", &[]);
        s.client("x\r\n.\r\n").expect("", "x\r\n.\r\n", &[]);
        s.member("250 q\r\n").expect("250 q\r\n", "", PARK);
        s.client(ENVELOPE).expect("", "", FRESH);
        s.join(1).expect("", ENVELOPE, &[]);
    });
    // An envelope, too, is finished where it began.
    usual(|s| {
        s.envelope().left(true).expect("", "", &[]);
        s.client("DATA\r\n").expect("", "DATA\r\n", &[]);
    });
}

#[test]
fn a_bound_session_ends_at_the_message_boundary() {
    bound(|s| {
        s.text().left(true).expect("", "", &[]);
        s.client("x\r\n.\r\n").expect("", "x\r\n.\r\n", &[]);
        s.member("250 q\r\n");
        s.expect(
            &["250 q\r\n", LEAVES].concat(),
            "QUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
        s.closed();
    });
    bound(|s| {
        s.message().member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.left(true);
        s.expect(LEAVES, "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
    bound(|s| {
        s.envelope().left(true).expect("", "", &[]);
        s.client("RSET\r\n");
        s.expect(
            &["250 2.0.0 OK\r\n", LEAVES].concat(),
            "RSET\r\nQUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
    });
}

#[test]
fn a_drain_that_was_taken_back_ends_nothing() {
    bound(|s| {
        s.text().left(true).left(false).expect("", "", &[]);
        s.client("x\r\n.\r\n").expect("", "x\r\n.\r\n", &[]);
        s.member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.client("NOOP\r\n").expect("250 2.0.0 OK\r\n", "", &[]);
    });
}

#[test]
fn a_session_that_has_authenticated_is_bound() {
    let mut clear = settings();
    clear.plan.clear_auth = true;
    every_split(clear, Some(EHLO), |s| {
        s.start().client("EHLO c.example\r\n").forget();
        s.client("AUTH PLAIN AGEAYg==\r\n").expect("", "", FRESH);
        s.join(0).expect("", "AUTH PLAIN AGEAYg==\r\n", &[]);
        s.left(true).expect("", "", &[]);
        s.member("235 2.7.0 ok\r\n");
        s.expect(
            &["235 2.7.0 ok\r\n", LEAVES].concat(),
            "QUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
    });
}

#[test]
fn a_member_taken_away_before_354_is_replaced_unseen() {
    usual(|s| {
        s.envelope().withdrawn().expect("", "", &[]);
        s.client("DATA\r\n").expect("", "", OTHER);
        s.join(1).expect("", ENVELOPE, &[]);
        s.member("250 m\r\n250 r\r\n").expect("", "DATA\r\n", &[]);
        s.counted(Count::Replayed, 1);
    });
}

#[test]
fn a_member_taken_away_within_a_message_costs_the_message_and_a_bound_session_itself() {
    usual(|s| {
        s.text().withdrawn().expect("", "", &[]);
        s.client("x\r\n.\r\n");
        s.expect(
            "451 4.4.2 Connection to the mail server was lost, try again\r\n",
            "",
            &[],
        );
        s.client("NOOP\r\n").expect("250 2.0.0 OK\r\n", "", &[]);
    });
    bound(|s| {
        s.text().withdrawn().expect("", "", &[]);
        s.client("x\r\n.\r\n");
        let lost = "451 4.4.2 Connection to the mail server was lost, try again\r\n";
        s.expect(&[lost, LEAVES].concat(), "", CLOSE);
    });
    bound(|s| {
        s.message().member("250 q\r\n").expect("250 q\r\n", "", &[]);
        s.withdrawn().expect(LEAVES, "", CLOSE);
    });
}

#[test]
fn a_banner_of_the_members_own_comes_from_another_one() {
    let mut banner = settings();
    banner.plan.banner = "{member}".into();
    every_split(banner, Some(EHLO), |s| {
        s.start().expect("", "", FRESH);
        s.connected(0, false).expect("", "", &[]);
        s.withdrawn().expect("", "", OTHER);
        s.connected(1, false)
            .member("220 m1\r\n")
            .expect("220 m1\r\n", "", &[]);
    });
}
