//! The ordinary conversation, and every command out of its place.

use super::super::Count;
use super::stage::{CLOSE, EHLO, FRESH, OFFER, PARK, QUIT, Stage, every_split, settings, usual};

#[test]
fn a_message_from_banner_to_quit() {
    usual(|s| {
        s.message().member("250 2.0.0 queued\r\n");
        s.expect("250 2.0.0 queued\r\n", "", PARK);
        s.counted(Count::MessageAccepted, 1);
        s.client("QUIT\r\n").expect("221 2.0.0 Bye\r\n", "", CLOSE);
        s.closed().counted(Count::BadCommand, 0);
    });
}

#[test]
fn a_pipelined_message_keeps_the_order_of_replies() {
    usual(|s| {
        s.hello();
        s.client("MAIL FROM:<> SIZE=5\r\nRCPT TO:<b@b>\r\nRCPT TO:<c@b>\r\nDATA\r\n");
        s.expect("", "", FRESH).join(0);
        s.expect(
            "",
            "MAIL FROM:<> SIZE=5\r\nRCPT TO:<b@b>\r\nRCPT TO:<c@b>\r\n",
            &[],
        );
        s.member("250 m\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n250 c\r\n");
        let replies = "250 m\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n250 c\r\n";
        s.expect(replies, "DATA\r\n", &[]);
        s.member("354 go\r\n").expect("354 go\r\n", "", &[]);
        s.client(".\r\n").expect("", ".\r\n", &[]);
        s.member("554 empty\r\n").expect("554 empty\r\n", "", PARK);
        s.counted(Count::MessageRefused, 1);
    });
}

#[test]
fn without_pipelining_a_member_gets_one_line_at_a_time() {
    every_split(settings(), Some(EHLO), |s| {
        s.hello();
        s.client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        s.expect("", "", FRESH).connected(3, false);
        s.member("220 m\r\n").expect("", "EHLO c.example\r\n", &[]);
        s.member("250 m\r\n").expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 1\r\n")
            .expect("250 1\r\n", "RCPT TO:<b@b>\r\n", &[]);
        s.member("250 2\r\n").expect("250 2\r\n", "DATA\r\n", &[]);
    });
}

#[test]
fn point_10_what_follows_the_true_end_waits_for_its_reply() {
    usual(|s| {
        s.text();
        s.client("x\r\n.\r\nMAIL FROM:<c@c>\r\nRCPT TO:<d@d>\r\nQUIT\r\n");
        s.expect("", "x\r\n.\r\n", &[]);
        s.member("250 q\r\n")
            .expect("250 q\r\n", "", &[PARK, FRESH].concat());
        s.connected(0, true);
        s.expect("", "MAIL FROM:<c@c>\r\nRCPT TO:<d@d>\r\n", &[]);
        s.member("250 m\r\n250 r\r\n");
        s.expect(
            "250 m\r\n250 r\r\n221 2.0.0 Bye\r\n",
            "QUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
    });
}

#[test]
fn small_commands_are_answered_here() {
    usual(|s| {
        s.hello();
        s.client("NOOP\r\nNOOP x\r\nVRFY a\r\nHELP\r\nRSET\r\n");
        s.expect(
            "250 2.0.0 OK\r\n250 2.0.0 OK\r\n252 2.0.0 Cannot verify, send it and see\r\n\
             214 2.0.0 See RFC 5321\r\n250 2.0.0 OK\r\n",
            "",
            &[],
        );
        s.counted(Count::BadCommand, 0);
        s.client("EXPN a\r\nETRN a\r\nBLAH\r\n");
        s.expect(
            "502 5.5.1 Command not offered\r\n502 5.5.1 Command not offered\r\n\
             500 5.5.1 Command unknown\r\n",
            "",
            &[],
        );
        s.counted(Count::BadCommand, 3);
    });
}

#[test]
fn commands_out_of_place() {
    usual(|s| {
        s.start().expect("220 mx.example ESMTP\r\n", "", &[]);
        s.client("MAIL FROM:<a@a>\r\nRCPT TO:<a@a>\r\n");
        s.expect(
            "503 5.5.1 Say EHLO first\r\n503 5.5.1 Say MAIL first\r\n",
            "",
            &[],
        );
        s.client("DATA\r\n")
            .expect("503 5.5.1 Say MAIL first\r\n", "", &[]);
        s.client("STARTTLS\r\n")
            .expect("502 5.5.1 Command not offered\r\n", "", &[]);
    });
    usual(|s| {
        s.envelope().client("MAIL FROM:<a@a>\r\n");
        s.expect("503 5.5.1 Not within a transaction\r\n", "", &[]);
        s.client("AUTH PLAIN AAAA\r\n").client("DATA x\r\n");
        s.expect(
            "538 5.7.11 Encryption is needed for this\r\n501 5.5.4 Bad argument\r\n",
            "",
            &[],
        );
    });
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\nDATA\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n")
            .expect("250 m\r\n503 5.5.1 Say RCPT first\r\n", "", &[]);
        s.client("RCPT TO:<a@a>\r\nDATA\r\n")
            .expect("", "RCPT TO:<a@a>\r\n", &[]);
        s.member("450 no\r\n")
            .expect("450 no\r\n554 5.5.1 No valid recipients\r\n", "", &[]);
        s.client("RCPT TO:<c@c>\r\nDATA\r\n")
            .expect("", "RCPT TO:<c@c>\r\n", &[]);
        s.member("250 yes\r\n")
            .expect("250 yes\r\n", "DATA\r\n", &[]);
        s.member("451 later\r\n").expect("451 later\r\n", "", &[]);
        s.client("RCPT TO:<d@d>\r\nDATA\r\n")
            .expect("", "RCPT TO:<d@d>\r\n", &[]);
        s.member("250 yes\r\n")
            .expect("250 yes\r\n", "DATA\r\n", &[]);
    });
}

#[test]
fn a_refused_sender_is_no_transaction() {
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        s.expect("", "", FRESH)
            .join(0)
            .expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.member("550 no\r\n503 no\r\n");
        s.expect("550 no\r\n503 no\r\n503 5.5.1 Say MAIL first\r\n", "", PARK);
        s.client("MAIL FROM:<c@c>\r\n").expect("", "", FRESH);
    });
}

#[test]
fn reset_before_data_reaches_the_member_once() {
    usual(|s| {
        s.envelope()
            .client("RSET\r\n")
            .expect("250 2.0.0 OK\r\n", "RSET\r\n", &[]);
        s.client("MAIL FROM:<c@c>\r\n").expect("", "", &[]);
        s.member("250 reset\r\n")
            .expect("", "", &[PARK, FRESH].concat());
        s.connected(0, true).expect("", "MAIL FROM:<c@c>\r\n", &[]);
        s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
    });
    // A member that cannot even do that is left.
    usual(|s| {
        s.envelope()
            .client("RSET\r\n")
            .expect("250 2.0.0 OK\r\n", "RSET\r\n", &[]);
        s.member("502 what\r\n").expect("", "QUIT\r\n", QUIT);
        s.client("MAIL FROM:<c@c>\r\n").expect("", "", FRESH);
    });
}

#[test]
fn a_second_ehlo_ends_the_transaction() {
    usual(|s| {
        s.envelope()
            .client("EHLO c.example\r\n")
            .expect(OFFER, "RSET\r\n", &[]);
        s.member("250 reset\r\n").expect("", "", PARK);
        s.client("RCPT TO:<a@a>\r\n")
            .expect("503 5.5.1 Say MAIL first\r\n", "", &[]);
    });
}

#[test]
fn members_hear_the_clients_latest_name() {
    usual(|s| {
        s.message()
            .member("250 q\r\n")
            .expect("250 q\r\n", "", PARK);
        s.client("EHLO other\r\n").expect(OFFER, "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
        s.connected(0, true).expect("", "EHLO other\r\n", &[]);
        s.member(EHLO).expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
}

#[test]
fn helo_clients_are_offered_nothing() {
    usual(|s| {
        s.start().client("HELO old\r\n");
        s.expect("220 mx.example ESMTP\r\n250 mx.example\r\n", "", &[]);
        s.client("MAIL FROM:<a@a> SIZE=3\r\n");
        s.expect("555 5.5.4 Parameter not offered\r\n", "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .expect("", "EHLO old\r\n", &[]);
        // A member that only knows HELO will do.
        s.member("500 what\r\n").expect("", "HELO old\r\n", &[]);
        s.member("250 hi\r\n")
            .expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
}

#[test]
fn the_members_own_banner() {
    let mut settings = settings();
    settings.plan.banner = "{hostname} via {member}".into();
    every_split(settings.clone(), Some(EHLO), |s| {
        s.start().expect("", "", FRESH);
        assert_eq!(s.machine.client_appetite(), 0);
        s.connected(0, false)
            .member("220-m.example hello\r\n220 there\r\n");
        s.expect("220 mx.example via m.example hello\r\n", "", &[]);
        s.client("EHLO c\r\n").expect(OFFER, "", &[]);
        s.client("MAIL FROM:<a@a>\r\n")
            .expect("", "EHLO c\r\n", &[]);
        s.member(EHLO).expect("", "MAIL FROM:<a@a>\r\n", &[]);
    });
    every_split(settings, Some(EHLO), |s| {
        s.start().expect("", "", FRESH).no_member();
        s.expect(
            "421 4.3.2 No mail server can be had, closing\r\n",
            "",
            CLOSE,
        );
        s.closed().client("QUIT\r\n").expect("", "", &[]);
    });
}

#[test]
fn too_many_recipients() {
    let mut settings = settings();
    settings.plan.recipients = 2;
    every_split(settings, Some(EHLO), |s| {
        s.envelope();
        s.client("RCPT TO:<c@c>\r\nRCPT TO:<d@d>\r\n")
            .expect("", "RCPT TO:<c@c>\r\n", &[]);
        s.member("250 c\r\n")
            .expect("250 c\r\n452 4.5.3 Too many recipients\r\n", "", &[]);
        s.client("DATA\r\n").expect("", "DATA\r\n", &[]);
    });
}

#[test]
fn the_envelopes_text_is_bounded() {
    let mut s = Stage::once(settings(), Some(EHLO));
    s.envelope();
    let rcpt = format!("RCPT TO:<{}@b>\r\n", "x".repeat(200));
    let mut taken = 0;
    loop {
        s.client_at_once(&rcpt).member("250 r\r\n");
        if s.machine.envelope.all_told() && taken == s.machine.envelope.len() {
            break;
        }
        taken = s.machine.envelope.len();
    }
    assert!((taken - 2) * rcpt.len() <= 64 * 1024, "{taken}");
    s.counted(Count::MemberFault, 1);
}
