use crate::smtp::command::{Chunk, Command, parse};
use crate::smtp::ehlo::Extensions;
use crate::smtp::parameter::Parameters;
use crate::smtp::path::Path;

/// One line, whatever is in it.
pub fn command(input: &[u8]) {
    let parsed = parse(input);
    let padded = [input, b" \t "].concat();
    assert_eq!(parse(&padded), parsed, "white space at the end changes it");
    let Ok(command) = parsed else {
        return;
    };
    let trimmed = input.trim_ascii_end();
    assert!(!trimmed.iter().any(u8::is_ascii_control));
    match command {
        Command::Mail(mail) => {
            assert_eq!(mail.line, trimmed);
            assert!(mail.path.is_null() || mail.path.domain().is_some());
            let utf8 = mail.needs().contains(Extensions::SMTPUTF8);
            assert!(utf8 || mail.line.is_ascii());
            envelope("mail from:", mail.path, mail.parameters, mail.line);
        }
        Command::Rcpt(rcpt) => {
            assert_eq!(rcpt.line, trimmed);
            assert!(!rcpt.path.is_null());
            let utf8 = rcpt.needs().contains(Extensions::SMTPUTF8);
            assert_eq!(utf8, !rcpt.line.is_ascii());
            envelope("rcpt to:", rcpt.path, rcpt.parameters, rcpt.line);
        }
        Command::Bdat(Chunk { size, last }) => {
            let again = format!("bdat {size}{}", if last { " last" } else { "" });
            assert_eq!(parse(again.as_bytes()), Ok(command));
        }
        Command::Auth(auth) => {
            assert_eq!(auth.line, trimmed);
            assert!(!auth.mechanism.is_empty() && auth.line.is_ascii());
            let words = trimmed.split(|&octet| octet == b' ');
            assert_eq!(auth.initial, words.count() == 3);
        }
        Command::Ehlo(name) | Command::Helo(name) => {
            assert!((1..=255).contains(&name.len()));
            assert!(name.bytes().all(|c| c.is_ascii_graphic()));
        }
        _ => {}
    }
}

/// Written anew from what was understood it is understood the same, and nothing else is in it.
fn envelope(key: &str, path: Path<'_>, parameters: Parameters<'_>, line: &[u8]) {
    let text = str::from_utf8(line).expect("UTF-8");
    assert!(!text.contains(char::is_control));
    assert!(path.text().chars().count() <= 254);
    let mut again = format!("{key}<{}>", path.text());
    for (keyword, value) in parameters.iter() {
        assert!(parameters.has(&keyword.to_ascii_lowercase()));
        assert_eq!(parameters.value(keyword), value);
        again.push(' ');
        again.push_str(keyword);
        if let Some(value) = value {
            again.push('=');
            again.push_str(value);
        }
    }
    match parse(again.as_bytes()) {
        Ok(
            Command::Mail(crate::smtp::command::Mail {
                path: p,
                parameters: q,
                ..
            })
            | Command::Rcpt(crate::smtp::command::Rcpt {
                path: p,
                parameters: q,
                ..
            }),
        ) => assert_eq!((p, q), (path, parameters)),
        other => panic!("{again:?} reads as {other:?}"),
    }
    let tail = again.split_once(':').map(|(_, tail)| tail.as_bytes());
    assert!(line.ends_with(tail.unwrap_or_default()));
    let mailbox = match path.domain() {
        Some(domain) => format!("{}@{domain}", path.local()),
        None => path.local().to_owned(),
    };
    assert!(path.text().ends_with(&mailbox));
    assert!(path.text().starts_with('@') || path.text() == mailbox);
}
