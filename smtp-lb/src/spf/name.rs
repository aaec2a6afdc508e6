//! Domain names, as far as SPF cares.

/// Longest name, without the final dot (section 7.3).
pub(super) const LONGEST: usize = 253;

/// `name` without its final dot, if a question can be asked about it.
pub(super) fn askable(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let printable = name.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    let labels = name.split('.').all(|label| (1..=63).contains(&label.len()));
    (name.len() <= LONGEST && printable && labels).then_some(name)
}

/// The same, if it can be the `<domain>` of `check_host()`: of several labels, and no domain literal
/// (section 4.3).
pub(super) fn checkable(name: &str) -> Option<&str> {
    let name = askable(name)?;
    (name.contains('.') && !name.starts_with('[')).then_some(name)
}

/// The longest run of labels at the end of `name` that is not too long (section 7.3). `None`: its
/// last label alone is.
pub(super) fn shortened(name: &str) -> Option<&str> {
    let mut name = name;
    while name.strip_suffix('.').unwrap_or(name).len() > LONGEST {
        (_, name) = name.split_once('.')?;
    }
    Some(name)
}

/// Whether `name` is `domain`, or in it. Neither has a final dot.
pub(super) fn within(name: &str, domain: &str) -> bool {
    let Some(at) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (head, tail) = (name.as_bytes().get(..at), name.as_bytes().get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(domain.as_bytes()))
        && head.is_some_and(|head| head.is_empty() || head.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_dns_are_asked_for() {
        let long = format!("{}.example", "a".repeat(63));
        let longer = format!("{}.example", "a".repeat(64));
        let most = format!("{}abcde", format!("{}.", "a".repeat(61)).repeat(4));
        assert_eq!(most.len(), LONGEST);
        for good in ["a.b", "a.b.", "A_b.c-d", "one", "a b.c", &long, &most] {
            assert!(askable(good).is_some(), "{good}");
        }
        for bad in [
            "",
            ".",
            "a..b",
            ".a",
            "a.b..",
            "ü.example",
            "a\t.b",
            &longer,
        ] {
            assert!(askable(bad).is_none(), "{bad}");
        }
        assert!(askable(&format!("{most}.")).is_some());
        assert!(askable(&format!("{most}x")).is_none());
        assert!(checkable("one").is_none() && checkable("[192.0.2.1]").is_none());
    }

    #[test]
    fn a_name_is_within_itself_and_its_parents() {
        assert!(within("a.example", "a.example"));
        assert!(within("b.A.example", "a.Example"));
        assert!(!within("ba.example", "a.example"));
        assert!(!within("example", "a.example"));
        assert!(!within("ü.example", "\u{bc}.example"));
    }
}
