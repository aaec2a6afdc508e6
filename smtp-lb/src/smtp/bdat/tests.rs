use super::ChunkScanner;
use crate::smtp::command::Chunk;
use crate::smtp::data::DataFault::{self, BareCr, BareLf, Nul};

/// Chunks, the last of them LAST; each scanned octet by octet, with octets after it.
fn scan(chunks: &[&[u8]]) -> (Vec<u8>, Option<DataFault>) {
    let mut scanner = ChunkScanner::new();
    let mut out = Vec::new();
    let mut fault = None;
    for (at, chunk) in chunks.iter().enumerate() {
        scanner.begin(Chunk {
            size: chunk.len() as u64,
            last: at + 1 == chunks.len(),
        });
        let mut scan = scanner.scan(b"", &mut out);
        for octet in *chunk {
            assert!(!scan.ended);
            scan = scanner.scan(&[*octet], &mut out);
            assert_eq!(scan.used, 1);
        }
        assert!(scan.ended);
        assert_eq!(scanner.scan(b"NOOP\r\n", &mut out).used, 0);
        fault = scan.fault;
    }
    (out, fault)
}

#[test]
fn octets_by_count() {
    let table: [&[&[u8]]; 8] = [
        &[b""],
        &[b"no line end"],
        // Notes, point 11: no end of anything.
        &[b"x\r\n.\r\nMAIL FROM:<a@b>\r\n"],
        &[b".\r\n", b"\r\n.\r\n"],
        &[b"a\r", b"\nb"],
        &[b"a\r", b"", b"\nb"],
        &[b"a\r\n", b""],
        &[b"\xff\x80\x01"],
    ];
    for chunks in table {
        let all = chunks.concat();
        assert_eq!(scan(chunks), (all, None), "{chunks:?}");
    }
}

type Chunks<'a> = &'a [&'a [u8]];

#[test]
fn bare_endings_stop_it() {
    let table: [(Chunks<'_>, &[u8], DataFault); 10] = [
        (&[b"a\nb"], b"a", BareLf),
        (&[b"a\rb\n"], b"a", BareCr),
        (&[b"a\0b\r\n"], b"a", Nul),
        (&[b"a\r\n\n"], b"a\r\n", BareLf),
        (&[b"\n"], b"", BareLf),
        // Over the border between chunks; a CR at the end of one has gone out.
        (&[b"a\r", b"b"], b"a\r", BareCr),
        (&[b"a", b"\nb"], b"a", BareLf),
        (&[b"a\r", b"\r\n"], b"a\r", BareCr),
        // At the end of the message nothing can follow.
        (&[b"a\r"], b"a", BareCr),
        (&[b"a\r", b""], b"a\r", BareCr),
    ];
    for (chunks, out, fault) in table {
        assert_eq!(scan(chunks), (out.to_vec(), Some(fault)), "{chunks:?}");
    }
}

#[test]
fn a_chunk_in_one_piece_stops_at_its_end() {
    let mut scanner = ChunkScanner::new();
    let mut out = Vec::new();
    scanner.begin(Chunk {
        size: 5,
        last: true,
    });
    let scan = scanner.scan(b"a\r\nb\r\nBDAT", &mut out);
    assert_eq!((scan.used, scan.ended), (5, true));
    assert_eq!(scan.fault, Some(BareCr), "the LF is not of the message");
    assert_eq!(out, b"a\r\nb");
}
