use super::split;

fn read(text: &str) -> Option<(&str, Option<&str>)> {
    let (path, rest) = split(text)?;
    (rest.is_empty()).then_some((path.local(), path.domain()))
}

#[test]
fn what_is_a_path() {
    let table = [
        ("<>", "", None),
        ("<postmaster>", "postmaster", None),
        ("<PostMaster>", "PostMaster", None),
        ("<a@b>", "a", Some("b")),
        (
            "<a.b+c=d@mx-1.example.org>",
            "a.b+c=d",
            Some("mx-1.example.org"),
        ),
        ("<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~", Some("b")),
        ("<\"\"@b>", "\"\"", Some("b")),
        ("<\"a b\"@c>", "\"a b\"", Some("c")),
        ("<\"a>@\\\"b\"@c>", "\"a>@\\\"b\"", Some("c")),
        ("<a@[192.0.2.1]>", "a", Some("[192.0.2.1]")),
        ("<a@[IPv6:2001:db8::1]>", "a", Some("[IPv6:2001:db8::1]")),
        ("<a@[x-y:anything!]>", "a", Some("[x-y:anything!]")),
        ("<@x,@y.example:a@b>", "a", Some("b")),
        ("<jürgen@käse.example>", "jürgen", Some("käse.example")),
        // Postfix takes these, and some have such addresses.
        ("<a..b@c>", "a..b", Some("c")),
        ("<.a.@c>", ".a.", Some("c")),
        ("<a@_dmarc.b_c>", "a", Some("_dmarc.b_c")),
    ];
    for (text, local, domain) in table {
        assert_eq!(read(text), Some((local, domain)), "{text}");
        let inner = &text[1..text.len() - 1];
        assert_eq!(split(text).unwrap().0.text(), inner);
    }
}

#[test]
fn what_is_none() {
    for text in [
        "",
        "<",
        "a@b",
        "<a@b",
        "a@b>",
        "< a@b>",
        "<a@b >",
        "<a b@c>",
        "<@b>",
        "<a@>",
        "<a>",
        "<a@b@c>",
        "<a@b..c>",
        "<a@.b>",
        "<a@b.>",
        "<a@-b>",
        "<a@b->",
        "<a@b!c>",
        "<<a@b>>",
        "<\"a@b>",
        "<\"a\"b@c>",
        "<a\"b\"@c>",
        "<\"a\\\">",
        "<\"a\u{7}\"@b>",
        "<a\\@b@c>",
        "<a@[1.2.3]>",
        "<a@[1.2.3.4>",
        "<a@[IPv6:1]>",
        "<a@[]>",
        "<a@[[1.2.3.4]]>",
        "<a@[x:]>",
        "<a@[:x]>",
        "<a@[x:a b]>",
        "<@a>",
        "<@a:>",
        "<@a,b:c@d>",
        "<@a,:c@d>",
        "<@a;@b:c@d>",
        "<(a)@b>",
        "<a;b@c>",
        "<a,b@c>",
        "<a:b@c>",
        "<\u{85}@b>",
        "<a@\u{85}>",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
}

/// RFC 5321, 4.5.3.1: 256 for a path, 255 for a domain; more than 64 for a local part pass.
#[test]
fn lengths() {
    let path =
        |local: usize, domain: usize| format!("<{}@{}>", "x".repeat(local), "y".repeat(domain));
    assert!(split(&path(200, 53)).is_some());
    assert!(split(&path(200, 54)).is_none());
    let wide = format!("<{}@b>", "ü".repeat(252));
    assert!(split(&wide).is_some(), "characters count, not octets");
    assert!(split(&format!("<a@{}>", "ü".repeat(128))).is_none());
}
