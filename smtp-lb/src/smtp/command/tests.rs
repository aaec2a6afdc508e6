use super::{Chunk, Command, CommandFault, parse};
use crate::smtp::ehlo::Extensions;

#[test]
fn words_in_any_case_and_space_at_the_end() {
    let table: [(&[u8], Command<'_>); 34] = [
        (b"EHLO mx.example.org", Command::Ehlo("mx.example.org")),
        (b"ehlo [192.0.2.1] ", Command::Ehlo("[192.0.2.1]")),
        (b"HELO my_pc", Command::Helo("my_pc")),
        (b"DATA", Command::Data),
        (b"data \t ", Command::Data),
        (
            b"BDAT 0",
            Command::Bdat(Chunk {
                size: 0,
                last: false,
            }),
        ),
        (
            b"bdat 86 last",
            Command::Bdat(Chunk {
                size: 86,
                last: true,
            }),
        ),
        (b"StartTLS", Command::StartTls),
        (b"RSET", Command::Rset),
        (b"NOOP", Command::Noop),
        (b"NOOP anything  at all", Command::Noop),
        (b"QUIT", Command::Quit),
        (b"VRFY joe", Command::Vrfy),
        (b"EXPN list", Command::Expn),
        (b"HELP", Command::Help),
        (b"ETRN example.org", Command::Etrn),
        // Notes, point 15.
        (b"XCLIENT ADDR=1.2.3.4", Command::Xclient),
        (b"xforward NAME=x", Command::Xforward),
        // Point 7.
        (b"GET / HTTP/1.1", Command::Http),
        (b"POST /x HTTP/1.0", Command::Http),
        (b"CONNECT a:25 HTTP/1.1", Command::Http),
        (b"PRI * HTTP/2.0", Command::Http),
        (b"Host: mx.example.org", Command::Http),
        (b"User-Agent:x", Command::Http),
        (b"Content-Type : x", Command::Http),
        (b"MAIL:x", Command::Http),
        // Point 16.
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2", Command::Proxy),
        (b"SEND FROM:<a@b>", Command::Unknown),
        (b"MAILX FROM:<a@b>", Command::Unknown),
        (b"RCP", Command::Unknown),
        (b"STARTTLSX", Command::Unknown),
        (b":x", Command::Unknown),
        (b" NOOP", Command::Unknown),
        ("ÜBER: x".as_bytes(), Command::Unknown),
    ];
    for (line, expected) in table {
        assert_eq!(parse(line), Ok(expected), "{}", line.escape_ascii());
    }
}

#[test]
fn faults() {
    use CommandFault::{Argument, ChunkSize, NonAscii, Parameter, Recipient, Sender, Syntax};
    let table: [(&str, CommandFault); 51] = [
        ("", Syntax),
        ("  \t", Syntax),
        ("NO\0OP", Syntax),
        ("NOOP \u{7f}", Syntax),
        ("EHLO a\tb", Syntax),
        ("\x16\x03\x01", Syntax),
        ("EHLO", Argument),
        ("EHLO ", Argument),
        ("EHLO  a", Argument),
        ("EHLO a b", Argument),
        ("EHLO ü", Argument),
        ("DATA x", Argument),
        ("QUIT now", Argument),
        ("RSET x", Argument),
        // Notes, point 3.
        ("STARTTLS x", Argument),
        ("AUTH", Argument),
        ("AUTH PL*IN", Argument),
        ("AUTH PLAIN a b", Argument),
        ("AUTH PLAIN a*b", Argument),
        ("AUTH PLAIN ===", Argument),
        ("AUTH ABCDEFGHIJKLMNOPQRSTU", Argument),
        // Point 11.
        ("BDAT", ChunkSize),
        ("BDAT -1", ChunkSize),
        ("BDAT +1", ChunkSize),
        ("BDAT x", ChunkSize),
        ("BDAT 1x", ChunkSize),
        ("BDAT  1", ChunkSize),
        ("BDAT 18446744073709551616", ChunkSize),
        ("BDAT 1 LASTS", ChunkSize),
        ("BDAT 1  LAST", ChunkSize),
        ("BDAT 1 LAST x", ChunkSize),
        ("BDAT LAST", ChunkSize),
        ("MAIL", Argument),
        ("MAIL <a@b>", Argument),
        ("MAIL FROM", Argument),
        ("MAIL FROM <a@b>", Argument),
        ("MAIL TO:<a@b>", Argument),
        ("MAIL  FROM:<a@b>", Argument),
        ("MAIL FROM:", Sender),
        ("MAIL FROM:a@b", Sender),
        ("MAIL FROM:<a>", Sender),
        ("MAIL FROM:<postmaster>", Sender),
        ("MAIL FROM:<a@b>SIZE=1", Argument),
        ("MAIL FROM:<a@b> X=1", Parameter),
        ("MAIL FROM:<ü@x>", NonAscii),
        ("MAIL FROM:<ü@x> SIZE=1", NonAscii),
        ("RCPT TO:<>", Recipient),
        ("RCPT TO:<a@b", Recipient),
        ("RCPT FROM:<a@b>", Argument),
        ("RCPT TO:<a@b> SIZE=1", Parameter),
        ("RCPT TO:<a@b>  NOTIFY=NEVER", Parameter),
    ];
    for (line, fault) in table {
        assert_eq!(parse(line.as_bytes()), Err(fault), "{line:?}");
    }
    let bytes: [(&[u8], CommandFault); 4] = [
        (b"MAIL FROM:<\xfc@x> SMTPUTF8", NonAscii),
        (b"RCPT TO:<\xfc@x>", NonAscii),
        (b"VRFY \xfc", Syntax),
        (b"AUTH \xfc", Syntax),
    ];
    for (line, fault) in bytes {
        assert_eq!(parse(line), Err(fault), "{}", line.escape_ascii());
    }
    let long = format!("EHLO {}", "x".repeat(256));
    assert_eq!(parse(long.as_bytes()), Err(Argument));
    assert!(parse(&long.as_bytes()[..260]).is_ok());
}

#[test]
fn mail_and_rcpt() {
    let line = b"mail FROM:  <a@b> SIZE=7 BODY=8BITMIME  ";
    let Ok(Command::Mail(mail)) = parse(line) else {
        panic!()
    };
    assert_eq!((mail.path.local(), mail.path.domain()), ("a", Some("b")));
    assert_eq!(mail.line, b"mail FROM:  <a@b> SIZE=7 BODY=8BITMIME");
    assert_eq!(mail.parameters.size(), Some(7));
    let both = Extensions::SIZE.with(Extensions::EIGHT_BIT_MIME);
    assert_eq!(mail.needs(), both);

    let Ok(Command::Mail(null)) = parse(b"MAIL FROM:<>") else {
        panic!()
    };
    assert!(null.path.is_null() && null.needs().is_empty());

    let utf8 = "MAIL FROM:<ü@x> SMTPUTF8";
    assert!(matches!(parse(utf8.as_bytes()), Ok(Command::Mail(_))));

    let Ok(Command::Rcpt(rcpt)) = parse("rcpt to:<ü@x> NOTIFY=NEVER".as_bytes()) else {
        panic!()
    };
    assert!(!rcpt.path.is_ascii());
    assert_eq!(rcpt.needs(), Extensions::DSN.with(Extensions::SMTPUTF8));
    assert!(matches!(
        parse(b"RCPT TO:<postmaster>"),
        Ok(Command::Rcpt(_))
    ));
}

#[test]
fn auth_keeps_its_secret() {
    let Ok(Command::Auth(auth)) = parse(b"AUTH plain AGpvZQBzZWNyZXQ=") else {
        panic!()
    };
    assert_eq!((auth.mechanism, auth.initial), ("plain", true));
    assert_eq!(auth.line, b"AUTH plain AGpvZQBzZWNyZXQ=");
    let shown = format!("{auth:?}");
    assert!(!shown.contains("65") && !shown.contains("AGpv"), "{shown}");
    for (line, initial) in [("AUTH LOGIN", false), ("AUTH EXTERNAL =", true)] {
        let parsed = parse(line.as_bytes());
        assert!(matches!(parsed, Ok(Command::Auth(auth)) if auth.initial == initial));
    }
}
