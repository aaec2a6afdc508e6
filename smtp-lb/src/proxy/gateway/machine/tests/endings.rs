//! Points 8 and 9: line endings.

use super::super::{Act, Count};
use super::stage::{ABORT, CLOSE, EHLO, PARK, every_split, settings, usual};
use crate::config::plan::LineEndings;

const REFUSED: &str = "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n";
const BAD: &str = "500 5.5.2 Bare CR, bare LF or NUL in a command\r\n";

const FALSE_ENDS: [&str; 12] = [
    "\n.\n",
    "\n.\r",
    "\r.\n",
    "\r.\r",
    "\n.\r\n",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\r\n",
];

#[test]
fn point_08_no_false_end_begins_a_second_transaction() {
    for end in FALSE_ENDS {
        usual(|s| {
            s.text();
            s.client(format!(
                "hi{end}MAIL FROM:<evil@a>\r\nRCPT TO:<b@b>\r\nDATA\r\nx"
            ));
            s.expect("", "", ABORT);
            s.client("\r\n.\r\nMAIL FROM:<c@c>\r\n")
                .expect(REFUSED, "", CLOSE);
            s.closed().counted(Count::LineEnding, 1);
            s.counted(Count::MessageAccepted, 0);
        });
    }
}

#[test]
fn point_08_normalized_the_member_sees_one_message() {
    let mut settings = settings();
    settings.plan.line_endings = LineEndings::Normalize;
    for end in FALSE_ENDS {
        every_split(settings.clone(), Some(EHLO), |s| {
            let mut text = crate::smtp::data::Scanner::new(crate::smtp::data::Endings::Normalize);
            let sent = format!("hi{end}MAIL FROM:<evil@a>\r\n.\r\n");
            let mut relayed = Vec::new();
            assert!(text.scan(sent.as_bytes(), &mut relayed).ended);
            s.text()
                .client(sent)
                .expect("", &String::from_utf8_lossy(&relayed), &[]);
            s.member("250 q\r\n").expect("250 q\r\n", "", PARK);
            s.counted(Count::MessageAccepted, 1);
        });
    }
}

#[test]
fn point_08_a_fault_in_the_last_line_of_a_message() {
    // All in one read, so that the fault and the true end come together.
    usual(|s| {
        s.text().client("a\nb\r\n.\r\n");
        s.expect(REFUSED, "", &[Act::Abort, Act::CloseClient]);
    });
}

#[test]
fn point_09_commands_end_in_crlf() {
    usual(|s| {
        s.start()
            .client("EHLO a\n")
            .client("EHLO a\rb\r\n")
            .client("NOO\0P\r\n");
        s.client("NOOP\r\n");
        let replies = [
            "220 mx.example ESMTP\r\n",
            BAD,
            BAD,
            BAD,
            "250 2.0.0 OK\r\n",
        ];
        s.expect(&replies.concat(), "", &[]);
        s.counted(Count::BadCommand, 3);
    });
    usual(|s| {
        s.hello()
            .client("MAIL FROM:<a@b>\rRCPT TO:<c@d>\r\n")
            .expect(BAD, "", &[]);
        s.client("MAIL FROM:<a@b>\nRCPT TO:<c@d>\r\n");
        s.expect(&[BAD, "503 5.5.1 Say MAIL first\r\n"].concat(), "", &[]);
    });
}
