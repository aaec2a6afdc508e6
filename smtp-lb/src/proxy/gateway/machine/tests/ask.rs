//! The checks of a security profile: when they are asked, and what becomes of their answers.

use std::time::Duration;

use super::super::{Act, Settings};
use super::stage::{CLOSE, EHLO, FRESH, OFFER, Stage, every_split, settings};
use crate::config::plan::{LineEndings, Method};
use crate::security::question::{Answer, BareEndings, Bounds, Note, Question, Refusal};

const BANNER: &str = "220 mx.example ESMTP\r\n";
const NO: &str = "550 5.7.1 No\r\n";
const LATER: &str = "450 4.7.1 Later\r\n";

fn asking() -> Settings {
    Settings {
        asks: true,
        ..settings()
    }
}

fn refuse(reply: &str) -> Answer {
    Answer::Refuse(Refusal {
        reply: reply.into(),
        close: false,
    })
}

fn close(reply: &str) -> Answer {
    Answer::Refuse(Refusal {
        reply: reply.into(),
        close: true,
    })
}

fn hello() -> Question {
    Question::Hello {
        name: "c.example".into(),
    }
}

fn mail(sender: &str) -> Question {
    Question::Mail {
        sender: sender.into(),
        size: None,
        loose: false,
    }
}

fn rcpt(recipient: &str) -> Question {
    Question::Rcpt {
        recipient: recipient.into(),
        loose: false,
    }
}

/// The header was read, and this found in it.
fn header(message_id: &str) -> Act {
    Act::Note(Note::Header {
        message_id: message_id.into(),
    })
}

const ENDED: Act = Act::Note(Note::Ended);

fn every(script: impl Fn(&mut Stage)) {
    every_split(asking(), Some(EHLO), script);
}

/// Banner and EHLO.
fn greeted(s: &mut Stage) -> &mut Stage {
    s.start().passes(Question::Connect).expect(BANNER, "", &[]);
    s.client("EHLO c.example\r\n").passes(hello());
    s.expect(OFFER, "", &[])
}

/// MAIL and RCPT at member 0, with these bounds.
fn envelope(s: &mut Stage, bounds: Bounds) -> &mut Stage {
    greeted(s).client("MAIL FROM:<a@a>\r\n");
    s.judged(mail("a@a"), Answer::Within(bounds));
    s.expect("", "", FRESH);
    s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
    s.member("250 2.1.0 m\r\n").client("RCPT TO:<b@b>\r\n");
    s.passes(rcpt("b@b"));
    s.expect("250 2.1.0 m\r\n", "RCPT TO:<b@b>\r\n", &[]);
    s.member("250 2.1.5 r\r\n")
        .expect("250 2.1.5 r\r\n", "", &[])
}

fn text(s: &mut Stage, bounds: Bounds) -> &mut Stage {
    envelope(s, bounds)
        .client("DATA\r\n")
        .expect("", "DATA\r\n", &[]);
    s.member("354 go\r\n").expect("354 go\r\n", "", &[])
}

#[test]
fn a_message_that_passes_is_as_without_checks() {
    every(|s| {
        text(s, Bounds::default()).client("x\r\n.\r\n");
        s.expect("", "x\r\n.\r\n", &[header("")]);
        s.member("250 2.0.0 taken\r\n");
        s.expect("250 2.0.0 taken\r\n", "", &[Act::Park, ENDED]);
    });
}

#[test]
fn who_may_not_connect_hears_so_in_place_of_the_banner() {
    let mut s = Stage::once(asking(), Some(EHLO));
    s.start();
    s.judged(Question::Connect, close("421 4.7.0 Too many\r\n"));
    s.expect("421 4.7.0 Too many\r\n", "", CLOSE).closed();
}

#[test]
fn nothing_is_read_before_the_checks_let_the_client_be_greeted() {
    every(|s| {
        s.start();
        assert_eq!(s.machine.client_appetite(), 0);
        s.client("NOOP\r\n").passes(Question::Connect);
        s.passes(Question::Method(Method::Noop));
        s.expect(&format!("{BANNER}250 2.0.0 OK\r\n"), "", &[]);
    });
}

#[test]
fn who_is_silent_is_greeted_after_the_delay() {
    let wait = Answer::Wait(Duration::from_secs(6));
    every(|s| {
        s.start().judged(Question::Connect, wait.clone());
        s.expect("", "", &[]);
        s.pass(Duration::from_millis(5999)).expect("", "", &[]);
        s.pass(Duration::from_millis(1));
        s.expect(BANNER, "", &[Act::Note(Note::Waited)]);
        s.client("EHLO c.example\r\n").passes(hello());
        s.expect(OFFER, "", &[]);
    });
}

#[test]
fn who_speaks_before_the_banner_is_asked_about() {
    let wait = Answer::Wait(Duration::from_secs(6));
    // The whole of it is not there yet when the first octet is; so it is no use to cut it.
    for (answer, said) in [
        (
            close("554 5.5.0 Out of turn\r\n"),
            "554 5.5.0 Out of turn\r\n",
        ),
        (Answer::Pass, BANNER),
    ] {
        let mut s = Stage::once(asking(), Some(EHLO));
        s.start().judged(Question::Connect, wait.clone());
        s.client_at_once("E")
            .judged(Question::Early, answer.clone());
        if said == BANNER {
            s.expect(BANNER, "", &[]);
            s.client("HLO c.example\r\n").passes(hello());
            s.expect(OFFER, "", &[]);
        } else {
            s.expect(said, "", CLOSE).closed();
        }
    }
}

#[test]
fn who_leaves_before_the_banner_is_let_go() {
    let mut s = Stage::once(asking(), Some(EHLO));
    s.start();
    s.judged(Question::Connect, Answer::Wait(Duration::from_secs(6)));
    s.client_ended().expect("", "", CLOSE).closed();
}

#[test]
fn a_daemon_that_stops_does_not_wait_for_answers() {
    let mut s = Stage::once(asking(), Some(EHLO));
    s.start().forget();
    s.shut_down();
    s.expect("421 4.3.2 Service is stopping, closing\r\n", "", CLOSE);
    // The answer comes late, and means nothing.
    s.call_with(|m, w, o| m.judged(Answer::Pass, w, o));
    s.expect("", "", &[]).closed();
}

#[test]
fn hello_may_be_refused_and_said_again() {
    every(|s| {
        s.start().passes(Question::Connect).forget();
        s.client("EHLO !\r\n");
        let odd = Question::Hello { name: "!".into() };
        s.judged(odd, refuse("501 5.5.4 No\r\n"));
        s.expect("501 5.5.4 No\r\n", "", &[]);
        s.client("EHLO c.example\r\n").passes(hello());
        s.expect(OFFER, "", &[]);
    });
}

#[test]
fn mail_that_is_refused_costs_no_member_anything() {
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a> SIZE=9\r\n");
        let sized = Question::Mail {
            sender: "a@a".into(),
            size: Some(9),
            loose: false,
        };
        s.judged(sized, refuse(NO)).expect(NO, "", &[]);
        // There is no transaction.
        s.client("MAIL FROM: <>\r\n");
        let null = Question::Mail {
            sender: "".into(),
            size: None,
            loose: true,
        };
        s.passes(null).expect("", "", FRESH);
    });
}

#[test]
fn a_recipient_that_is_refused_is_none_that_a_member_hears_of() {
    every(|s| {
        envelope(s, Bounds::default()).client("RCPT TO:<c@c>\r\n");
        s.judged(rcpt("c@c"), refuse(LATER)).expect(LATER, "", &[]);
        s.client("RCPT TO:<d@d>\r\n").passes(rcpt("d@d"));
        s.expect("", "RCPT TO:<d@d>\r\n", &[]);
        s.member("250 2.1.5 r\r\n")
            .expect("250 2.1.5 r\r\n", "", &[]);
        s.client("DATA\r\n").expect("", "DATA\r\n", &[]);
    });
}

/// Replies keep the order of commands, though the refusal is known before the member has answered.
#[test]
fn pipelined_refusals_wait_their_turn() {
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nRCPT TO:<c@c>\r\nRCPT TO:<d@d>\r\n");
        s.passes(mail("a@a"));
        // The member is sought while the next is asked about.
        s.judged(rcpt("b@b"), refuse(LATER));
        s.expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 2.1.0 m\r\n").passes(rcpt("c@c"));
        s.judged(rcpt("d@d"), refuse(NO));
        s.expect(&format!("250 2.1.0 m\r\n{LATER}"), "RCPT TO:<c@c>\r\n", &[]);
        s.member("250 2.1.5 r\r\n");
        s.expect(&format!("250 2.1.5 r\r\n{NO}"), "", &[]);
        s.client("DATA\r\n").expect("", "DATA\r\n", &[]);
    });
}

#[test]
fn data_without_a_recipient_that_passed_is_no_error_of_the_client() {
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n");
        s.passes(mail("a@a"));
        s.judged(rcpt("b@b"), refuse(LATER));
        s.expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 2.1.0 m\r\n");
        let said = format!("250 2.1.0 m\r\n{LATER}554 5.5.1 No valid recipients\r\n");
        s.expect(&said, "", &[]);
    });
}

/// What came before is answered while a question is open.
#[test]
fn members_are_heard_while_the_checks_think() {
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a>\r\n").passes(mail("a@a"));
        s.expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.client("RCPT TO:<b@b>\r\n").member("250 2.1.0 m\r\n");
        s.passes(rcpt("b@b"));
        s.expect("250 2.1.0 m\r\n", "RCPT TO:<b@b>\r\n", &[]);
    });
}

#[test]
fn a_member_that_is_lost_meanwhile_is_replaced() {
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a>\r\n").passes(mail("a@a"));
        s.expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("250 2.1.0 m\r\n").client("RCPT TO:<b@b>\r\n");
        s.gone().judged(rcpt("b@b"), Answer::Pass);
        s.expect("250 2.1.0 m\r\n", "", super::stage::OTHER);
    });
}

#[test]
fn no_time_runs_for_the_client_while_the_checks_think() {
    let mut s = Stage::once(asking(), Some(EHLO));
    greeted(&mut s).client("MAIL FROM:<a@a>\r\n");
    assert_eq!(s.machine.deadline(), None);
    s.pass(Duration::from_hours(1)).passes(mail("a@a"));
    s.expect("", "", FRESH);
}

#[test]
fn methods_are_asked_about() {
    every(|s| {
        greeted(s).client("VRFY a\r\n");
        s.judged(Question::Method(Method::Vrfy), refuse("502 5.5.1 No\r\n"));
        s.client("VRFY a\r\n")
            .passes(Question::Method(Method::Vrfy));
        s.client("EXPN a\r\n")
            .passes(Question::Method(Method::Expn));
        let said = "502 5.5.1 No\r\n252 2.0.0 Cannot verify, send it and see\r\n\
                    502 5.5.1 Command not offered\r\n";
        s.expect(said, "", &[]);
    });
}

#[test]
fn faults_are_told_of() {
    every(|s| {
        greeted(s).client("WHAT\r\n");
        let note = Note::Protocol("500 5.5.1 Command unknown".into());
        s.expect("500 5.5.1 Command unknown\r\n", "", &[Act::Note(note)]);
    });
}

#[test]
fn who_is_refused_for_ever_is_closed() {
    let mut s = Stage::once(asking(), Some(EHLO));
    greeted(&mut s);
    for _ in 0..100 {
        s.client("MAIL FROM:<a@a>\r\n")
            .judged(mail("a@a"), refuse(NO));
        s.expect(NO, "", &[]);
    }
    for _ in 0..19 {
        s.client("MAIL FROM:<a@a>\r\n")
            .judged(mail("a@a"), refuse(NO));
        s.pass(Duration::from_secs(1));
    }
    s.forget();
    s.client("MAIL FROM:<a@a>\r\n")
        .judged(mail("a@a"), refuse(NO));
    s.expect("421 4.7.0 Too many errors, closing\r\n", "", CLOSE);
}

fn size(reply: Option<&str>) -> Bounds {
    Bounds {
        endings: BareEndings::AsSet,
        header: Box::default(),
        size: Some((8, reply.map(Into::into))),
    }
}

#[test]
fn a_message_past_its_bound_is_read_to_its_end_and_refused() {
    let big = "552 5.3.4 Big\r\n";
    every(|s| {
        text(s, size(Some(big))).client("\r\n1234\r\n.\r\n");
        let note = Act::Note(Note::TooBig { refused: true });
        s.expect(big, "", &[header(""), note, Act::Abort, ENDED]);
        // What comes next is a command.
        s.client("MAIL FROM:<b@b>\r\n").passes(mail("b@b"));
        s.expect("", "", FRESH);
    });
}

#[test]
fn a_message_past_its_bound_passes_if_that_is_only_told() {
    every(|s| {
        text(s, size(None)).client("\r\n123456\r\n789\r\n.\r\n");
        let note = Act::Note(Note::TooBig { refused: false });
        s.expect("", "\r\n123456\r\n789\r\n.\r\n", &[header(""), note]);
        s.member("250 2.0.0 taken\r\n");
        s.expect("250 2.0.0 taken\r\n", "", &[Act::Park, ENDED]);
    });
}

#[test]
fn a_message_within_its_bound_passes() {
    every(|s| {
        text(s, size(Some("552 5.3.4 Big\r\n"))).client("123\r\n.\r\n");
        s.expect("", "123\r\n.\r\n", &[header("")]);
    });
}

#[test]
fn chunks_past_the_bound_are_refused_before_they_come() {
    let big = "552 5.3.4 Big\r\n";
    every(|s| {
        envelope(s, size(Some(big))).client("BDAT 4\r\nabcd");
        s.expect("", "BDAT 4\r\nabcd", &[]);
        s.member("250 2.0.0 ok\r\n")
            .expect("250 2.0.0 ok\r\n", "", &[]);
        s.client("BDAT 5 LAST\r\nefghi");
        let note = Act::Note(Note::TooBig { refused: true });
        s.expect(big, "RSET\r\n", &[note, ENDED]);
    });
}

#[test]
fn strict_endings_win_over_normalizing() {
    let mut normalize = asking();
    normalize.plan.line_endings = LineEndings::Normalize;
    let strict = Bounds {
        endings: BareEndings::Refuse("550 5.5.2 Strict\r\n".into()),
        ..Bounds::default()
    };
    every_split(normalize.clone(), Some(EHLO), |s| {
        text(s, strict.clone()).client("\r\na\nb\r\n.\r\n");
        let note = Act::Note(Note::Smuggling { refused: true });
        s.expect(
            "550 5.5.2 Strict\r\n",
            "",
            &[header(""), note, Act::Abort, Act::CloseClient],
        );
    });
    every_split(normalize, Some(EHLO), |s| {
        text(s, Bounds::default()).client("\r\na\nb\nc\r\n.\r\n");
        let note = Act::Note(Note::Smuggling { refused: false });
        s.expect("", "\r\na\r\nb\r\nc\r\n.\r\n", &[header(""), note]);
    });
}

/// Who is only told of passes, though the gateway by itself would refuse.
#[test]
fn endings_are_repaired_where_that_is_said() {
    let repair = || Bounds {
        endings: BareEndings::Repair,
        ..Bounds::default()
    };
    assert_eq!(asking().plan.line_endings, LineEndings::Reject);
    every(|s| {
        text(s, repair()).client("\r\na\n.\n\0b\r.\rc\r\n.\r\n");
        let note = Act::Note(Note::Smuggling { refused: false });
        let repaired = "\r\na\r\n..\r\nb\r\n..\r\nc\r\n.\r\n";
        s.expect("", repaired, &[header(""), note]);
    });
    // Of a chunk the member knows the size before.
    every(|s| {
        envelope(s, repair()).client("BDAT 5 LAST\r\n\r\na\nb");
        let note = Act::Note(Note::Smuggling { refused: true });
        let said = "550 5.5.2 Bare CR, bare LF or NUL in a message, closing\r\n";
        s.expect(said, "", &[header(""), note, Act::Abort, Act::CloseClient]);
    });
}

const HEADER: &str = "Subject: x\r\nMESSAGE-ID:\r\n <1@a>\r\nTo: b\r\n\r\nMessage-ID: <2@b>\r\n";

#[test]
fn messages_are_known_by_their_header() {
    every(|s| {
        text(s, Bounds::default()).client(format!("{HEADER}.\r\n"));
        s.expect("", &format!("{HEADER}.\r\n"), &[header("<1@a>")]);
        s.member("250 2.0.0 taken\r\n");
        s.expect("250 2.0.0 taken\r\n", "", &[Act::Park, ENDED]);
        // Another one has another.
        s.client("MAIL FROM:<b@b>\r\n").passes(mail("b@b"));
        s.expect("", "", FRESH);
        s.connected(0, true).expect("", "MAIL FROM:<b@b>\r\n", &[]);
        s.member("250 2.1.0 m\r\n").client("RCPT TO:<b@b>\r\n");
        s.passes(rcpt("b@b"));
        s.member("250 2.1.5 r\r\n").client("DATA\r\n");
        s.member("354 go\r\n").forget();
        s.client("Message-ID: <3@c>\r\n.\r\n");
        s.expect("", "Message-ID: <3@c>\r\n.\r\n", &[header("<3@c>")]);
    });
}

#[test]
fn messages_in_chunks_are_known_by_their_header() {
    every(|s| {
        envelope(s, Bounds::default());
        let (first, second) = HEADER.split_at(20);
        s.client(format!("BDAT 20\r\n{first}"));
        s.expect("", &format!("BDAT 20\r\n{first}"), &[]);
        s.member("250 2.0.0 ok\r\n").forget();
        let chunk = format!("BDAT {} LAST\r\n{second}", second.len());
        s.client(&chunk).expect("", &chunk, &[header("<1@a>")]);
        s.member("250 2.0.0 taken\r\n");
        s.expect("250 2.0.0 taken\r\n", "", &[Act::Park, ENDED]);
    });
}

/// What is refused is read to its end, and its header with it.
#[test]
fn messages_that_are_refused_early_are_known_too() {
    every(|s| {
        text(s, size(Some("552 5.3.4 Big\r\n"))).client(format!("{HEADER}.\r\n"));
        let note = Act::Note(Note::TooBig { refused: true });
        let notes = std::mem::take(&mut s.acts);
        assert!(notes.contains(&note) && notes.contains(&header("<1@a>")));
        assert_eq!(notes.last(), Some(&ENDED));
    });
    every(|s| {
        text(s, Bounds::default()).client(format!("Bare: lf\n{HEADER}.\r\n"));
        let note = Act::Note(Note::Smuggling { refused: true });
        let notes = std::mem::take(&mut s.acts);
        assert!(notes.contains(&note) && notes.contains(&header("<1@a>")));
    });
}

#[test]
fn the_end_of_a_transaction_is_told_of_before_what_comes_next() {
    every(|s| {
        envelope(s, Bounds::default()).client("RSET\r\n");
        s.expect("250 2.0.0 OK\r\n", "RSET\r\n", &[ENDED]);
        s.client("NONSENSE\r\n");
        let note = Note::Protocol("500 5.5.1 Command unknown".into());
        s.expect("500 5.5.1 Command unknown\r\n", "", &[Act::Note(note)]);
    });
    // A member that will not have MAIL.
    every(|s| {
        greeted(s).client("MAIL FROM:<a@a>\r\n").passes(mail("a@a"));
        s.expect("", "", FRESH);
        s.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        s.member("451 4.3.0 no\r\n");
        s.expect("451 4.3.0 no\r\n", "", &[Act::Park, ENDED]);
    });
}

#[test]
fn a_recipient_that_a_member_refuses_for_good_is_told_of() {
    every(|s| {
        envelope(s, Bounds::default());
        for (reply, told) in [("550 5.1.1 no\r\n", true), ("450 4.2.0 no\r\n", false)] {
            s.client("RCPT TO:<c@c>\r\n").passes(rcpt("c@c"));
            s.expect("", "RCPT TO:<c@c>\r\n", &[]).member(reply);
            let note = [Act::Note(Note::UnknownRecipient)];
            s.expect(reply, "", if told { &note } else { &[] });
        }
    });
}

/// RFC 7208: what a sender wrote of that name stands below.
#[test]
fn section_9_1_the_field_stands_above_all_others() {
    const OURS: &str = "Received-SPF: fail (mx: no)\r\n\treceiver=mx\r\n";
    const THEIRS: &str = "Received-SPF: pass (mx: yes)\r\n\r\n";
    let bounds = || Bounds {
        header: OURS.into(),
        ..Bounds::default()
    };
    every(|s| {
        envelope(s, bounds()).client("DATA\r\n");
        s.expect("", "DATA\r\n", &[]).member("354 go\r\n");
        s.expect("354 go\r\n", OURS, &[]);
        s.client(format!("{THEIRS}.\r\n"));
        s.expect("", &format!("{THEIRS}.\r\n"), &[header("")]);
    });
    // The first chunk is larger by it, the next one is not.
    every(|s| {
        envelope(s, bounds()).client(format!("BDAT {}\r\n{THEIRS}", THEIRS.len()));
        let line = format!("BDAT {}\r\n", OURS.len() + THEIRS.len());
        s.expect("", &format!("{line}{OURS}{THEIRS}"), &[header("")]);
        s.member("250 2.0.0 ok\r\n").forget();
        s.client("BDAT 3 LAST\r\nx\r\n");
        s.expect("", "BDAT 3 LAST\r\nx\r\n", &[]);
        s.member("250 2.0.0 taken\r\n");
        s.expect("250 2.0.0 taken\r\n", "", &[Act::Park, ENDED]);
    });
    // Another member gets it, too, if the first is lost before the text.
    every(|s| {
        envelope(s, bounds()).client("DATA\r\n");
        s.expect("", "DATA\r\n", &[]).gone();
        s.expect("", "", super::stage::OTHER);
        s.join(1)
            .expect("", "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\n", &[]);
        s.member("250 2.1.0 m\r\n250 2.1.5 r\r\n");
        s.expect("", "DATA\r\n", &[]).member("354 go\r\n");
        s.expect("354 go\r\n", OURS, &[]);
    });
}
