//! AUTH goes through, and ties the session to its member.

use super::super::{Count, Settings};
use super::stage::{ABORT, CLOSE, EHLO, FRESH, OTHER, QUIT, Stage, every_split, settings};

const GONE: &str = "421 4.3.2 No mail server can be had, closing\r\n";

/// In TLS, EHLO said and answered.
fn secure(script: impl Fn(&mut Stage)) {
    let settings = Settings {
        implicit_tls: true,
        ..settings()
    };
    every_split(settings, Some(EHLO), |s| {
        s.start().client("EHLO c.example\r\n");
        s.expect(
            "220 mx.example ESMTP\r\n250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n\
             250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n\
             250-SMTPUTF8\r\n250 CHUNKING\r\n",
            "",
            &[],
        );
        script(s);
    });
}

impl Stage {
    fn authenticated(&mut self) -> &mut Self {
        self.client("auth PLAIN AGEAYg==\r\n").expect("", "", FRESH);
        self.join(0).expect("", "auth PLAIN AGEAYg==\r\n", &[]);
        self.member("235 2.7.0 in\r\n")
            .expect("235 2.7.0 in\r\n", "", &[])
    }
}

#[test]
fn a_session_stays_with_the_member_that_let_it_in() {
    secure(|s| {
        s.authenticated().client("AUTH PLAIN AAAA\r\n");
        s.expect("503 5.5.1 Already authenticated\r\n", "", &[]);
        for _ in 0..2 {
            s.client("MAIL FROM:<a@a> AUTH=<>\r\n");
            s.expect("", "MAIL FROM:<a@a> AUTH=<>\r\n", &[])
                .member("250 m\r\n");
            s.client("RCPT TO:<b@b>\r\n")
                .member("250 r\r\n")
                .client("DATA\r\n");
            s.expect("250 m\r\n250 r\r\n", "RCPT TO:<b@b>\r\nDATA\r\n", &[]);
            s.member("354 go\r\n").client(".\r\n").member("250 q\r\n");
            s.expect("354 go\r\n250 q\r\n", ".\r\n", &[]);
        }
        s.client("QUIT\r\n");
        s.expect("221 2.0.0 Bye\r\n", "QUIT\r\n", &[QUIT, CLOSE].concat());
    });
}

#[test]
fn challenges_and_responses_are_relayed() {
    secure(|s| {
        s.client("AUTH LOGIN\r\n").expect("", "", FRESH);
        s.join(2).expect("", "AUTH LOGIN\r\n", &[]);
        s.member("334 VXNlcm5hbWU6\r\n")
            .expect("334 VXNlcm5hbWU6\r\n", "", &[]);
        s.client("dXNlcg==\r\n").expect("", "dXNlcg==\r\n", &[]);
        s.member("334 UGFzc3dvcmQ6\r\n")
            .expect("334 UGFzc3dvcmQ6\r\n", "", &[]);
        s.client("QUIT\r\n").expect("", "QUIT\r\n", &[]);
        s.member("535 5.7.8 no\r\n")
            .expect("535 5.7.8 no\r\n", "", &[]);
        // Another try, cancelled.
        s.client("AUTH LOGIN\r\n").expect("", "AUTH LOGIN\r\n", &[]);
        s.member("334 VXNlcm5hbWU6\r\n")
            .expect("334 VXNlcm5hbWU6\r\n", "", &[]);
        s.client("*\r\n").expect("", "*\r\n", &[]);
        s.member("501 5.7.0 as you like\r\n")
            .expect("501 5.7.0 as you like\r\n", "", &[]);
    });
}

#[test]
fn a_response_has_12288_octets() {
    let settings = || Settings {
        implicit_tls: true,
        ..settings()
    };
    let challenged = || {
        let mut s = Stage::once(settings(), Some(EHLO));
        s.start().client("EHLO c.example\r\n");
        s.client("AUTH PLAIN\r\n").join_any();
        s.member("334 \r\n")
            .expect("334 \r\n", "AUTH PLAIN\r\n", &[]);
        s
    };
    let fits = format!("{}\r\n", "A".repeat(12_286));
    challenged().client(&fits).expect("", &fits, &[]);
    let mut s = challenged();
    s.client(format!("{}\r\nNOOP\r\n", "A".repeat(20_000)))
        .expect("", "*\r\n", &[]);
    s.member("501 5.7.0 cancelled\r\n").expect(
        "500 5.5.6 Authentication line too long\r\n250 2.0.0 OK\r\n",
        "",
        &[],
    );
    let mut s = challenged();
    s.client("AA\0A\r\n").expect("", "*\r\n", &[]);
    s.member("501 5.7.0 cancelled\r\n");
    s.expect(
        "500 5.5.2 Bare CR, bare LF or NUL in a command\r\n",
        "",
        &[],
    );
    // As long as that the command itself may be.
    let long = format!("AUTH PLAIN {}\r\n", "A".repeat(12_275));
    let mut s = Stage::once(settings(), Some(EHLO));
    s.start()
        .client("EHLO c.example\r\n")
        .client(&long)
        .join_any();
    s.expect("", &long, &[]);
    let mut s = Stage::once(settings(), Some(EHLO));
    s.start()
        .client("EHLO c.example\r\n")
        .client(format!("{}A\r\n", long.trim_end()));
    s.counted(Count::BadCommand, 1);
}

impl Stage {
    /// As [`join`](Self::join), whatever was said before.
    fn join_any(&mut self) -> &mut Self {
        self.connected(0, false).member("220 m\r\n");
        self.forget();
        self.member(EHLO)
    }
}

#[test]
fn authentication_out_of_place() {
    secure(|s| {
        s.client("AUTH X-OTHER AAAA\r\n")
            .expect("504 5.5.4 Mechanism not offered\r\n", "", &[]);
        s.client("MAIL FROM:<a@a>\r\nAUTH PLAIN AAAA\r\n")
            .expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 m\r\n");
        s.expect("250 m\r\n503 5.5.1 Not within a transaction\r\n", "", &[]);
    });
    let settings = Settings {
        implicit_tls: true,
        ..settings()
    };
    every_split(settings, Some("250 m\r\n"), |s| {
        s.start().client("AUTH PLAIN AAAA\r\n");
        s.expect(
            "220 mx.example ESMTP\r\n503 5.5.1 Say EHLO first\r\n",
            "",
            &[],
        );
        s.client("EHLO c\r\n").client("AUTH PLAIN AAAA\r\n");
        s.expect(
            "250 mx.example\r\n502 5.5.1 Command not offered\r\n",
            "",
            &[],
        );
    });
}

#[test]
fn without_a_member_there_is_no_authentication_now() {
    secure(|s| {
        s.client("AUTH PLAIN AAAA\r\nNOOP\r\n")
            .expect("", "", FRESH);
        s.no_member().expect(
            "454 4.7.0 No mail server can be had, try again later\r\n250 2.0.0 OK\r\n",
            "",
            &[],
        );
        s.client("AUTH PLAIN AAAA\r\n").expect("", "", FRESH);
        s.connected(0, false)
            .member("220 m\r\n")
            .expect("", "EHLO c.example\r\n", &[]);
        // Not one that has no AUTH.
        s.member("250 m\r\n")
            .expect("", "QUIT\r\n", &[QUIT, OTHER].concat());
        s.join(1).expect("", "AUTH PLAIN AAAA\r\n", &[]);
    });
}

#[test]
fn the_members_death_ends_an_authenticated_session() {
    secure(|s| {
        s.authenticated().gone().expect(GONE, "", CLOSE);
    });
    secure(|s| {
        s.authenticated()
            .client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n");
        s.expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.gone().expect(GONE, "", CLOSE);
    });
    secure(|s| {
        s.authenticated()
            .client("MAIL FROM:<a@a>\r\n")
            .member("421 bye\r\n");
        s.expect(
            "421 bye\r\n",
            "MAIL FROM:<a@a>\r\nQUIT\r\n",
            &[QUIT, CLOSE].concat(),
        );
    });
    secure(|s| {
        s.client("AUTH LOGIN\r\n").expect("", "", FRESH);
        s.join(0).expect("", "AUTH LOGIN\r\n", &[]);
        s.gone().expect(GONE, "", CLOSE);
    });
    secure(|s| {
        s.client("AUTH LOGIN\r\n").expect("", "", FRESH);
        s.join(0).expect("", "AUTH LOGIN\r\n", &[]);
        s.member("354 what\r\n")
            .expect(GONE, "", &[ABORT, CLOSE].concat());
    });
    // In a message: after its true end.
    secure(|s| {
        s.authenticated()
            .client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        s.member("250 m\r\n250 r\r\n").member("354 go\r\n");
        s.client("x\r\n").gone().client(".\r\n");
        let said = "250 m\r\n250 r\r\n354 go\r\n\
             451 4.4.2 Connection to the mail server was lost, try again\r\n";
        let heard = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\nx\r\n";
        s.expect(&[said, GONE].concat(), heard, CLOSE);
    });
}
