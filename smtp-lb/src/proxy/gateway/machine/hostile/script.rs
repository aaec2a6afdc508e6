//! Octets as a script: two of settings, then steps of one octet, a letter, each with its argument.
//!
//! A step that sends something has a phrase by its letter, or any octets by their number, so that
//! a fuzzer finds whole dialogues and still can spoil every octet of them.

use std::time::Duration;

use super::super::{MemberGone, Settings};
use crate::config::plan::{Activation, BalanceUnit, GatewayPlan, LineEndings, Start};
use crate::security::question::{Answer, BareEndings, Bounds, Refusal};
use crate::smtp::ehlo::Offer;
use crate::smtp::reply::Reply;

/// What happens next.
pub(super) enum Step<'a> {
    Client(&'a [u8]),
    Member(&'a [u8]),
    Connect { parked: bool },
    NoMember,
    Gone(MemberGone),
    Left(bool),
    Withdrawn,
    ClientTls,
    MemberTls,
    ClientEnded,
    Timer,
    Pass(Duration),
    ShutDown,
    Judged(Answer),
}

/// From `A` on.
const CLIENT: &[&[u8]] = &[
    b"EHLO c.example\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\ntext\r\n",
    b".\r\n",
    b"QUIT\r\n",
    b"RSET\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH LOGIN\r\n",
    b"dXNlcg==\r\n",
    b"BDAT 4\r\na\r\nb",
    b"BDAT 3 LAST\r\na\r\n",
    b"NOOP\r\n",
    b"\n.\n",
    b"\r.\r",
    b"\r\n.\0\r\n",
    b"MAIL FROM:<smuggled@b>\r\n",
    b"RCPT TO:<x@y> NOTIFY=NEVER\r\n",
    b"HELO c\r\n",
    b"*\r\n",
    b"MAIL FROM:<> SIZE=9 BODY=8BITMIME SMTPUTF8\r\n",
    b"BDAT 0 LAST\r\n",
    b"VRFY a\r\n",
    b"XCLIENT ADDR=192.0.2.1\r\n",
];

const OFFER: &[u8] =
    b"250-m\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
    250-DSN\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250-STARTTLS\r\n250-XCLIENT NAME\r\n\
    250 ENHANCEDSTATUSCODES\r\n";

const MEMBER: &[&[u8]] = &[
    b"220 m ESMTP\r\n",
    OFFER,
    b"250 ok\r\n",
    b"354 go\r\n",
    b"550 5.0.0 no\r\n",
    b"450 4.0.0 later\r\n",
    b"421 4.3.2 bye\r\n",
    b"250-m\r\n250 PIPELINING\r\n",
    b"334 \r\n",
    b"235 2.7.0 ok\r\n",
    b"221 bye\r\n",
    b"250-half\r\n",
    b"25",
    b"0 ok\r\n",
    b"250 ok\r\n250 ok\r\n",
    b"250 ok\r\n250 ok\r\n250 ok\r\n",
    b"no reply\r\n",
    b"220 go\r\n220 injected\r\n",
    b"250-m\r\n250 STARTTLS\r\n",
];

/// Settings, what the pool is known to offer, and steps.
pub(super) fn read(
    input: &[u8],
) -> Option<(Settings, Option<Offer>, impl Iterator<Item = Step<'_>>)> {
    let (&[first, second], mut rest) = input.split_first_chunk()?;
    let offer = Reply {
        code: 250,
        lines: OFFER
            .split(|&octet| octet == b'\n')
            .filter_map(|line| Some(line.get(4..)?.trim_ascii_end().to_vec()))
            .collect(),
    };
    let offer = (second & 1 == 0).then(|| Offer::parse(&offer));
    let steps = std::iter::from_fn(move || step(&mut rest));
    Some((settings(first, second), offer, steps.flatten()))
}

/// Zeros are the default.
fn settings(first: u8, second: u8) -> Settings {
    let bit = |octet: u8, at: u8| octet >> at & 1 == 1;
    Settings {
        plan: GatewayPlan {
            hostname: "mx.example".into(),
            banner: if bit(second, 1) {
                "{member}"
            } else {
                "{hostname}"
            }
            .into(),
            starttls: Activation::Require,
            balance_unit: if bit(first, 1) {
                BalanceUnit::Session
            } else {
                BalanceUnit::Message
            },
            line_endings: if bit(first, 0) {
                LineEndings::Normalize
            } else {
                LineEndings::Reject
            },
            clear_auth: bit(first, 2),
            xclient: true,
            bad_commands: if bit(second, 3) { 4 } else { 20 },
            junk_commands: 4,
            recipients: if bit(second, 2) { 2 } else { 1000 },
            command_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(3),
            min_rate: if bit(second, 4) { 0 } else { 16 },
            reply_timeout: Duration::from_mins(5),
            data_reply_timeout: Duration::from_mins(10),
        },
        starttls: match (bit(first, 3), first >> 4 & 3) {
            (true, _) | (_, 0) => Activation::None,
            (_, 1) => Activation::Allow,
            _ => Activation::Require,
        },
        implicit_tls: bit(first, 3),
        member_tls: match first >> 6 {
            1 => Some(Start::Implicit),
            2 => Some(Start::StartTls),
            _ => None,
        },
        asks: bit(second, 5),
    }
}

/// The next step, if there is one. An octet that means nothing is none.
#[expect(clippy::option_option, reason = "no more, or nothing this time")]
fn step<'a>(rest: &mut &'a [u8]) -> Option<Option<Step<'a>>> {
    let letter = octet(rest)?;
    Some(Some(match letter {
        b'c' => Step::Client(phrase(CLIENT, octet(rest)?)),
        b'm' => Step::Member(phrase(MEMBER, octet(rest)?)),
        b'C' => Step::Client(octets(rest)?),
        b'M' => Step::Member(octets(rest)?),
        b'j' => Step::Connect { parked: false },
        b'p' => Step::Connect { parked: true },
        b'n' => Step::NoMember,
        b'g' => Step::Gone(MemberGone::Closed),
        b'G' => Step::Gone(MemberGone::Tls),
        b'l' => Step::Left(true),
        b'L' => Step::Left(false),
        b'w' => Step::Withdrawn,
        b's' => Step::ClientTls,
        b'S' => Step::MemberTls,
        b'e' => Step::ClientEnded,
        b't' => Step::Timer,
        b'T' => Step::Pass(Duration::from_secs(octet(rest)?.into())),
        b'x' => Step::ShutDown,
        b'a' => Step::Judged(answer(octet(rest)?)),
        _ => return Some(None),
    }))
}

/// What checks may say, to whatever they were asked.
fn answer(octet: u8) -> Answer {
    let refusal = |close| {
        Answer::Refuse(Refusal {
            reply: if close {
                "421 4.7.0 no\r\n"
            } else {
                "550 5.7.1 no\r\n"
            }
            .into(),
            close,
        })
    };
    match octet {
        1 => refusal(false),
        2 => refusal(true),
        3 => Answer::Wait(Duration::from_secs(6)),
        4 => Answer::Within(Bounds {
            endings: BareEndings::Refuse("550 5.5.2 no\r\n".into()),
            size: Some((8, Some("552 5.3.4 no\r\n".into()))),
            header: Box::default(),
        }),
        5 => Answer::Within(Bounds {
            endings: BareEndings::Repair,
            size: Some((8, None)),
            header: Box::default(),
        }),
        _ => Answer::Pass,
    }
}

fn octet(rest: &mut &[u8]) -> Option<u8> {
    let (&first, more) = rest.split_first()?;
    *rest = more;
    Some(first)
}

fn octets<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = usize::from(octet(rest)?).min(rest.len());
    let (octets, more) = rest.split_at(count);
    *rest = more;
    Some(octets)
}

fn phrase(phrases: &'static [&'static [u8]], letter: u8) -> &'static [u8] {
    phrases[usize::from(letter.wrapping_sub(b'A')) % phrases.len()]
}
