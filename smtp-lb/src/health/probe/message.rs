//! The message that a probe sends, as DATA carries it (RFC 5321 section 4.5.2).

use super::Cause;
use crate::config::plan::MonitorMessagePlan;

/// Largest text, in octets.
pub(super) const MAX_BODY: u64 = 64 * 1024;
/// Longest line, its CR LF left out (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;
/// The text if there is no file.
const BODY: &[u8] = b"This message tests whether mail is accepted here.\n";

/// Ready to be sent.
pub(super) struct Composed {
    /// The text, dots doubled, with its end.
    pub(super) octets: Vec<u8>,
    /// Whether it needs 8BITMIME (RFC 6152).
    pub(super) eight_bit: bool,
}

/// Puts header and text together. `date` is of RFC 5322, `id` unique with `domain` behind it.
pub(super) fn compose(
    plan: &MonitorMessagePlan,
    body: Option<&[u8]>,
    (date, id, domain): (&str, &str, &str),
) -> Result<Composed, Cause> {
    let body = body.unwrap_or(BODY);
    let eight_bit = !body.is_ascii();
    let mut octets = Vec::with_capacity(body.len() + 512);
    let mut header = |name: &str, value: &str| {
        octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    };
    // RFC 5322 wants a mailbox even of the null sender.
    let from = match plan.from.as_str() {
        "" => format!("<postmaster@{domain}>"),
        from => format!("<{from}>"),
    };
    header("From", &from);
    header("To", &format!("<{}>", plan.rcpt));
    header("Subject", &plan.subject);
    header("Date", date);
    header("Message-ID", &format!("<{id}@{domain}>"));
    // RFC 3834: no answer is wanted.
    header("Auto-Submitted", "auto-generated");
    if eight_bit {
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "8bit");
    }
    octets.extend_from_slice(b"\r\n");
    append(body, &mut octets)?;
    octets.extend_from_slice(b".\r\n");
    Ok(Composed { octets, eight_bit })
}

fn append(body: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    for line in body.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE {
            return Err(Cause::Body("has a line of more than 998 octets"));
        }
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(Cause::Body("holds a bare CR or a NUL"));
        }
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &[u8]) -> Result<String, String> {
        let plan = MonitorMessagePlan {
            from: String::new(),
            rcpt: "probe@example.org".into(),
            subject: "test".into(),
            body: None,
        };
        let composed = compose(&plan, Some(body), ("today", "1", "lb.example"));
        let composed = composed.map_err(|error| error.to_string())?;
        assert_eq!(composed.eight_bit, !body.is_ascii());
        Ok(String::from_utf8(composed.octets).unwrap())
    }

    #[test]
    fn lines_and_dots() {
        let header = "From: <postmaster@lb.example>\r\nTo: <probe@example.org>\r\nSubject: test\r\n\
                      Date: today\r\nMessage-ID: <1@lb.example>\r\nAuto-Submitted: auto-generated\r\n";
        for (body, expected) in [
            (&b"one\ntwo\r\n"[..], "one\r\ntwo\r\n.\r\n"),
            (b".\n..\n.x", "..\r\n...\r\n..x\r\n.\r\n"),
            (b"", "\r\n.\r\n"),
        ] {
            assert_eq!(text(body).unwrap(), format!("{header}\r\n{expected}"));
        }
        assert!(
            text("größer".as_bytes())
                .unwrap()
                .contains("8bit\r\n\r\ngrößer\r\n")
        );
        assert!(text(&[b'x'; 998]).is_ok());
        for wrong in [&[b'x'; 999][..], b"a\rb", b"a\0b", b"a\r\r\nb"] {
            assert!(text(wrong).is_err(), "{wrong:?}");
        }
    }
}
