//! Point 11: BDAT.

use super::super::{Act, Count};
use super::stage::{
    ABORT, CLOSE, EHLO, FRESH, OTHER, PARK, QUIT, Stage, every_split, settings, usual,
};

const LOST: &str = "451 4.4.2 Connection to the mail server was lost, try again\r\n";
const REFUSED: &str = "503 5.5.1 A chunk was refused, say RSET first\r\n";

#[test]
fn point_11_bdat_that_was_not_offered_ends_the_session() {
    for ehlo in ["HELO c\r\n", "EHLO c\r\n"] {
        every_split(settings(), Some("250-m\r\n250 PIPELINING\r\n"), |s| {
            s.start()
                .client(ehlo)
                .client("BDAT 6 LAST\r\nQUIT\r\nRSET\r\n");
            let said = s.expect_end("502 5.5.1 Command not offered\r\n");
            said.closed();
        });
    }
}

impl Stage {
    #[track_caller]
    fn expect_end(&mut self, reply: &str) -> &mut Self {
        let hello = if self.machine.offered.extensions.is_empty() {
            "220 mx.example ESMTP\r\n250 mx.example\r\n"
        } else {
            "220 mx.example ESMTP\r\n250-mx.example\r\n250 PIPELINING\r\n"
        };
        self.expect(&format!("{hello}{reply}"), "", CLOSE)
    }
}

#[test]
fn point_11_chunks_are_octets_and_nothing_else() {
    usual(|s| {
        s.envelope().client("BDAT 9\r\na\r\n.\r\nb\r\n");
        s.expect("", "BDAT 9\r\na\r\n.\r\nb\r\n", &[]);
        s.client("BDAT 5 last\r\nQUIT\nBDAT 0 LAST\r\n")
            .expect("", "", &[]);
        s.member("250 9 octets\r\n");
        // The bare LF of the second chunk.
        let refused = "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n";
        s.expect(
            &format!("250 9 octets\r\n{refused}"),
            "",
            &[ABORT, CLOSE].concat(),
        );
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 2\r\na\r")
            .expect("", "BDAT 2\r\na\r", &[]);
        s.member("250 1\r\n").expect("250 1\r\n", "", &[]);
        s.client("BDAT 5 LAST\r\n\nRSETMAIL FROM:<x@x>\r\n");
        s.expect("", "BDAT 5 LAST\r\n\nRSET", &[]);
        s.member("250 q\r\n")
            .expect("250 q\r\n", "", &[PARK, FRESH].concat());
        s.counted(Count::MessageAccepted, 1);
    });
}

#[test]
fn point_11_a_message_whose_last_chunk_is_empty() {
    usual(|s| {
        s.envelope()
            .client("BDAT 3\r\na\r\n")
            .expect("", "BDAT 3\r\na\r\n", &[]);
        s.member("250 1\r\n").expect("250 1\r\n", "", &[]);
        s.client("BDAT 0 LAST\r\n")
            .expect("", "BDAT 0 LAST\r\n", &[]);
        s.member("250 q\r\n").expect("250 q\r\n", "", PARK);
    });
    // A bare CR before an empty last chunk.
    usual(|s| {
        s.envelope()
            .client("BDAT 2\r\na\r")
            .expect("", "BDAT 2\r\na\r", &[]);
        s.member("250 1\r\n").expect("250 1\r\n", "", &[]);
        s.client("BDAT 0 LAST\r\n").expect(
            "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n",
            "",
            &[Act::Abort, Act::CloseClient],
        );
    });
}

#[test]
fn point_11_sizes_that_are_none_end_the_session() {
    for size in ["-1", "18446744073709551616", "x", "", "5 FIRST"] {
        usual(|s| {
            s.envelope().client(format!("BDAT {size}\r\nQUIT\r\n"));
            s.expect(
                "501 5.5.4 Bad argument\r\n",
                "QUIT\r\n",
                &[QUIT, CLOSE].concat(),
            );
        });
    }
}

#[test]
fn point_11_data_and_rcpt_after_bdat() {
    usual(|s| {
        s.envelope()
            .client("BDAT 1\r\na")
            .expect("", "BDAT 1\r\na", &[]);
        s.member("250 1\r\n").expect("250 1\r\n", "", &[]);
        s.client("DATA\r\n")
            .expect("503 5.5.1 Only BDAT may follow BDAT\r\n", "", &[]);
        s.client("RCPT TO:<x@x>\r\n")
            .expect("503 5.5.1 Only BDAT may follow BDAT\r\n", "", &[]);
        s.client("RSET\r\n")
            .expect("250 2.0.0 OK\r\n", "RSET\r\n", &[]);
        s.member("250 r\r\n").expect("", "", PARK);
    });
}

#[test]
fn point_11_what_follows_a_refusal_is_swallowed() {
    // Refused by us.
    usual(|s| {
        s.hello().client("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
        s.expect("503 5.5.1 Say MAIL first\r\n250 2.0.0 OK\r\n", "", &[]);
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 10001\r\n")
            .client("x".repeat(40))
            .expect("", "", &[]);
        s.client_at_once("QUIT\r\n".repeat(1660) + "x").expect(
            "552 5.3.4 Message too big\r\n",
            "",
            &[],
        );
        s.client("BDAT 3 LAST\r\nabc")
            .expect(REFUSED, "RSET\r\n", &[]);
    });
    // Refused by the member, in time and too early.
    usual(|s| {
        s.envelope()
            .client("BDAT 1\r\naBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
        s.expect("", "BDAT 1\r\na", &[]);
        s.member("552 big\r\n");
        let replies = ["552 big\r\n", REFUSED, REFUSED, "250 2.0.0 OK\r\n"];
        s.expect(&replies.concat(), "RSET\r\n", &[]);
        s.member("250 r\r\n").expect("", "", PARK);
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 6\r\nQU")
            .expect("", "BDAT 6\r\nQU", &[]);
        s.member("552 big\r\n").expect("", "", ABORT);
        s.client("IT\r\nBDAT 1 LAST\r\nxNOOP\r\n");
        s.expect(
            &["552 big\r\n", REFUSED, "250 2.0.0 OK\r\n"].concat(),
            "",
            &[],
        );
        s.counted(Count::MessageRefused, 1);
    });
    // Accepted before its end.
    usual(|s| {
        s.envelope()
            .client("BDAT 6 LAST\r\nQU")
            .expect("", "BDAT 6 LAST\r\nQU", &[]);
        s.member("250 ok\r\n").expect("", "", ABORT);
        s.client("IT\r\nNOOP\r\n")
            .expect(&[LOST, "250 2.0.0 OK\r\n"].concat(), "", &[]);
        s.counted(Count::MessageAccepted, 0);
    });
}

#[test]
fn point_11_no_message_without_its_first_chunk() {
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\nBDAT 1\r\nx")
            .expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n")
            .expect("250 m\r\n503 5.5.1 Say RCPT first\r\n", "", &[]);
        s.client("RCPT TO:<b@b>\r\nBDAT 1 LAST\r\ny").expect(
            &[REFUSED, REFUSED].concat(),
            "RSET\r\n",
            &[],
        );
    });
}

#[test]
fn point_11_a_member_that_dies_between_chunks() {
    usual(|s| {
        s.envelope()
            .client("BDAT 1\r\na")
            .expect("", "BDAT 1\r\na", &[]);
        s.gone().expect(LOST, "", &[]);
        s.client("BDAT 1 LAST\r\nbMAIL FROM:<a@a>\r\n")
            .expect(LOST, "", FRESH);
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 1\r\na")
            .expect("", "BDAT 1\r\na", &[]);
        s.member("250 1\r\n").expect("250 1\r\n", "", &[]);
        s.gone().client("BDAT 3 LAST\r\nabcNOOP\r\n");
        s.expect(&[LOST, "250 2.0.0 OK\r\n"].concat(), "", &[]);
    });
    usual(|s| {
        s.envelope()
            .client("BDAT 3\r\na")
            .expect("", "BDAT 3\r\na", &[]);
        s.gone().client("bcBDAT 1\r\nxRSET\r\n");
        s.expect(&[LOST, LOST, "250 2.0.0 OK\r\n"].concat(), "", &[]);
        s.counted(Count::MessageLost, 1);
    });
}

#[test]
fn point_11_a_first_chunk_may_find_another_member() {
    // The one that has the envelope turns out not to know BDAT.
    every_split(settings(), Some(EHLO), |s| {
        s.hello()
            .client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n")
            .expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .expect("", "EHLO c.example\r\n", &[]);
        s.member("250-m\r\n250 PIPELINING\r\n");
        s.expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.member("250 m\r\n250 r\r\n")
            .expect("250 m\r\n250 r\r\n", "", &[]);
        s.client("BDAT 3 LAST\r\nabc")
            .expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
        s.join(1)
            .expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.member("250 m\r\n250 r\r\n")
            .expect("", "BDAT 3 LAST\r\nabc", &[]);
        s.member("250 q\r\n").expect("250 q\r\n", "", PARK);
    });
    every_split(settings(), Some(EHLO), |s| {
        s.envelope()
            .gone()
            .client("BDAT 3 LAST\r\nabc")
            .expect("", "", OTHER);
        s.no_member().expect(LOST, "", &[]);
    });
}
