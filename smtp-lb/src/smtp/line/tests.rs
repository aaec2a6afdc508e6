use super::{Line, LineFault, next, skip};

fn faulty(fault: LineFault, used: usize) -> Line<'static> {
    Line::Faulty { fault, used }
}

#[test]
fn lines_and_faults() {
    let whole = |line, used| Line::Whole { line, used };
    let table: [(&[u8], Line<'_>); 16] = [
        (b"", Line::Partial),
        (b"NOOP", Line::Partial),
        (b"NOOP\r", Line::Partial),
        (b"NOOP\r\n", whole(b"NOOP", 6)),
        (b"NOOP\r\nQUIT\r\n", whole(b"NOOP", 6)),
        (b"\r\n", whole(b"", 2)),
        // Notes, point 9.
        (b"EHLO a\n", faulty(LineFault::BareLf, 7)),
        (b"EHLO a\nNOOP\r\n", faulty(LineFault::BareLf, 7)),
        (b"MAIL FROM:<a@b>\rRCPT TO:<c@d>", Line::Partial),
        (
            b"MAIL FROM:<a@b>\rRCPT TO:<c@d>\r\nX",
            faulty(LineFault::BareCr, 31),
        ),
        (b"NO\0OP\r\n", faulty(LineFault::Nul, 7)),
        (b"NO\0OP\n", faulty(LineFault::Nul, 6)),
        (b"NOOP\r\r\n", faulty(LineFault::BareCr, 7)),
        (b"\n", faulty(LineFault::BareLf, 1)),
        (b"\xff\x7f\x01\r\n", whole(b"\xff\x7f\x01", 5)),
        (b"a\r\0\n", faulty(LineFault::BareCr, 4)),
    ];
    for (buffer, expected) in table {
        assert_eq!(next(buffer, 512), expected, "{}", buffer.escape_ascii());
    }
}

/// Notes, point 12.
#[test]
fn limit_counts_the_line_end() {
    let line = |octets| [vec![b'x'; octets], b"\r\n".to_vec()].concat();
    assert!(matches!(
        next(&line(510), 512),
        Line::Whole { used: 512, .. }
    ));
    let long = line(511);
    assert_eq!(next(&long, 512), faulty(LineFault::TooLong, 511));
    assert_eq!(next(&long[..511], 512), Line::Partial);
    assert_eq!(next(&long[..512], 512), faulty(LineFault::TooLong, 511));
    assert_eq!(skip(&long[511..]), Some(2));
}

#[test]
fn skips_to_the_true_line_end() {
    let table: [(&[u8], Option<usize>); 6] = [
        (b"", None),
        (b"xx\n\rx\r", None),
        (b"\n", None),
        (b"\r\n", Some(2)),
        (b"x\ny\rz\r\nNOOP\r\n", Some(7)),
        (b"x\r\r\n", Some(4)),
    ];
    for (buffer, expected) in table {
        assert_eq!(skip(buffer), expected, "{}", buffer.escape_ascii());
    }
}
