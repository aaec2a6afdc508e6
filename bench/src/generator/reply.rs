//! Replies of the server (RFC 5321, section 4.2), as far as a client without pipelining needs.

/// Longest reply that is waited for.
const LIMIT: usize = 4096;

/// Collects the one reply that is due.
#[derive(Default)]
pub(crate) struct Replies {
    /// Empty unless a reply came in pieces.
    partial: Vec<u8>,
}

/// What the bytes so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// More must come.
    Partial,
    /// Whole, with this code.
    Whole(u16),
    /// Not a reply.
    Malformed,
}

impl Replies {
    /// Takes what was received.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Reply {
        let reply = if self.partial.is_empty() {
            parse(input)
        } else {
            self.partial.extend_from_slice(input);
            parse(&self.partial)
        };
        match reply {
            Reply::Partial if self.partial.is_empty() => self.partial.extend_from_slice(input),
            Reply::Partial if self.partial.len() > LIMIT => return Reply::Malformed,
            Reply::Partial => {}
            Reply::Whole(_) | Reply::Malformed => self.partial.clear(),
        }
        reply
    }
}

fn parse(bytes: &[u8]) -> Reply {
    let Some(lines) = bytes.strip_suffix(b"\r\n") else {
        return Reply::Partial;
    };
    let last = lines.rsplit(|&byte| byte == b'\n').next().unwrap_or(lines);
    match last {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => match rest.first() {
            Some(b'-') => Reply::Partial,
            Some(b' ') | None => {
                let digit = |byte: &u8| u16::from(byte - b'0');
                Reply::Whole(digit(a) * 100 + digit(b) * 10 + digit(c))
            }
            Some(_) => Reply::Malformed,
        },
        _ => Reply::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece() {
        let cases: [(&[u8], Reply); 8] = [
            (b"250 Ok\r\n", Reply::Whole(250)),
            (b"354\r\n", Reply::Whole(354)),
            (b"250-a\r\n250 b\r\n", Reply::Whole(250)),
            (b"250-a\r\n", Reply::Partial),
            (b"250 Ok", Reply::Partial),
            (b"250 Ok\r", Reply::Partial),
            (b"hello\r\n", Reply::Malformed),
            (b"2500\r\n", Reply::Malformed),
        ];
        for (input, expected) in cases {
            assert_eq!(Replies::default().feed(input), expected, "{input:?}");
        }
    }

    #[test]
    fn any_two_pieces() {
        let whole = b"250-a\r\n250-b\r\n250 c\r\n";
        for cut in 1..whole.len() {
            let mut replies = Replies::default();
            assert_eq!(replies.feed(&whole[..cut]), Reply::Partial);
            assert_eq!(replies.feed(&whole[cut..]), Reply::Whole(250));
            assert_eq!(replies.feed(b"221 Bye\r\n"), Reply::Whole(221));
        }
    }

    #[test]
    fn without_end() {
        let mut replies = Replies::default();
        replies.feed(&[b'2'; LIMIT]);
        assert_eq!(replies.feed(b"2"), Reply::Malformed);
    }
}
