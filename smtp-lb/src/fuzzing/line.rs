use super::cuts;
use crate::smtp::line::{self, Line, LineFault};

/// All lines of `input`, with limits short and long.
pub fn line(input: &[u8]) {
    for limit in [3, 16, 512] {
        let expected = oracle(input, limit);
        for pieces in cuts(input) {
            assert_eq!(read(&pieces, limit), expected, "limit {limit}");
        }
    }
}

type Read = Result<Vec<u8>, LineFault>;

/// As the gateway reads: a buffer that pieces are added to.
fn read(pieces: &[&[u8]], limit: usize) -> Vec<Read> {
    let mut read = Vec::new();
    let mut buffer = Vec::new();
    let mut skipping = false;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            if skipping {
                let Some(used) = line::skip(&buffer) else {
                    let keep = usize::from(buffer.last() == Some(&b'\r'));
                    buffer.drain(..buffer.len() - keep);
                    break;
                };
                buffer.drain(..used);
                skipping = false;
            }
            let used = match line::next(&buffer, limit) {
                Line::Partial => {
                    assert!(buffer.len() < limit);
                    break;
                }
                Line::Whole { line, used } => {
                    assert!(used <= limit && used == line.len() + 2);
                    assert!(!line.iter().any(|octet| b"\r\n\0".contains(octet)));
                    read.push(Ok(line.to_vec()));
                    used
                }
                Line::Faulty { fault, used } => {
                    assert!((1..=limit).contains(&used));
                    skipping = fault == LineFault::TooLong;
                    read.push(Err(fault));
                    used
                }
            };
            buffer.drain(..used);
        }
    }
    read
}

fn oracle(mut input: &[u8], limit: usize) -> Vec<Read> {
    let mut read = Vec::new();
    while !input.is_empty() {
        let lf = input.iter().position(|&octet| octet == b'\n');
        let used = match lf {
            None if input.len() < limit => break,
            Some(lf) if lf < limit => lf + 1,
            _ => {
                read.push(Err(LineFault::TooLong));
                match input.windows(2).position(|two| two == b"\r\n") {
                    Some(crlf) => crlf + 2,
                    None => break,
                }
            }
        };
        if lf.is_some_and(|lf| lf < limit) {
            let line = &input[..used];
            let fault = (0..used).find_map(|at| match line[at] {
                0 => Some(LineFault::Nul),
                b'\r' if line[at + 1] != b'\n' => Some(LineFault::BareCr),
                b'\n' if at == 0 || line[at - 1] != b'\r' => Some(LineFault::BareLf),
                _ => None,
            });
            read.push(fault.map_or_else(|| Ok(line[..used - 2].to_vec()), Err));
        }
        input = &input[used..];
    }
    read
}
