//! Points 19 to 21: members and clients that fail.

use super::super::{Act, Count};
use super::stage::{ABORT, CLOSE, EHLO, FRESH, OTHER, PARK, QUIT, every_split, settings, usual};

const LOST: &str = "451 4.4.2 Connection to the mail server was lost, try again\r\n";

#[test]
fn point_19_a_member_that_greets_with_no_is_passed_over() {
    for greeting in ["421 busy\r\n", "554-go\r\n554 away\r\n", "250 what\r\n"] {
        usual(|s| {
            s.hello()
                .client("MAIL FROM:<a@a>\r\n")
                .expect("", "", FRESH);
            s.connected(0, false).member(greeting);
            s.expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
            s.join(1).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        });
    }
}

#[test]
fn point_19_replies_are_parsed_or_the_member_is_done_with() {
    // Split over reads they are one.
    usual(|s| {
        s.message().member("250-a\r\n250-b\r\n250\r\n");
        s.expect("250-a\r\n250-b\r\n250 \r\n", "", PARK);
    });
    for nonsense in [
        "250-a\r\n550 b\r\n",
        "250x\r\n",
        "250 a\n",
        "ok\r\n",
        "354 go\r\n",
    ] {
        usual(|s| {
            s.message().member(nonsense).expect(LOST, "", ABORT);
            s.counted(Count::MemberFault, 1)
                .counted(Count::MessageLost, 1);
        });
        usual(|s| {
            s.hello()
                .client("MAIL FROM:<a@a>\r\n")
                .expect("", "", FRESH);
            s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
            s.member(nonsense).expect("", "", &[ABORT, OTHER].concat());
            s.join(1).expect("", "MAIL FROM:<a@a>\r\n", &[]);
            s.member("250 m\r\n").expect("250 m\r\n", "", &[]);
        });
    }
}

#[test]
fn point_19_a_reply_too_many_costs_the_leg() {
    usual(|s| {
        s.message()
            .member_at_once("250 q\r\n250 q\r\n")
            .expect("250 q\r\n", "", ABORT);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
    });
    usual(|s| {
        s.message()
            .member_at_once("250 q\r\n25")
            .expect("250 q\r\n", "", ABORT);
    });
    usual(|s| {
        s.envelope().member("250 what\r\n").expect("", "", ABORT);
        s.client("DATA\r\n").expect("", "", OTHER);
    });
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false)
            .member_at_once("220 m\r\n250 evil\r\n");
        s.expect("", "", &[ABORT, OTHER].concat());
    });
}

#[test]
fn point_19_421_in_the_middle() {
    // Before 354 another member may do.
    usual(|s| {
        s.envelope()
            .client("RCPT TO:<c@c>\r\n")
            .expect("", "RCPT TO:<c@c>\r\n", &[]);
        s.member("421 bye\r\n")
            .expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
        s.no_member().expect(LOST, "", &[]);
        s.client("DATA\r\n").expect(LOST, "", &[]);
        s.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
    });
    // On a leg that waits, nothing is said.
    usual(|s| {
        s.envelope()
            .member("421 idle\r\n")
            .expect("", "QUIT\r\n", QUIT);
        s.client("DATA\r\n").expect("", "", OTHER);
    });
    // After the end of data it is the answer.
    usual(|s| {
        s.message().member("421 4.3.2 bye\r\n");
        s.expect("421 4.3.2 bye\r\n", "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
    // Before it, too.
    usual(|s| {
        s.text().client("x\r\n").expect("", "x\r\n", &[]);
        s.member("421 4.3.2 bye\r\n").expect("", "", ABORT);
        s.client(".\r\n").expect("421 4.3.2 bye\r\n", "", CLOSE);
    });
}

#[test]
fn point_20_a_replay_that_is_answered_otherwise_ends_the_transaction() {
    usual(|s| {
        s.envelope().gone().client("DATA\r\n").expect("", "", OTHER);
        s.join(1)
            .expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.member("250 m\r\n450 no\r\n")
            .expect(LOST, "QUIT\r\n", QUIT);
        s.client("RCPT TO:<c@c>\r\n").expect(LOST, "", &[]);
        s.client("DATA\r\n").expect(LOST, "", &[]);
        s.client("RSET\r\nMAIL FROM:<a@a>\r\n")
            .expect("250 2.0.0 OK\r\n", "", FRESH);
    });
}

#[test]
fn point_20_what_was_refused_is_not_replayed() {
    usual(|s| {
        s.envelope()
            .client("RCPT TO:<c@c>\r\n")
            .expect("", "RCPT TO:<c@c>\r\n", &[]);
        s.member("550 no\r\n").expect("550 no\r\n", "", &[]);
        s.client("RCPT TO:<d@d>\r\n")
            .expect("", "RCPT TO:<d@d>\r\n", &[]);
        s.gone().expect("", "", OTHER);
        s.join(1).expect(
            "",
            "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nRCPT TO:<d@d>\r\n",
            &[],
        );
        s.member("250 m\r\n250 b\r\n250 d\r\n")
            .expect("250 d\r\n", "", &[]);
        s.client("DATA\r\n").expect("", "DATA\r\n", &[]);
    });
}

#[test]
fn point_20_an_early_refusal_is_told_after_the_true_end() {
    usual(|s| {
        s.text().client("x\r\n").expect("", "x\r\n", &[]);
        s.member("552 5.3.4 big\r\n").expect("", "", ABORT);
        s.client("y\r\n.\r\nNOOP\r\n");
        s.expect("552 5.3.4 big\r\n250 2.0.0 OK\r\n", "", &[]);
        s.counted(Count::MessageRefused, 1);
    });
    // An early acceptance is none.
    usual(|s| {
        s.text().client("x\r\n").expect("", "x\r\n", &[]);
        s.member("250 ok\r\n").expect("", "", ABORT);
        s.client("y\r\n.\r\n").expect(LOST, "", &[]);
        s.counted(Count::MessageAccepted, 0)
            .counted(Count::MessageLost, 1);
    });
}

#[test]
fn point_20_a_reply_before_the_end_has_gone_out_is_early() {
    usual(|s| {
        s.message().member_while_stuck("250 ok\r\n");
        s.expect(LOST, "", ABORT).counted(Count::MessageAccepted, 0);
    });
    usual(|s| {
        s.message().member_while_stuck("552 big\r\n");
        s.expect("552 big\r\n", "", ABORT)
            .counted(Count::MessageRefused, 1);
    });
}

#[test]
fn point_21_a_client_gone_in_a_message_cuts_the_member_off() {
    usual(|s| {
        s.text()
            .client("half a mess")
            .expect("", "half a mess", &[]);
        s.client_ended()
            .expect("", "", &[Act::Abort, Act::AbortClient]);
        s.closed().counted(Count::ClientGone, 1);
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 10\r\nhal")
            .expect("", "BDAT 10\r\nhal", &[]);
        s.client_ended()
            .expect("", "", &[Act::Abort, Act::AbortClient]);
    });
    usual(|s| {
        s.envelope().client("DATA\r\n").expect("", "DATA\r\n", &[]);
        s.client_ended().expect("", "", &[]);
        s.member("354 go\r\n")
            .expect("354 go\r\n", "", &[Act::Abort, Act::AbortClient]);
    });
}

#[test]
fn point_21_a_half_closed_client_gets_its_replies() {
    usual(|s| {
        s.message().client_ended().expect("", "", &[]);
        s.member("250 q\r\n")
            .expect("250 q\r\n", "", &[PARK, CLOSE].concat());
    });
    usual(|s| {
        s.text()
            .client("x\r\n.\r\nQUIT\r\n")
            .client_ended()
            .expect("", "x\r\n.\r\n", &[]);
        s.member("250 q\r\n");
        s.expect("250 q\r\n221 2.0.0 Bye\r\n", "", &[PARK, CLOSE].concat());
    });
    every_split(settings(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nNOO")
            .client_ended();
        s.expect("", "", FRESH)
            .join(0)
            .member("250 m\r\n250 r\r\n")
            .expect(
                "250 m\r\n250 r\r\n",
                "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nQUIT\r\n",
                &[QUIT, CLOSE].concat(),
            );
    });
    usual(|s| {
        s.hello().client_ended().expect("", "", CLOSE);
    });
}
