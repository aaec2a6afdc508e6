//! Delivered mail, and how it is compared with what was sent.
//!
//! A server puts headers of its own in front of a message and stores it with LF. So of each file
//! the leading headers that servers add are taken apart, and all that follows must be the octets
//! that were sent, CRLF for LF.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::smtp_client::Message;
use crate::wait::until;

/// Headers that Postfix and Exim put in front.
const TRACE: &[&str] = &[
    "Return-Path:",
    "X-Original-To:",
    "Delivered-To:",
    "Envelope-to:",
    "Delivery-date:",
    "Received:",
];

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What the server put in front, folded lines joined.
    pub trace: Vec<String>,
    /// The message, lines ended by CRLF.
    pub content: Vec<u8>,
}

impl Delivered {
    /// Takes a file of a mailbox apart.
    #[must_use]
    pub fn parse(file: &[u8]) -> Self {
        let mut trace: Vec<String> = Vec::new();
        let mut used = 0;
        for line in file.split_inclusive(|octet| *octet == b'\n') {
            let text = String::from_utf8_lossy(line).trim_end().to_owned();
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            if folded && let Some(last) = trace.last_mut() {
                last.push_str(&text);
            } else if is_trace(&text) && !trace.iter().any(|had| same_header(had, &text)) {
                trace.push(text);
            } else {
                break;
            }
            used += line.len();
        }
        let mut content = Vec::with_capacity(file.len() + file.len() / 32);
        for line in file[used..].split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    content.extend_from_slice(line);
                    content.extend_from_slice(b"\r\n");
                }
                None => content.extend_from_slice(line),
            }
        }
        Self { trace, content }
    }

    /// Whom it was for, as the server noted.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        self.header("X-Original-To").or(self.header("Envelope-to"))
    }

    /// A header of those in front.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.trace.iter().find_map(|line| {
            let (is, value) = line.split_once(':')?;
            is.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// A header of the message itself, of one line.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.content);
        text.lines()
            .find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned))
    }
}

fn is_trace(line: &str) -> bool {
    TRACE.iter().any(|name| {
        line.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

/// A server adds each of its headers once; the second one is the message's.
fn same_header(a: &str, b: &str) -> bool {
    let name = |line: &str| line.split(':').next().map(str::to_ascii_lowercase);
    name(a) == name(b)
}

/// Everything in the `new` folder of a maildir; nothing if there is none yet.
pub fn read(maildir: &Path) -> Result<Vec<Delivered>> {
    let new = maildir.join("new");
    if !new.exists() {
        return Ok(Vec::new());
    }
    fs::read_dir(new)?
        .map(|entry| Ok(Delivered::parse(&fs::read(entry?.path())?)))
        .collect()
}

/// Messages in the `new` folder of a maildir.
pub fn count(maildir: &Path) -> usize {
    fs::read_dir(maildir.join("new")).map_or(0, Iterator::count)
}

/// Waits until as many deliveries are there as the messages have recipients, and compares: each
/// once, each as sent. The messages' recipients must all differ.
pub fn await_all(sent: &[&Message], maildirs: &[&Path], bound: Duration) -> Result<()> {
    let wanted: usize = sent.iter().map(|message| message.to.len()).sum();
    let counted = || maildirs.iter().map(|maildir| count(maildir)).sum::<usize>();
    until(format!("{wanted} deliveries"), bound, || {
        Ok((counted() >= wanted).then_some(()))
    })
    .with_context(|| format!("{} of {wanted} delivered", counted()))?;
    let mut delivered = Vec::new();
    for maildir in maildirs {
        delivered.extend(read(maildir)?);
    }
    compare(sent, &delivered)
}

/// Each message once for each of its recipients, each as sent, and nothing else.
pub fn compare(sent: &[&Message], delivered: &[Delivered]) -> Result<()> {
    let mut left: Vec<&Delivered> = delivered.iter().collect();
    for message in sent {
        let mut expected = message.data.clone();
        if !expected.is_empty() && !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        for to in &message.to {
            let at = left.iter().position(|mail| mail.recipient() == Some(to));
            let mail = left.swap_remove(at.with_context(|| format!("nothing for {to}"))?);
            let mut content = mail.content.as_slice();
            if !expected.windows(4).any(|octets| octets == b"\r\n\r\n") {
                // Headers alone; some servers put the blank line after them.
                let bare = content.strip_suffix(b"\r\n");
                content = bare.filter(|bare| *bare == expected).unwrap_or(content);
            }
            same(&expected, content).with_context(|| format!("mail for {to}"))?;
        }
    }
    if let Some(mail) = left.first() {
        bail!(
            "{} deliveries too many, one with {:?}",
            left.len(),
            mail.trace
        );
    }
    Ok(())
}

/// Fails where they differ, and shows the place.
fn same(expected: &[u8], found: &[u8]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let at = expected
        .iter()
        .zip(found)
        .take_while(|(a, b)| a == b)
        .count();
    let show = |octets: &[u8]| {
        let from = at.saturating_sub(20).min(octets.len());
        let to = (at + 40).min(octets.len());
        octets[from..to].escape_ascii().to_string()
    };
    bail!(
        "{} octets sent, {} delivered; they differ at {at}: sent `{}`, delivered `{}`",
        expected.len(),
        found.len(),
        show(expected),
        show(found)
    );
}

#[cfg(test)]
mod tests {
    use super::{Delivered, compare};
    use crate::smtp_client::Message;

    const FILE: &[u8] = b"Return-Path: <a@b>\nX-Original-To: c@d\nReceived: from x\n\tby y;\n z\n\
        Received: from a former hop\nSubject: s\n\nbody\n";

    #[test]
    fn what_servers_add_is_taken_apart() {
        let mail = Delivered::parse(FILE);
        assert_eq!(mail.recipient(), Some("c@d"));
        assert_eq!(mail.trace.len(), 3);
        assert_eq!(mail.subject().as_deref(), Some("s"));
        let content = b"Received: from a former hop\r\nSubject: s\r\n\r\nbody\r\n";
        assert_eq!(mail.content, content);
    }

    #[test]
    fn any_difference_is_found() {
        let message = |data: &[u8]| Message {
            from: "a@b".into(),
            to: vec!["c@d".into()],
            data: data.to_vec(),
        };
        let delivered = [Delivered::parse(FILE)];
        let data = delivered[0].content.clone();
        compare(&[&message(&data)], &delivered).unwrap();
        compare(&[&message(&data[..data.len() - 2])], &delivered).unwrap();
        compare(&[&message(&data[1..])], &delivered).unwrap_err();
        compare(&[&message(&[&data, &b"\r\n"[..]].concat())], &delivered).unwrap_err();
        compare(&[], &delivered).unwrap_err();
        compare(&[&message(&data)], &[]).unwrap_err();
        let twice = [delivered[0].clone(), delivered[0].clone()];
        compare(&[&message(&data)], &twice).unwrap_err();
    }
}
