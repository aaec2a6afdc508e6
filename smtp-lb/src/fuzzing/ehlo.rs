use crate::smtp::ehlo::{Extensions, Offer};
use crate::smtp::reply::{Reply, ReplyParser};

/// Replies to EHLO: each alone, and with the one before.
pub fn ehlo(input: &[u8]) {
    let mut before = Offer::default();
    for reply in replies(input) {
        let offer = Offer::parse(&reply);
        assert_ne!(offer.size, Some(0), "nothing would be taken");
        let shown = offer
            .clone()
            .only(everything().without(Extensions::XCLIENT));
        assert_eq!(rendered(&offer), shown);
        assert_eq!(offer.intersection(&offer), offer);
        let both = before.intersection(&offer);
        for one in [&before, &offer] {
            assert!(one.extensions.contains(both.extensions));
            assert!(
                both.mechanisms
                    .iter()
                    .all(|name| one.mechanisms.contains(name))
            );
            if both.extensions.contains(Extensions::SIZE) {
                let (all, own) = (both.size.unwrap_or(u64::MAX), one.size.unwrap_or(u64::MAX));
                assert!(all <= own, "more than a member takes");
            }
        }
        let other = offer.intersection(&before);
        assert_eq!((both.extensions, both.size), (other.extensions, other.size));
        let auth = both.extensions.contains(Extensions::AUTH);
        assert_eq!(auth, !both.mechanisms.is_empty());
        before = offer;
    }
}

fn everything() -> Extensions {
    Offer::carried()
        .with(Extensions::STARTTLS)
        .with(Extensions::XCLIENT)
}

/// Written out and read again.
fn rendered(offer: &Offer) -> Offer {
    let mut out = Vec::new();
    offer.render("mx.example.org", &mut out);
    match replies(&out).as_slice() {
        [reply] => Offer::parse(reply),
        other => panic!("not one reply: {other:?}"),
    }
}

fn replies(mut input: &[u8]) -> Vec<Reply> {
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    while let Ok(fed) = parser.feed(input) {
        let Some(reply) = fed.reply else {
            break;
        };
        replies.push(reply);
        input = &input[fed.consumed..];
    }
    replies
}
