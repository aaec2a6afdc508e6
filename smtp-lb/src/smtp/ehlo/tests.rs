use super::{Extensions, Offer};
use crate::smtp::reply::Reply;

fn offer(lines: &[&str]) -> Offer {
    let lines = [&["mx greets you"], lines].concat();
    Offer::parse(&Reply {
        code: 250,
        lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
    })
}

fn rendered(offer: &Offer) -> String {
    let mut out = Vec::new();
    offer.render("lb.example", &mut out);
    String::from_utf8(out).unwrap()
}

/// As Postfix, Exim, Exchange and Dovecot put it.
#[test]
fn what_members_say() {
    let all = offer(&[
        "PIPELINING",
        "SIZE 10240000",
        "VRFY",
        "ETRN",
        "STARTTLS",
        "AUTH PLAIN login CRAM-MD5 plain b@d",
        "AUTH=PLAIN LOGIN",
        "ENHANCEDSTATUSCODES",
        "8bitmime",
        "DSN",
        "SMTPUTF8",
        "CHUNKING",
        "BINARYMIME",
        "X-ANONYMOUSTLS",
        "X-EXPS GSSAPI NTLM",
        "XCLIENT NAME ADDR",
        "XFORWARD NAME",
        "REQUIRETLS",
        "LIMITS RCPTMAX=100",
    ]);
    let own = Extensions::STARTTLS.with(Extensions::XCLIENT);
    assert_eq!(all.extensions, Offer::carried().with(own));
    assert_eq!(all.size, Some(10_240_000));
    let names: Vec<_> = all.mechanisms.iter().collect();
    assert_eq!(names, ["PLAIN", "LOGIN", "CRAM-MD5"]);
    // Notes, point 17: what is not known or not for clients is not in it.
    assert_eq!(
        rendered(&all.clone().only(Offer::carried())),
        "250-lb.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n\
         250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n\
         250 REQUIRETLS\r\n"
    );
    assert!(!rendered(&all).contains("XCLIENT"));
}

#[test]
fn hollow_offers() {
    for lines in [
        &[][..],
        &["AUTH"],
        &["AUTH  "],
        &["SIZE x"],
        &["PIPELININGS"],
        &[""],
        &["AUTH=X"],
    ] {
        assert_eq!(offer(lines), Offer::default(), "{lines:?}");
    }
    // The first line is the server's name and greeting, whatever it says.
    let first = Reply {
        code: 250,
        lines: vec![b"PIPELINING".to_vec()],
    };
    assert_eq!(Offer::parse(&first), Offer::default());
    assert_eq!(rendered(&Offer::default()), "250 lb.example\r\n");
    for unlimited in ["SIZE", "SIZE 0", "SIZE 00", "size "] {
        let offer = offer(&[unlimited]);
        assert_eq!((offer.extensions, offer.size), (Extensions::SIZE, None));
        assert_eq!(rendered(&offer), "250-lb.example\r\n250 SIZE\r\n");
    }
}

#[test]
fn what_all_members_offer() {
    let a = offer(&[
        "SIZE 100",
        "DSN",
        "AUTH PLAIN LOGIN SCRAM-SHA-256",
        "CHUNKING",
    ]);
    let b = offer(&["SIZE 50", "AUTH SCRAM-SHA-256 PLAIN", "CHUNKING"]);
    let both = a.intersection(&b);
    assert_eq!(
        rendered(&both),
        "250-lb.example\r\n250-SIZE 50\r\n250-AUTH PLAIN SCRAM-SHA-256\r\n250 CHUNKING\r\n"
    );
    assert_eq!(a.intersection(&offer(&["SIZE"])).size, Some(100));
    assert_eq!(a.intersection(&offer(&["DSN"])).size, None);
    let none = a.intersection(&offer(&["AUTH NTLM"]));
    assert_eq!(none, Offer::default());
}

#[test]
fn sets() {
    let set = Extensions::DSN.with(Extensions::SIZE);
    assert!(set.contains(Extensions::DSN) && !set.contains(Extensions::DSN.with(Extensions::AUTH)));
    assert_eq!(set.without(Extensions::DSN), Extensions::SIZE);
    assert_eq!(set.intersection(Extensions::DSN), Extensions::DSN);
    assert!(Extensions::NONE.is_empty() && !set.is_empty());
}

/// Notes, point 12.
#[test]
fn line_limits() {
    let all = Offer::carried();
    for (front, none, some) in [
        ("", 512, 512),
        ("NOOP", 512, 512),
        ("mail from:", 512, 512 + 26 + 17 + 116 + 500 + 10 + 11),
        ("RCPT", 512, 512 + 536),
        ("AUTH PLAIN", 12_288, 12_288),
    ] {
        assert_eq!(
            Extensions::NONE.line_limit(front.as_bytes()),
            none,
            "{front}"
        );
        assert_eq!(all.line_limit(front.as_bytes()), some, "{front}");
    }
}
