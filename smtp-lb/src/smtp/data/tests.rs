use super::{DataFault, Endings, Scanner};
use crate::fuzzing;

/// What some servers take for the end of a message (notes, point 8).
const SMUGGLING: [&[u8]; 12] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
];

fn scan(endings: Endings, pieces: &[&[u8]]) -> (Vec<u8>, usize, bool, Option<DataFault>) {
    let mut scanner = Scanner::new(endings);
    let mut out = Vec::new();
    let (mut used, mut ended, mut fault) = (0, false, None);
    for piece in pieces {
        let scan = scanner.scan(piece, &mut out);
        used += scan.used;
        (ended, fault) = (scan.ended, scan.fault);
    }
    (out, used, ended, fault)
}

/// Ends that a server sees which takes CR, LF and CR LF for line ends and does not see NUL.
fn ends(relayed: &[u8]) -> usize {
    let text: Vec<u8> = relayed.iter().copied().filter(|&c| c != 0).collect();
    let mut lines = text.split(|c| b"\r\n".contains(c));
    // What follows the last line end is no line.
    lines.next_back();
    lines.filter(|line| *line == b".").count()
}

#[test]
fn smuggled_ends_are_no_ends() {
    for sequence in SMUGGLING {
        let head = [b"Subject: x\r\n\r\ntext", sequence].concat();
        let smuggled = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nbad\r\n.\r\n";
        let message = [&head[..], smuggled].concat();
        let input = [&message[..], b"QUIT\r\n"].concat();
        let shown = sequence.escape_ascii();
        for at in 0..=input.len() {
            let (head, tail) = input.split_at(at);
            for pieces in [&[head, tail][..], &[&input]] {
                let (out, used, ended, fault) = scan(Endings::Reject, pieces);
                assert!(ended && used == message.len(), "{shown} at {at}");
                assert!(fault.is_some(), "{shown} at {at}");
                assert_eq!(ends(&out), 0, "{shown} at {at}");
                assert!(message.starts_with(&out));

                let (out, used, ended, fault) = scan(Endings::Normalize, pieces);
                assert!(ended && used == message.len(), "{shown} at {at}");
                assert_eq!(fault, None);
                assert_eq!(ends(&out), 1, "{shown} at {at}");
                assert!(out.ends_with(b"\r\nbad\r\n.\r\n"), "{shown} at {at}");
            }
        }
        fuzzing::data(&input);
    }
}

#[test]
fn which_fault() {
    use DataFault::{BareCr, BareLf, Nul};
    let faults = [
        BareLf, BareLf, BareCr, BareCr, BareLf, BareCr, BareLf, BareCr, Nul, Nul, BareCr, BareCr,
    ];
    for (sequence, expected) in SMUGGLING.into_iter().zip(faults) {
        let input = [b"x", sequence, b"x"].concat();
        let (_, _, _, fault) = scan(Endings::Reject, &[&input]);
        assert_eq!(fault, Some(expected), "{}", sequence.escape_ascii());
    }
}

/// Each line of the left is one of the right.
#[test]
fn normalized() {
    let table: [(&[u8], &[u8]); 18] = [
        (b"a\nb\r\n", b"a\r\nb\r\n"),
        (b"a\rb\r\n", b"a\r\nb\r\n"),
        (b"a\0b\r\n", b"ab\r\n"),
        (b"a\r\r\nb", b"a\r\n\r\nb"),
        (b"a\n\rb", b"a\r\n\r\nb"),
        // A client that stuffs its lines does not know these as lines.
        (b"a\n.b\r\n", b"a\r\n..b\r\n"),
        (b"a\n..b\r\n", b"a\r\n...b\r\n"),
        (b"\0.b\r\n", b"..b\r\n"),
        (b"\0\n\0.b\r\n", b"\r\n..b\r\n"),
        // But these, whose dots are stuffing already.
        (b".b\r\n..c\r\n", b".b\r\n..c\r\n"),
        (b"..\n", b"..\r\n"),
        // No lone dots.
        (b".\n", b"..\r\n"),
        (b".\rx", b"..\r\nx"),
        (b".\0\r\nx", b"..\r\nx"),
        (b".\0\0\nx", b"..\r\nx"),
        (b".\0\rx", b"..\r\nx"),
        (b".\r\r\nx", b"..\r\n\r\nx"),
        (b".\0.\r\nx", b"..\r\nx"),
    ];
    for (input, expected) in table {
        let (out, ..) = scan(Endings::Normalize, &[input]);
        let shown = |octets: &[u8]| octets.escape_ascii().to_string();
        assert_eq!(shown(&out), shown(expected), "{}", shown(input));
        fuzzing::data(input);
    }
}

#[test]
fn good_messages_pass_as_they_are() {
    let messages: [&[u8]; 7] = [
        b".\r\n",
        b"\r\n.\r\n",
        b"text\r\n.\r\n",
        b"..\r\n.\r\n",
        b".x\r\n..x\r\n.\r\n",
        b"a\r\n.b\r\n.\r\n",
        b"\x80\xff\x01\x7f\r\n.\r\n",
    ];
    for message in messages {
        let input = [message, b"QUIT\r\n.\r\n"].concat();
        for endings in [Endings::Reject, Endings::Normalize] {
            let (out, used, ended, fault) = scan(endings, &[&input]);
            assert_eq!((out.as_slice(), used), (message, message.len()));
            assert!(ended && fault.is_none());
        }
        fuzzing::data(&input);
    }
}

#[test]
fn a_cr_waits_for_its_lf() {
    let mut scanner = Scanner::new(Endings::Reject);
    let mut out = Vec::new();
    scanner.scan(b"text\r", &mut out);
    assert_eq!(out, b"text");
    scanner.scan(b"", &mut out);
    assert_eq!(out, b"text");
    scanner.scan(b"\n.\r", &mut out);
    assert_eq!(out, b"text\r\n.");
    assert!(scanner.scan(b"\nx", &mut out).ended);
    assert_eq!(out, b"text\r\n.\r\n");
}
