//! Names and failures, to the resolver and from it.

use std::io;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;

use super::QuestionError;

/// Every label as it stands, without escapes.
pub(super) fn name(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut name = Name::from_labels(text.split('.').map(str::as_bytes)).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// The name without its final dot; empty for the root. `None`: a label of it is not fit to be
/// written down and taken for the same name again.
pub(super) fn text(name: &Name) -> Option<String> {
    let mut text = String::new();
    for label in name {
        let good = |octet: &u8| matches!(octet, b'!'..=b'~') && *octet != b'.';
        if !label.iter().all(good) {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(label.iter().map(|octet| char::from(*octet)));
    }
    Some(text)
}

pub(super) fn failure(error: &NetError) -> QuestionError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => QuestionError::NoSuchName,
            ResponseCode::NoError => QuestionError::NoRecords,
            ResponseCode::ServFail => QuestionError::ServerFailure,
            _ => QuestionError::Unusable,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => {
            QuestionError::ServerFailure
        }
        NetError::Timeout => QuestionError::Timeout,
        NetError::Io(error) if error.kind() == io::ErrorKind::TimedOut => QuestionError::Timeout,
        NetError::Io(_) | NetError::NoConnections => QuestionError::Unreachable,
        NetError::Busy => QuestionError::Busy,
        _ => QuestionError::Unusable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        for text in [
            "a.example",
            "A_b.c-d",
            "foo:bar/baz.example",
            "x\\y.example",
        ] {
            assert_eq!(super::text(&name(text).unwrap()).as_deref(), Some(text));
        }
        assert_eq!(super::text(&Name::root()).as_deref(), Some(""));
        for bad in ["", "a..b", &"x".repeat(64), &"abc.".repeat(70)] {
            assert!(name(bad).is_none(), "{bad}");
        }
        let odd = Name::from_labels([&b"a.b"[..], b"example"]).unwrap();
        assert_eq!(super::text(&odd), None);
        let rude = Name::from_labels([&b"a\r\n"[..], b"example"]).unwrap();
        assert_eq!(super::text(&rude), None);
    }
}
