use super::cuts;
use super::data::{assert_same, fault};
use crate::smtp::bdat::ChunkScanner;
use crate::smtp::command::Chunk;
use crate::smtp::data::DataFault;

/// The first octet is the size of each chunk but the last, 0 for one chunk; the rest a message.
pub fn bdat(input: &[u8]) {
    let Some((&size, message)) = input.split_first() else {
        return;
    };
    let chunks: Vec<&[u8]> = match size {
        0 => vec![message],
        size => message.chunks(size.into()).collect(),
    };
    // There is nothing after the message that could make its last CR good.
    let whole = [message, b"x"].concat();
    let fault = fault(&whole);
    let ways = chunks.iter().map(|chunk| cuts(chunk).len()).max();
    for way in 0..ways.unwrap_or(0) {
        read(&chunks, way, message, fault);
    }
}

fn read(chunks: &[&[u8]], way: usize, message: &[u8], fault: Option<(usize, DataFault)>) {
    let mut scanner = ChunkScanner::new();
    let mut out = Vec::new();
    let mut end = 0;
    let mut seen = None;
    for (at, chunk) in chunks.iter().enumerate() {
        let last = at + 1 == chunks.len();
        let size = chunk.len() as u64;
        scanner.begin(Chunk { size, last });
        assert_eq!(scanner.scan(b"", &mut out).ended, chunk.is_empty());
        let mut ways = cuts(chunk);
        let pieces = ways.swap_remove(way % ways.len());
        let mut left = chunk.len();
        for piece in pieces {
            // What follows the chunk is not the chunk's.
            let more = [piece, b"BDAT"].concat();
            let input = if piece.len() == left { &more } else { piece };
            let scan = scanner.scan(input, &mut out);
            left -= piece.len();
            assert_eq!((scan.used, scan.ended), (piece.len(), left == 0));
            assert!(seen.is_none_or(|fault| scan.fault == Some(fault)));
            seen = scan.fault;
        }
        end += chunk.len();
        let good = match fault {
            // A CR that ends a chunk has gone out before the next one shows that it is bare.
            Some((at, DataFault::BareCr)) if at + 1 < end && ends_chunk(chunks, at) => at + 1,
            Some((at, DataFault::BareCr)) if at + 1 == end && !last => at + 1,
            Some((at, _)) if at < end => at,
            _ => end,
        };
        assert_same(&out, &message[..good]);
    }
    assert_eq!(seen, fault.map(|fault| fault.1));
}

/// Is the octet at `at` the last of a chunk that is not the last?
fn ends_chunk(chunks: &[&[u8]], at: usize) -> bool {
    let Some((_, chunks)) = chunks.split_last() else {
        return false;
    };
    let mut end = 0;
    chunks.iter().any(|chunk| {
        end += chunk.len();
        end == at + 1
    })
}
