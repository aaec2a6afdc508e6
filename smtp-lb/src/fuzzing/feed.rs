//! Feeds of addresses: however they are cut up, they say the same, and nothing but what stands in
//! their lines.

use std::collections::HashMap;

use super::cuts;
use crate::reputation::parse::{CsvColumns, Format, MAX_LINE, ParseError, Parsed, Parser, Rules};

/// The first octet chooses the format.
pub fn feed(input: &[u8]) {
    let Some((kind, text)) = input.split_first() else {
        return;
    };
    let format = match kind % 4 {
        0 => Format::F5,
        1 => Format::Cidr,
        2 => Format::JsonLines,
        _ => Format::Csv(CsvColumns {
            address: "ip".to_owned(),
            prefix: Some("bits".to_owned()),
            category: Some("kind".to_owned()),
        }),
    };
    let whole = read(&format, &[text]);
    for pieces in cuts(text) {
        assert_eq!(
            read(&format, &pieces),
            whole,
            "cut up it says something else"
        );
    }
    let lines: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
    match whole {
        Ok(parsed) => {
            assert!(
                parsed.good + parsed.bad <= lines.len(),
                "lines from nowhere"
            );
            assert!(parsed.entries.len() <= parsed.good, "ranges from nowhere");
            let long = lines.iter().filter(|line| line.len() > MAX_LINE).count();
            assert!(parsed.bad >= long, "a long line is a bad one");
            for bad in &parsed.first_bad {
                assert!(bad.line <= lines.len());
            }
            for (_, ranges) in parsed.entries.iter() {
                assert!(ranges.v4.iter().all(|(first, last)| first <= last));
                assert!(ranges.v4.windows(2).all(|pair| pair[0].1 < pair[1].0));
                assert!(ranges.v6.iter().all(|(first, last)| first <= last));
                assert!(ranges.v6.windows(2).all(|pair| pair[0].1 < pair[1].0));
                let all = |(first, last): (u32, u32)| first == 0 && last == u32::MAX;
                let halves = ranges.v4.iter().copied().any(all);
                assert!(!halves || parsed.good > 1, "one line lists everybody");
            }
        }
        Err(ParseError::TooBad {
            bad, lines: all, ..
        }) => {
            assert!(bad <= all && all <= lines.len());
        }
        Err(ParseError::Empty) => assert!(text.is_empty()),
        Err(ParseError::TooMany(_) | ParseError::NoColumn(_)) => {}
    }
}

fn read(format: &Format, pieces: &[&[u8]]) -> Result<Parsed, ParseError> {
    let mut parser = Parser::new(Rules {
        format: format.clone(),
        tag: 0,
        categories: HashMap::from([("bots".to_owned(), 1)]),
        max_entries: 1000,
        max_bad: 50,
    });
    for piece in pieces {
        parser.push(piece)?;
    }
    parser.finish()
}
