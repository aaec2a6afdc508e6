//! What may happen to a session, likely and unlikely.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::super::Settings;
use super::super::stage::{EHLO, settings};
use crate::config::plan::{Activation, BalanceUnit, LineEndings, Start};
use crate::security::question::{Answer, BareEndings, Bounds, Refusal};

/// What may happen.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Client(Vec<u8>),
    Member(Vec<u8>),
    /// A member as it should be answers what it was asked, in order.
    Good,
    Connected(usize),
    NoMember,
    Tls,
    Gone,
    ClientEnded,
    Time(u64),
    ShutDown,
    Judged(Answer),
}

fn answer() -> impl Strategy<Value = Answer> {
    let refusal = |reply: &str, close| {
        Answer::Refuse(Refusal {
            reply: reply.into(),
            close,
        })
    };
    let bounds = |strict: bool, reply: bool| {
        Answer::Within(Bounds {
            endings: if strict {
                BareEndings::Refuse("550 5.5.2 no\r\n".into())
            } else {
                BareEndings::Repair
            },
            size: Some((8, reply.then(|| "552 5.3.4 no\r\n".into()))),
            header: Box::default(),
        })
    };
    select(vec![
        Answer::Pass,
        Answer::Wait(Duration::from_secs(6)),
        refusal("550 5.7.1 no\r\n", false),
        refusal("554 5.7.1 no\r\n", true),
        bounds(false, false),
        bounds(true, true),
    ])
}

fn client_words() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"EHLO c\r\n",
        b"HELO c\r\n",
        b"MAIL FROM:<a@a>\r\n",
        b"MAIL FROM:<a@a> SIZE=9\r\n",
        b"RCPT TO:<b@b>\r\n",
        b"RCPT TO:<c@c> NOTIFY=NEVER\r\n",
        b"DATA\r\n",
        b"text\r\n",
        b"..\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r",
        b"\n",
        b"\0",
        b"BDAT 4\r\nabcd",
        b"BDAT 2 LAST\r\n\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 99999\r\n",
        b"AUTH PLAIN AAAA\r\n",
        b"AUTH LOGIN\r\n",
        b"*\r\n",
        b"QUIT\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"STARTTLS\r\n",
        b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n",
        b"what\r\n",
    ];
    prop_oneof![
        12 => vec(select(words), 1..4).prop_map(|words| words.concat()),
        1 => vec(any::<u8>(), 1..40),
        1 => (1..70_000_usize).prop_map(|count| vec![b'x'; count]),
    ]
}

fn member_words() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"220 m\r\n",
        b"250 ok\r\n",
        EHLO.as_bytes(),
        b"250 m\r\n",
        b"354 go\r\n",
        b"334 x\r\n",
        b"235 in\r\n",
        b"421 bye\r\n",
        b"450 no\r\n",
        b"550 no\r\n",
        b"250-a\r\n550 b\r\n",
        b"25",
        b"\r\n",
        b"250 ok\r\n250 ok\r\n",
        b"354 go\r\n250 ok\r\n",
        b"\n",
        b"999 x\r\n",
    ];
    prop_oneof![
        12 => select(words).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..40),
        1 => (1..9_000_usize).prop_map(|count| vec![b'2'; count]),
    ]
}

pub(super) fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => client_words().prop_map(Happening::Client),
        3 => member_words().prop_map(Happening::Member),
        12 => Just(Happening::Good),
        5 => (0..3_usize).prop_map(Happening::Connected),
        1 => Just(Happening::NoMember),
        2 => Just(Happening::Tls),
        1 => Just(Happening::Gone),
        1 => prop_oneof![Just(Happening::ClientEnded), Just(Happening::ShutDown)],
        1 => (0..400_u64).prop_map(Happening::Time),
        3 => answer().prop_map(Happening::Judged),
    ]
}

/// A conversation as it should be, cut into pieces, with other things in between.
pub(super) fn conversation() -> impl Strategy<Value = Vec<Happening>> {
    let parts: Vec<&'static [&'static [u8]]> = vec![
        &[
            b"MAIL FROM:<a@a>\r\n",
            b"RCPT TO:<b@b>\r\n",
            b"DATA\r\n",
            b"S: x\r\n\r\n..x\r\n",
            b".\r\n",
        ],
        &[
            b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nRCPT TO:<c@c>\r\nDATA\r\n",
            b"x\r\n.\r\n",
        ],
        &[b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nBDAT 3\r\nab\rBDAT 2 LAST\r\n\nc"],
        &[
            b"MAIL FROM:<a@a>\r\n",
            b"RCPT TO:<b@b>\r\n",
            b"BDAT 3\r\nabc",
            b"BDAT 0 LAST\r\n",
        ],
        &[
            b"STARTTLS\r\n",
            b"EHLO c\r\n",
            b"MAIL FROM:<a@a>\r\n",
            b"RSET\r\n",
        ],
        &[
            b"AUTH PLAIN AAAA\r\n",
            b"MAIL FROM:<a@a>\r\n",
            b"RCPT TO:<b@b>\r\n",
            b"DATA\r\n",
            b".\r\n",
        ],
    ];
    let part = (select(parts), vec(any::<Index>(), 0..3)).prop_map(|(part, cuts)| {
        let mut happenings = Vec::new();
        for (at, piece) in part.iter().enumerate() {
            // Some pieces come in two.
            let cut = cuts
                .get(at)
                .map_or(piece.len(), |cut| cut.index(piece.len() + 1));
            for half in [&piece[..cut], &piece[cut..]] {
                happenings.push(Happening::Client(half.to_vec()));
                happenings.extend(std::iter::repeat_n(Happening::Good, 5));
            }
            happenings.push(Happening::Tls);
        }
        happenings
    });
    let others = vec((any::<Index>(), happening()), 0..5);
    (any::<bool>(), vec(part, 1..6), others).prop_map(|(tls, parts, others)| {
        let mut all = Vec::new();
        let mut first: Vec<&[u8]> = vec![b"EHLO c\r\n"];
        if tls {
            first = vec![b"STARTTLS\r\n", b"EHLO c\r\n"];
        }
        all.extend(std::iter::repeat_n(Happening::Good, 2));
        for piece in first {
            all.push(Happening::Client(piece.to_vec()));
            all.push(Happening::Tls);
            all.extend(std::iter::repeat_n(Happening::Good, 5));
        }
        all.extend(parts.concat());
        for (at, other) in others {
            all.insert(at.index(all.len() + 1), other);
        }
        all
    })
}

pub(super) fn any_settings() -> impl Strategy<Value = (Settings, bool)> {
    let starts = vec![None, Some(Start::Implicit), Some(Start::StartTls)];
    let activations = vec![Activation::None, Activation::Allow, Activation::Require];
    (any::<[bool; 7]>(), select(starts), select(activations)).prop_map(
        |([session, normalize, auth, banner, implicit, known, asks], member_tls, starttls)| {
            let mut settings = settings();
            if session {
                settings.plan.balance_unit = BalanceUnit::Session;
            }
            if normalize {
                settings.plan.line_endings = LineEndings::Normalize;
            }
            if banner {
                settings.plan.banner = "{member}".into();
            }
            settings.plan.clear_auth = auth;
            settings.plan.bad_commands = 1000;
            settings.member_tls = member_tls;
            settings.implicit_tls = implicit;
            settings.asks = asks;
            settings.starttls = if implicit { Activation::None } else { starttls };
            (settings, known)
        },
    )
}
