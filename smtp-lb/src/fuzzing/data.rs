use super::cuts;
use crate::smtp::data::{DataFault, Endings, Scanner};

/// The text of a message, and what comes after its end.
pub fn data(input: &[u8]) {
    let end = end(input);
    let body = &input[..end.unwrap_or(input.len())];
    let fault = fault(body);
    for (endings, expected, fault) in [
        (Endings::Reject, rejected(body, fault), fault.map(|f| f.1)),
        (Endings::Normalize, normalized(body, end.is_some()), None),
    ] {
        for pieces in cuts(input) {
            let read = read(&pieces, endings);
            assert_eq!(read.ended, end.is_some(), "{endings:?} ends otherwise");
            assert_eq!(read.used, body.len(), "{endings:?} ends elsewhere");
            assert_eq!(read.fault, fault);
            assert_same(&read.out, &expected);
        }
        harmless(&expected, end.is_some() && fault.is_none());
    }
}

struct Read {
    out: Vec<u8>,
    used: usize,
    ended: bool,
    fault: Option<DataFault>,
}

fn read(pieces: &[&[u8]], endings: Endings) -> Read {
    let mut scanner = Scanner::new(endings);
    let mut read = Read {
        out: Vec::new(),
        used: 0,
        ended: false,
        fault: None,
    };
    for piece in pieces {
        let before = read.out.len();
        let scan = scanner.scan(piece, &mut read.out);
        assert!(read.out.len() - before <= 2 * piece.len() + 3, "it grows");
        assert!(scan.ended || scan.used == piece.len());
        assert!(read.fault.is_none_or(|fault| scan.fault == Some(fault)));
        assert!(!read.ended || scan.used == 0, "it reads past the end");
        read.used += scan.used;
        read.ended = scan.ended;
        read.fault = scan.fault;
    }
    read
}

/// As text only if they differ: that is what costs.
pub(super) fn assert_same(out: &[u8], expected: &[u8]) {
    let shown = |octets: &[u8]| octets.escape_ascii().to_string();
    assert!(out == expected, "{} for {}", shown(out), shown(expected));
}

/// Where the message ends: the first CR LF `.` CR LF, its first CR LF perhaps before the text.
fn end(input: &[u8]) -> Option<usize> {
    let text = [b"\r\n", input].concat();
    text.windows(5)
        .position(|five| five == b"\r\n.\r\n")
        .map(|at| at + 5 - 2)
}

/// The first fault and its place. A CR at the very end may yet get its LF.
pub(super) fn fault(body: &[u8]) -> Option<(usize, DataFault)> {
    (0..body.len()).find_map(|at| match body[at] {
        0 => Some((at, DataFault::Nul)),
        b'\r' if body.get(at + 1).is_some_and(|&next| next != b'\n') => {
            Some((at, DataFault::BareCr))
        }
        b'\n' if at == 0 || body[at - 1] != b'\r' => Some((at, DataFault::BareLf)),
        _ => None,
    })
}

fn rejected(body: &[u8], fault: Option<(usize, DataFault)>) -> Vec<u8> {
    match fault {
        Some((at, _)) => body[..at].to_vec(),
        None => body.strip_suffix(b"\r").unwrap_or(body).to_vec(),
    }
}

/// Line by line: what each is, and what it must come out as.
fn normalized(body: &[u8], ended: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    // Was the line begun by a CR LF of the client, or by the beginning?
    let mut own = true;
    loop {
        let stop = rest.iter().position(|octet| b"\r\n".contains(octet));
        let raw = &rest[..stop.unwrap_or(rest.len())];
        let text: Vec<u8> = raw.iter().copied().filter(|&octet| octet != 0).collect();
        let after = stop.map_or(&b""[..], |stop| &rest[stop..]);
        let crlf = after.starts_with(b"\r\n");
        let whole = crlf || !matches!(after, b"" | b"\r");
        let is_end = ended && after == b"\r\n";
        let dot_is_content = text.starts_with(b".") && (!own || raw.first() == Some(&0));
        let lone_dot = text == b"." && whole && !is_end;
        if dot_is_content || lone_dot {
            out.push(b'.');
        }
        out.extend_from_slice(&text);
        if !whole {
            return out;
        }
        out.extend_from_slice(b"\r\n");
        own = crlf;
        rest = &after[if crlf { 2 } else { 1 }..];
    }
}

/// No server, however lax, sees an end but the last line: one that takes CR, LF and CR LF for
/// line ends and does not see NUL.
fn harmless(out: &[u8], ended: bool) {
    assert_eq!(fault(out), None);
    assert!(!out.contains(&0) && !out.ends_with(b"\r"));
    let lines: Vec<&[u8]> = out.split(|octet| b"\r\n".contains(octet)).collect();
    let dots = lines.iter().filter(|line| **line == b".").count();
    // A dot that is the last octet so far is no line yet.
    let pending = usize::from(!ended && lines.last() == Some(&&b"."[..]));
    assert_eq!(dots, usize::from(ended) + pending);
    assert!(!ended || out == b".\r\n" || out.ends_with(b"\r\n.\r\n"));
}
