//! Messages that are hard to carry, always the same ones.
//!
//! Each has a recipient of its own, whose name tells which one it is, and begins with a header
//! that no server adds.

use crate::clients::base64;
use crate::smtp_client::Message;

/// Longest line with its CRLF (RFC 5321, 4.5.3.1.6).
const LINE: usize = 1000;

/// How often the part of 1 MB, as base64, is in the large attachment.
const ATTACHMENT: usize = 22;

/// All of them, with one of 30 MB among them.
#[must_use]
pub fn messages() -> Vec<Message> {
    let mut corpus = Corpus::default();
    corpus.dots();
    corpus.lines();
    corpus.ends();
    corpus.sizes();
    corpus.eight_bit();
    corpus.international();
    corpus.envelopes();
    corpus.headers();
    corpus.looks();
    corpus.attachments();
    corpus.messages
}

/// The same without those that take long: nothing over 1 MB.
#[must_use]
pub fn small() -> Vec<Message> {
    let mut messages = messages();
    messages.retain(|message| message.data.len() < 1 << 20);
    messages
}

#[derive(Default)]
struct Corpus {
    messages: Vec<Message>,
}

impl Corpus {
    /// A message with this body under a few headers.
    fn body(&mut self, name: &str, body: impl AsRef<[u8]>) -> &mut Message {
        let headers = format!("Subject: {name}\r\nFrom: <sender@outside.example>\r\n\r\n");
        self.whole(name, [headers.as_bytes(), body.as_ref()].concat())
    }

    /// A message with these headers and a short body.
    fn head(&mut self, name: &str, headers: &str) -> &mut Message {
        self.whole(name, format!("{headers}\r\nThe body.\r\n"))
    }

    /// A message of these octets.
    fn whole(&mut self, name: &str, data: impl Into<Vec<u8>>) -> &mut Message {
        let number = self.messages.len();
        let data: Vec<u8> = data.into();
        let mark = format!("X-Corpus: {number:02} {name}\r\n").into_bytes();
        self.messages.push(Message {
            from: "sender@outside.example".into(),
            to: vec![format!("{number:02}-{name}@inside.example")],
            data: [mark, data].concat(),
        });
        // Just pushed.
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    fn dots(&mut self) {
        self.body("dot", "a\r\n.\r\nb\r\n");
        self.body("two-dots", "a\r\n..\r\nb\r\n");
        self.body("three-dots", "a\r\n...\r\nb\r\n");
        self.body("dot-first", ".\r\na\r\n");
        self.body("dot-last", "a\r\n.\r\n");
        self.body("dots-only", ".\r\n.\r\n.\r\n..\r\n...\r\n.\r\n");
        self.body("dot-and-blank", ". \r\n.\t\r\n .\r\n\t.\r\n");
        self.body("dot-in-front", ".a\r\n..b\r\n...c\r\n.. .d\r\n");
        self.body("dot-behind", "a.\r\nb..\r\n c .\r\n");
        let growing: String = (0..200).map(|length| ".".repeat(length) + "\r\n").collect();
        self.body("dots-growing", growing);
    }

    fn lines(&mut self) {
        let longest = "x".repeat(LINE - 2);
        self.body("line-998", format!("{longest}\r\n"));
        // The dot that is put before it does not count.
        self.body("line-998-dot", format!(".{}\r\n", &longest[1..]));
        self.body("line-998-dots", format!("{}\r\n", ".".repeat(LINE - 2)));
        self.body("lines-998", format!("{longest}\r\n").repeat(300));
        let growing: String = (0..LINE - 1)
            .map(|length| "y".repeat(length) + "\r\n")
            .collect();
        self.body("lines-growing", growing);
        self.body("lines-of-one", "z\r\n".repeat(20_000));
        for seed in 1..=3 {
            let mut random = Random(seed);
            let mut body = String::new();
            for _ in 0..500 {
                let length = random.below(LINE - 1);
                body.extend((0..length).map(|_| b" .abcXYZ="[random.below(9)] as char));
                body.push_str("\r\n");
            }
            self.body(&format!("lines-random-{seed}"), body);
        }
    }

    fn ends(&mut self) {
        self.body("body-empty", "");
        self.whole("headers-only", "Subject: nothing follows\r\n");
        self.body("newline-missing", "the last line is not ended");
        self.body("newline-missing-dot", "a\r\n.");
        self.body("blank-lines", "\r\n".repeat(10));
        self.body("blank-lines-behind", "a\r\n\r\n\r\n\r\n");
        self.body("blanks-behind", "a \r\nb\t\r\n \r\n\t\t\r\n");
    }

    /// Around the sizes that buffers have, with a dot at the border.
    fn sizes(&mut self) {
        for size in [4096, 8192, 16_384, 65_536] {
            for size in [size - 1, size, size + 1] {
                let message = self.body(&format!("size-{size}"), "");
                while message.data.len() + 80 < size {
                    message.data.extend_from_slice(b"0123456789.\r\n");
                }
                let fill = size - message.data.len() - 3;
                message.data.extend(std::iter::repeat_n(b'f', fill - 2));
                message.data.extend_from_slice(b"\r\n.\r\n");
            }
        }
        // With the dots stuffed, and with the reader's buffer, the border falls elsewhere.
        self.body("dots-at-borders", ".\r\n".repeat(50_000));
    }

    fn eight_bit(&mut self) {
        let any = |range: std::ops::RangeInclusive<u8>| -> Vec<u8> {
            let octets = range.filter(|octet| !matches!(octet, 0 | b'\r' | b'\n'));
            octets.collect()
        };
        self.body("latin-1", b"Gr\xfc\xdfe aus M\xfcnchen\r\n");
        self.body("any-octet", [&any(0..=255)[..], b"\r\n"].concat());
        self.body(
            "control-characters",
            [&any(0..=31)[..], b"\x7f\r\n"].concat(),
        );
        self.body("utf-8-body", "Grüße, привет, 你好, 👋\r\n.ü\r\n");
        self.body("utf-8-line-998", "ü".repeat(499) + "\r\n");
        self.body(
            "octet-255",
            [b"\xff".repeat(LINE - 2), b"\r\n".to_vec()].concat(),
        );
    }

    fn international(&mut self) {
        self.head("utf-8-subject", "Subject: Grüße aus Köln 👋\r\n");
        self.body("utf-8-sender", "a\r\n").from = "отправитель@почта.example".into();
        let recipient = self.body("utf-8-recipient", "a\r\n");
        recipient.to = vec!["дядя-48@inside.example".into()];
        let both = self.head(
            "utf-8-both",
            "From: 用户 <用户@例子.example>\r\nSubject: 你好\r\n",
        );
        both.from = "用户@例子.example".into();
        both.to = vec!["δοκιμή-49@inside.example".into()];
    }

    fn envelopes(&mut self) {
        self.body("null-sender", "a bounce\r\n").from = String::new();
        self.body("quoted-sender", "a\r\n").from = "\"a b\"@outside.example".into();
        self.body("odd-sender", "a\r\n").from = "!#$%&'*+-/=?^_`{|}~@outside.example".into();
        let long = self.body("long-sender", "a\r\n");
        // 254 octets, which is 256 with the brackets: the longest (RFC 5321, 4.5.3.1.3).
        let labels = [60, 60, 59].map(|length| "d".repeat(length)).join(".");
        long.from = format!("{}@{labels}.example", "l".repeat(64));
        let recipients = |name: &str, count: usize| -> Vec<String> {
            (0..count)
                .map(|number| format!("{name}-{number}@inside.example"))
                .collect()
        };
        self.body("two-recipients", "a\r\n").to = recipients("pair", 2);
        self.body("hundred-recipients", "a\r\n").to = recipients("hundred", 100);
    }

    fn headers(&mut self) {
        let folded = each(100, |line| format!("\tline {line} of it\r\n"));
        self.head("folded", &format!("Subject: long\r\n{folded}To: b\r\n"));
        self.head(
            "header-998",
            &format!("X-Long: {}\r\n", "h".repeat(LINE - 10)),
        );
        let many = each(500, |number| format!("X-{number}: {number}\r\n"));
        self.head("many", &many);
        let hops = "Received: from a by b; Sat, 1 Jan 2000 00:00:00 +0000\r\n".repeat(20);
        self.head("hops", &hops);
        self.head(
            "signed",
            "DKIM-Signature: v=1; a=rsa-sha256; b=AAAA\r\n\tBBBB=\r\nSubject:  two  blanks \r\n",
        );
    }

    /// What looks like something else.
    fn looks(&mut self) {
        self.body(
            "commands",
            "QUIT\r\nRSET\r\nDATA\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\nBDAT 10 LAST\r\n",
        );
        self.body("replies", "250 2.0.0 ok\r\n354 go on\r\n221 bye\r\n");
        self.body(
            "from-line",
            "From someone Sat Jan  1 00:00:00 2000\r\n>From them\r\n",
        );
        self.body(
            "headers-in-body",
            "Received: from x\r\nSubject: y\r\n\r\nReturn-Path: <z>\r\n",
        );
        self.body(
            "html",
            "<p>=20 &amp; \"quotes\" 'and' \\slashes\\ %s %n ${x} `y`\r\n",
        );
        self.body("tls-record", "\x16\x03\x01\x02 \x15\x03\x03\r\n");
    }

    fn attachments(&mut self) {
        let part = |octets: usize, seed: u64| wrapped(&Random(seed).octets(octets));
        let binary = "application/octet-stream";
        let parts = [("text/plain; charset=utf-8", "Grüße\r\n.\r\n")];
        let small = part(10_000, 7);
        let mixed = [parts[0], (binary, small.as_str())];
        self.whole("mixed", multipart(&mixed));
        let inner = multipart(&parts);
        let nested = [
            ("message/rfc822", inner.as_str()),
            ("text/html", "<p>.\r\n"),
        ];
        self.whole("nested", multipart(&nested));
        let million = part(1 << 20, 8);
        self.whole("attachment-1-mb", multipart(&[(binary, &million)]));
        let large = million.repeat(ATTACHMENT);
        self.whole("attachment-30-mb", multipart(&[(binary, &large)]));
    }
}

/// So many lines, told apart by their number.
fn each(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Parts under a boundary; in the parts that are base64, nothing has to be told of it.
fn multipart(parts: &[(&str, &str)]) -> String {
    let mut text =
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n".to_owned();
    for (kind, part) in parts {
        text.push_str("--=_b\r\nContent-Type: ");
        text.push_str(kind);
        text.push_str("\r\n\r\n");
        text.push_str(part);
    }
    text + "--=_b--\r\n"
}

/// Base64 in lines of 76.
fn wrapped(octets: &[u8]) -> String {
    octets
        .chunks(57)
        .map(|line| base64(line) + "\r\n")
        .collect()
}

/// xorshift64*: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        let mut octets: Vec<u8> = words.collect();
        octets.truncate(count);
        octets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{LINE, messages};

    #[test]
    fn it_has_what_is_asked_for_and_is_legal() {
        let messages = messages();
        assert!(messages.len() >= 50, "{}", messages.len());
        assert!(messages == super::messages(), "always the same");
        let recipients: Vec<&String> = messages.iter().flat_map(|message| &message.to).collect();
        let unique: HashSet<_> = recipients.iter().collect();
        assert_eq!(unique.len(), recipients.len());
        for message in &messages {
            let paths = message.to.iter().chain([&message.from]);
            assert!(paths.map(String::len).max() <= Some(254));
            for line in message.data.split_inclusive(|octet| *octet == b'\n') {
                assert!(line.len() <= LINE, "{:?}", message.to);
                let line = line.strip_suffix(b"\r\n").unwrap_or(line);
                assert!(
                    !line.iter().any(|octet| b"\r\n\0".contains(octet)),
                    "{:?}",
                    message.to
                );
            }
        }
        let with = |what: &dyn Fn(&crate::smtp_client::Message) -> bool| {
            messages.iter().filter(|message| what(message)).count()
        };
        assert_eq!(with(&|message| message.data.len() > 30_000_000), 1);
        assert!(with(&|message| message.is_international()) >= 4);
        assert!(with(&|message| !message.data.is_ascii()) >= 6);
        assert!(with(&|message| !message.data.ends_with(b"\r\n")) >= 2);
        for size in [4095, 4096, 4097, 65_535, 65_536, 65_537] {
            assert_eq!(with(&|message| message.data.len() == size), 1, "{size}");
        }
    }
}
