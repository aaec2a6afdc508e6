//! XCLIENT, Postfix's extension: tells a server on whose behalf a session is.

use std::net::{IpAddr, SocketAddr};

use super::reply::Reply;

/// Octets of a command, CR LF included.
const LIMIT: usize = 512;

/// The attributes that a server takes, of those that we know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes(u8);

const ADDR: u8 = 1;
const PORT: u8 = 1 << 1;
const NAME: u8 = 1 << 2;
const HELO: u8 = 1 << 3;
const DESTADDR: u8 = 1 << 4;
const DESTPORT: u8 = 1 << 5;

const WORDS: [(u8, &str); 6] = [
    (ADDR, "ADDR"),
    (PORT, "PORT"),
    (NAME, "NAME"),
    (HELO, "HELO"),
    (DESTADDR, "DESTADDR"),
    (DESTPORT, "DESTPORT"),
];

impl Attributes {
    /// Those that an EHLO reply offers. None, if a client's address is not among them: all else would be said
    /// of ours.
    #[must_use]
    pub fn offered(reply: &Reply) -> Option<Self> {
        let mut lines = reply.lines.iter().skip(1);
        let words = lines.find_map(|line| {
            let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
            let is_it = words.next()?.eq_ignore_ascii_case("XCLIENT");
            is_it.then_some(words)
        })?;
        let bits = words.filter_map(|word| {
            let known = WORDS
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(word));
            known.map(|(bit, _)| bit)
        });
        let all = Self(bits.fold(0, |all, bit| all | bit));
        all.has(ADDR).then_some(all)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// The command that tells of a client, `name` being what it gave in EHLO. Its address comes last, so that a
/// server that stops reading early believes nothing.
#[must_use]
pub fn command(
    takes: Attributes,
    client: SocketAddr,
    local: SocketAddr,
    name: Option<&str>,
) -> String {
    let address = format!(" ADDR={}\r\n", address(client.ip()));
    let mut line = "XCLIENT".to_owned();
    let mut say = |bit: u8, word: &str, value: &str| {
        let length = word.len() + value.len() + 2;
        if takes.has(bit) && line.len() + length + address.len() <= LIMIT {
            line.push(' ');
            line.push_str(word);
            line.push('=');
            line.push_str(value);
        }
    };
    say(NAME, "NAME", "[UNAVAILABLE]");
    say(PORT, "PORT", &client.port().to_string());
    say(DESTADDR, "DESTADDR", &self::address(local.ip()));
    say(DESTPORT, "DESTPORT", &local.port().to_string());
    if let Some(name) = name {
        say(HELO, "HELO", &xtext(name));
    }
    line + &address
}

fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("IPV6:{ip}"),
    }
}

/// RFC 3461, section 4.
fn xtext(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && octet != b'+' && octet != b'=' {
            encoded.push(char::from(octet));
        } else {
            let hex = b"0123456789ABCDEF";
            let digit = |at: u8| hex.get(usize::from(at)).copied().map_or('0', char::from);
            encoded.extend(['+', digit(octet >> 4), digit(octet & 15)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::reply::ReplyParser;

    fn offered(line: &str) -> Option<Attributes> {
        let text = format!("250-mx\r\n250-PIPELINING\r\n250 {line}\r\n");
        let fed = ReplyParser::default().feed(text.as_bytes()).unwrap();
        Attributes::offered(&fed.reply.unwrap())
    }

    const ALL: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

    #[test]
    fn only_what_a_server_takes_is_said_and_the_address_last() {
        let four = ("192.0.2.1:1025", "198.51.100.1:25");
        let six = ("[2001:db8::1]:1025", "[2001:db8::2]:25");
        let mapped = ("[::ffff:192.0.2.1]:7", "198.51.100.1:25");
        for (line, (client, local), name, expected) in [
            (
                "XCLIENT ADDR",
                four,
                Some("me"),
                "XCLIENT ADDR=192.0.2.1\r\n",
            ),
            (
                "xclient addr",
                six,
                None,
                "XCLIENT ADDR=IPV6:2001:db8::1\r\n",
            ),
            (
                ALL,
                four,
                Some("me.example"),
                "XCLIENT NAME=[UNAVAILABLE] PORT=1025 DESTADDR=198.51.100.1 DESTPORT=25 \
                 HELO=me.example ADDR=192.0.2.1\r\n",
            ),
            (
                ALL,
                six,
                Some("a+b=c d\u{fc}"),
                "XCLIENT NAME=[UNAVAILABLE] PORT=1025 DESTADDR=IPV6:2001:db8::2 DESTPORT=25 \
                 HELO=a+2Bb+3Dc+20d+C3+BC ADDR=IPV6:2001:db8::1\r\n",
            ),
            (
                "XCLIENT ADDR PORT",
                mapped,
                None,
                "XCLIENT PORT=7 ADDR=192.0.2.1\r\n",
            ),
        ] {
            let takes = offered(line).unwrap();
            let said = command(takes, client.parse().unwrap(), local.parse().unwrap(), name);
            assert_eq!(said, expected);
        }
        for line in ["XCLIENT", "XCLIENT PORT HELO", "XCLIENTS ADDR", "SIZE"] {
            assert_eq!(offered(line), None, "{line}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_left_out() {
        let address = "[2001:db8::1]:1025".parse().unwrap();
        let without = command(offered(ALL).unwrap(), address, address, None).len();
        let fits = LIMIT - without - " HELO=".len();
        for length in [1, fits, fits + 1, 1000] {
            let name = "x".repeat(length);
            let said = command(offered(ALL).unwrap(), address, address, Some(&name));
            assert!(said.len() <= LIMIT);
            assert!(said.ends_with(" ADDR=IPV6:2001:db8::1\r\n"));
            assert_eq!(said.contains("HELO="), length <= fits, "{length}");
        }
    }
}
