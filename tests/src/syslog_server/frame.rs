//! Octet counting, RFC 6587, 3.4.1.

use std::io::BufRead;

use anyhow::{Context, Result, bail};

/// Longest record taken.
const LONGEST: usize = 64 * 1024;

/// The next record, or none where the sender closes between two.
pub(super) fn read(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut length = 0_usize;
    let mut digits = 0;
    loop {
        let mut octet = [0];
        match from.read(&mut octet) {
            Ok(0) | Err(_) if digits == 0 => return Ok(None),
            Ok(0) => bail!("closed within a length"),
            read => read?,
        };
        match octet[0] {
            b' ' if digits > 0 => break,
            b'0' if digits == 0 => bail!("a length begins with 0"),
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            other => bail!("a length has {:?}", char::from(other)),
        }
        digits += 1;
        if length > LONGEST {
            bail!("a record of {length} octets or more");
        }
    }
    let mut record = vec![0; length];
    from.read_exact(&mut record)
        .context("closed within a record")?;
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn records_in_a_row() {
        let mut wire = &b"3 abc11 hello\nworld"[..];
        assert_eq!(read(&mut wire).unwrap().unwrap(), b"abc");
        assert_eq!(read(&mut wire).unwrap().unwrap(), b"hello\nworld");
        assert_eq!(read(&mut wire).unwrap(), None);
    }

    #[test]
    fn anything_else_is_a_fault() {
        for wire in ["<14>1 - - - - - -\n", "5 abc", "03 abc", " abc", "99999 "] {
            assert!(read(&mut wire.as_bytes()).is_err(), "{wire:?}");
        }
    }
}
