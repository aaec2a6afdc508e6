//! Entries of the systemd journal: a field a line. No value has a newline, so the simple form will do
//! (systemd's \"Native Journal Protocol\").

use std::fmt::Write as _;
use std::io::Write as _;

use super::super::model::Event;
use super::encoder::{MESSAGE, Origin, most, severity};
use super::escape::{Escaped, plain};
use super::fields;
use super::message::Message;

/// Appends the entry of an event. `MESSAGE` is for people; our own fields begin with `SMTP_LB_`.
pub(super) fn encode(origin: &Origin, sequence: u32, event: &Event, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail; the only error of Escaped is a text that was cut.
    out.extend_from_slice(b"MESSAGE=");
    let _ = write!(Escaped::new(out, MESSAGE, plain), "{}", Message(event));
    let (severity, process) = (severity(&event.kind), origin.process);
    let _ = write!(
        out,
        "\nPRIORITY={severity}\nSYSLOG_IDENTIFIER=smtp-lb\nSYSLOG_PID={process}"
    );
    let _ = write!(out, "\nSMTP_LB_EVENT={}", fields::name(&event.kind));
    let _ = write!(out, "\nSMTP_LB_SEQUENCE_ID={sequence}");
    let _ = write!(out, "\nSMTP_LB_TIME={}", super::time(event.time_ns));
    fields::each(&event.kind, |name, value| {
        out.extend_from_slice(b"\nSMTP_LB_");
        out.extend(name.bytes().map(|octet| octet.to_ascii_uppercase()));
        out.push(b'=');
        let _ = write!(Escaped::new(out, most(&value), plain), "{value}");
    });
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::encoder::Encoder;
    use super::super::samples;
    use crate::config::plan::Format;

    #[test]
    fn each_line_is_a_field() {
        for event in samples::all().iter().chain(&samples::largest()) {
            let mut out = Vec::new();
            Encoder::new(Format::Journal, 0, "host", 7).encode(event, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with("MESSAGE=") && text.ends_with('\n'));
            for line in text.lines() {
                let (name, value) = line.split_once('=').unwrap();
                let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                assert!(name.chars().all(good) && name.len() <= 64, "{line:?}");
                assert!(!value.contains(char::is_control), "{line:?}");
            }
            assert!(text.contains("\nSMTP_LB_SEQUENCE_ID=1\n"));
        }
    }
}
