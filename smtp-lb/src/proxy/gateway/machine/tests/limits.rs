//! Points 12 to 14: lengths, time and nonsense.

use std::time::Duration;

use super::super::Count;
use super::stage::{
    ABORT, CLOSE, EHLO, FRESH, OTHER, PARK, QUIT, Stage, every_split, settings, usual,
};

const LONG: &str = "500 5.5.2 Command line too long\r\n";
const OK: &str = "250 2.0.0 OK\r\n";
const SLOW: &str = "421 4.4.2 Too slow, closing\r\n";
const LOST: &str = "451 4.4.2 Connection to the mail server was lost, try again\r\n";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn point_12_a_command_line_has_512_octets() {
    let fits = format!("NOOP {}\r\n", "x".repeat(505));
    let long = format!("NOOP {}\r\n", "x".repeat(506));
    assert_eq!((fits.len(), long.len()), (512, 513));
    every_split(settings(), Some(EHLO), |s| {
        s.hello().client(&fits).client(&long).client("NOOP\r\n");
        s.expect(&[OK, LONG, OK].concat(), "", &[]);
        s.counted(Count::BadCommand, 1);
    });
    let mut s = Stage::once(settings(), Some(EHLO));
    s.hello();
    for _ in 0..100 {
        s.client_at_once("x".repeat(16 * 1024));
    }
    s.expect(LONG, "", &[]);
    assert!(s.machine.inbox.is_empty());
    s.client("\r\nNOOP\r\n").expect(OK, "", &[]);
}

#[test]
fn point_12_announced_extensions_make_lines_longer() {
    let mail = format!("MAIL FROM:<a@a>{}", " ".repeat(512));
    let mut s = Stage::once(settings(), Some(EHLO));
    s.hello()
        .client(format!("{mail}\r\n"))
        .expect("", "", FRESH);
    s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
    let mut s = Stage::once(settings(), Some("250 m\r\n"));
    s.start().client("EHLO c\r\n").client(format!("{mail}\r\n"));
    s.expect(
        &["220 mx.example ESMTP\r\n250 mx.example\r\n", LONG].concat(),
        "",
        &[],
    );
}

#[test]
fn point_12_long_lines_of_a_message_are_whole() {
    let line = "x".repeat(5000);
    let mut s = Stage::once(settings(), Some(EHLO));
    let text = format!("{line}\r\n{line}\r\n.\r\n");
    s.text().client(&text).expect("", &text, &[]);
}

#[test]
fn point_12_a_members_reply_past_its_cap_is_none() {
    let long = format!("250 {}\r\n", "x".repeat(3000));
    let many = "250-x\r\n".repeat(200);
    for reply in [long, many] {
        let mut s = Stage::once(settings(), Some(EHLO));
        s.message()
            .member(reply)
            .expect(LOST, "", ABORT)
            .counted(Count::MemberFault, 1);
    }
}

#[test]
fn point_13_a_command_has_a_deadline_as_a_whole() {
    usual(|s| {
        s.hello();
        for octet in ["N", "O", "O", "P"] {
            s.client(octet).pass(seconds(70)).expect("", "", &[]);
        }
        s.client(" ").pass(seconds(19)).expect("", "", &[]);
        s.pass(seconds(2)).expect(SLOW, "", CLOSE);
        s.closed().counted(Count::ClientTimeout, 1);
    });
    usual(|s| {
        s.envelope()
            .pass(seconds(299))
            .client("NOOP\r\n")
            .expect(OK, "", &[]);
        s.pass(seconds(299)).expect("", "", &[]);
        s.pass(seconds(1))
            .expect(SLOW, "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
}

#[test]
fn point_13_a_message_must_not_come_too_slowly() {
    // 15 octets a second are too few.
    let mut s = Stage::once(settings(), Some(EHLO));
    s.text();
    for _ in 0..59 {
        s.client("x".repeat(15)).pass(seconds(1));
    }
    s.expect("", &"x".repeat(15 * 59), &[]);
    s.pass(seconds(1))
        .expect(SLOW, "", &[ABORT, CLOSE].concat());
    // 16 will do.
    let mut s = Stage::once(settings(), Some(EHLO));
    s.text();
    for _ in 0..200 {
        s.client("x".repeat(16)).pass(seconds(1));
    }
    s.expect("", &"x".repeat(16 * 200), &[]);
    // A chunk likewise, and what is swallowed too.
    let mut s = Stage::once(settings(), Some(EHLO));
    s.envelope().client("BDAT 100\r\nx").pass(seconds(60));
    s.expect(SLOW, "", &[ABORT, CLOSE].concat());
    let mut s = Stage::once(settings(), Some(EHLO));
    s.text()
        .gone()
        .client("x")
        .pass(seconds(60))
        .expect(SLOW, "", CLOSE);
}

#[test]
fn point_13_without_a_rate_silence_counts() {
    let mut settings = settings();
    settings.plan.min_rate = 0;
    every_split(settings, Some(EHLO), |s| {
        s.text()
            .client("x")
            .pass(seconds(179))
            .client("y")
            .pass(seconds(179));
        s.expect("", "xy", &[]);
        s.pass(seconds(1))
            .expect(SLOW, "", &[ABORT, CLOSE].concat());
    });
}

#[test]
fn point_13_the_client_is_not_blamed_for_the_members_pace() {
    let mut s = Stage::once(settings(), Some(EHLO));
    s.text().client("x").expect("", "x", &[]);
    s.pass_while_stuck(seconds(61)).expect("", "stuck", &[]);
    s.pass_while_stuck(seconds(61)).expect("", "stuck", &[]);
    s.pass_while_stuck(seconds(61))
        .expect("", "", ABORT)
        .counted(Count::MemberTimeout, 1);
    s.client("\r\n.\r\n")
        .expect(LOST, "", &[])
        .counted(Count::ClientTimeout, 0);
}

#[test]
fn point_13_a_member_has_deadlines_too() {
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false).pass(seconds(299)).expect("", "", &[]);
        s.pass(seconds(1)).expect("", "", &[ABORT, OTHER].concat());
        s.join(1).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.pass(seconds(300))
            .expect("", "", &[ABORT, OTHER].concat());
        s.counted(Count::MemberTimeout, 2)
            .counted(Count::Replayed, 0);
        s.join(2).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.counted(Count::Replayed, 1);
    });
    usual(|s| {
        s.message().pass(seconds(599)).expect("", "", &[]);
        s.pass(seconds(1))
            .expect(LOST, "", ABORT)
            .counted(Count::MessageLost, 1);
    });
    // A reply that dribbles in is no reply.
    usual(|s| {
        s.message();
        for octet in ["2", "5", "0", " ", "x", "x"] {
            s.member(octet).pass(seconds(99));
        }
        s.member("x").pass(seconds(6)).expect(LOST, "", ABORT);
    });
}

#[test]
fn point_14_bad_commands_are_slowed_and_end() {
    const BAD: &str = "500 5.5.1 Command unknown\r\n";
    let mut s = Stage::once(settings(), Some(EHLO));
    s.hello()
        .client("BAD\r\n".repeat(10))
        .expect(&BAD.repeat(10), "", &[]);
    s.client("BAD\r\n".repeat(10)).expect(BAD, "", &[]);
    assert_eq!(s.machine.client_appetite(), 0);
    for _ in 12..20 {
        s.pass(Duration::from_millis(999)).expect("", "", &[]);
        s.pass(Duration::from_millis(1)).expect(BAD, "", &[]);
    }
    s.pass(seconds(1))
        .expect("421 4.7.0 Too many errors, closing\r\n", "", CLOSE);
    s.closed()
        .counted(Count::BadCommand, 20)
        .counted(Count::TooManyBad, 1);
}

#[test]
fn point_14_junk_counts_beyond_a_measure() {
    let mut settings = settings();
    settings.plan.junk_commands = 3;
    settings.plan.bad_commands = 4;
    every_split(settings.clone(), Some(EHLO), |s| {
        s.hello().client("NOOP\r\nRSET\r\n").client("VRFY a\r\n");
        s.counted(Count::BadCommand, 0)
            .client("NOOP\r\n")
            .client("NOOP\r\n");
        s.counted(Count::BadCommand, 2)
            .client("RSET\r\n")
            .client("RSET\r\nRSET\r\n");
        s.pass(seconds(2)).counted(Count::TooManyBad, 1).closed();
    });
    // A message makes up for it.
    every_split(settings, Some(EHLO), |s| {
        s.message()
            .client("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n")
            .member("250 q\r\n");
        s.expect(&["250 q\r\n", OK, OK, OK, OK].concat(), "", PARK);
        s.counted(Count::BadCommand, 1);
    });
}
