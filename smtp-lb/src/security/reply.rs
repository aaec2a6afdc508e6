//! What refused clients are told: one line each, whatever stands in it.

/// Octets of a reply line, its CR LF not among them (RFC 5321 section 4.5.3.1.5).
const LINE: usize = 510;

/// Octets of what takes the place of a word.
const VALUE: usize = 120;

/// What the words of a text stand for. All of it may come from the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) client: &'a str,
    pub(super) sender: &'a str,
    pub(super) reason: &'a str,
}

/// The reply with its CR LF: `codes` and `text`, with `{client}`, `{sender}` and `{reason}` replaced.
pub(super) fn line(codes: &str, text: &str, values: Values<'_>) -> Box<str> {
    let mut line = format!("{codes} ");
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        push(&mut line, before, LINE);
        let words = [
            ("{client}", values.client),
            ("{sender}", values.sender),
            ("{reason}", values.reason),
        ];
        if let Some((word, value)) = words.iter().find(|(word, _)| from.starts_with(word)) {
            push(&mut line, value, VALUE);
            rest = from.strip_prefix(word).unwrap_or_default();
        } else {
            line.push('{');
            rest = from.strip_prefix('{').unwrap_or_default();
        }
    }
    push(&mut line, rest, LINE);
    // All of it is ASCII by now.
    line.truncate(LINE);
    line.push_str("\r\n");
    line.into()
}

/// Appends what may stand in a reply, at most so many octets. What else there is becomes `?`.
fn push(line: &mut String, text: &str, most: usize) {
    let fit = |it: char| if matches!(it, ' '..='~') { it } else { '?' };
    line.extend(text.chars().take(most).map(fit));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(value: &str) -> Values<'_> {
        Values {
            client: value,
            sender: value,
            reason: value,
        }
    }

    #[test]
    fn words_are_replaced_once() {
        let values = Values {
            client: "192.0.2.1",
            sender: "{client}@b",
            reason: "why",
        };
        let text = "No {sender} from {client}: {reason} {";
        assert_eq!(
            &*line("550 5.7.1", text, values),
            "550 5.7.1 No {client}@b from 192.0.2.1: why {\r\n"
        );
    }

    #[test]
    fn no_value_makes_a_second_reply() {
        let said = line("550 5.7.1", "{sender}", values("a\r\n250 2.0.0 OK\r\n\0é"));
        assert_eq!(&*said, "550 5.7.1 a??250 2.0.0 OK????\r\n");
    }

    proptest! {
        #[test]
        fn it_is_one_line_of_ascii(text in "\\PC{0,300}|[a-z{}\r\n]{0,40}", value in any::<String>()) {
            let said = line("550 5.7.1", &text, values(&value));
            let inner = said.strip_suffix("\r\n").unwrap();
            prop_assert!(inner.len() <= LINE);
            prop_assert!(inner.bytes().all(|it| (b' '..=b'~').contains(&it)));
        }
    }
}
