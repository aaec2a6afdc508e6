//! Whether a measurement may count: all arrived as it was sent, and all handshakes were of the
//! kind that was asked for.

use anyhow::{Result, ensure};

use super::workload::Shape;
use crate::generator::Outcome;
use crate::sink::Arrived;

/// What arrived must be what was sent, and what was sent must be all that was asked for. The
/// sink must have seen the same sessions if `by_session`, else only the same messages.
pub(crate) fn deliveries(
    shape: Shape,
    sent: &[Outcome],
    arrived: Arrived,
    by_session: bool,
) -> Result<()> {
    let mut expected = Arrived::default();
    for load in sent {
        expected.opened += load.opened;
        expected.finished += load.finished;
        expected.tally = expected.tally.plus(load.tally);
    }
    if !by_session {
        (expected.opened, expected.finished) = (arrived.opened, arrived.finished);
    }
    ensure!(
        expected == arrived,
        "sent {expected:?}, arrived {arrived:?}"
    );
    let messages = if shape.hold {
        0
    } else {
        shape.sessions * shape.messages
    };
    let bytes = messages * shape.size as u64;
    let whole = sent.last().is_some_and(|load| {
        load.opened == shape.sessions
            && (load.tally.messages, load.tally.bytes) == (messages, bytes)
    });
    ensure!(whole, "asked for {shape:?}, sent {sent:?}");
    Ok(())
}

/// No handshake may take up an earlier session, or, with `resume`, all must but the first, which
/// have none to take up.
pub(crate) fn handshakes(shape: Shape, resume: bool, outcome: Outcome) -> Result<()> {
    let resumed = outcome.resumed;
    let due = if resume {
        shape.sessions.saturating_sub(shape.at_once)..=shape.sessions
    } else {
        0..=0
    };
    ensure!(
        due.contains(&resumed),
        "{resumed} of {} handshakes were resumed, not {due:?}",
        shape.sessions
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Tally;

    const SHAPE: Shape = Shape {
        sessions: 2,
        at_once: 1,
        messages: 3,
        size: 10,
        hold: false,
    };

    fn sent() -> Outcome {
        let tally = Tally {
            messages: 6,
            bytes: 60,
            digest: 7,
        };
        Outcome {
            opened: 2,
            finished: 2,
            resumed: 0,
            tally,
            elapsed_ns: 1,
            p50_ns: 1,
            p99_ns: 1,
            cpu_ns: 1,
        }
    }

    fn arrived(sent: &[Outcome]) -> Arrived {
        let tally = sent
            .iter()
            .fold(Tally::default(), |sum, load| sum.plus(load.tally));
        let finished = sent.iter().map(|load| load.finished).sum::<u64>();
        let opened = sent.iter().map(|load| load.opened).sum::<u64>();
        Arrived {
            opened,
            finished,
            tally,
        }
    }

    #[test]
    fn what_arrived_whole_passes() {
        let loads = [sent(), sent()];
        deliveries(SHAPE, &loads, arrived(&loads), true).unwrap();
        let held = Outcome {
            finished: 0,
            tally: Tally::default(),
            ..sent()
        };
        deliveries(
            Shape {
                hold: true,
                ..SHAPE
            },
            &[held],
            arrived(&[held]),
            true,
        )
        .unwrap();
    }

    #[test]
    fn any_difference_fails() {
        let changes: [fn(&mut Arrived); 5] = [
            |it| it.opened += 1,
            |it| it.finished -= 1,
            |it| it.tally.messages -= 1,
            |it| it.tally.bytes += 1,
            |it| it.tally.digest ^= 1,
        ];
        for change in changes {
            let mut arrived = arrived(&[sent()]);
            change(&mut arrived);
            assert!(
                deliveries(SHAPE, &[sent()], arrived, true).is_err(),
                "{arrived:?}"
            );
        }
    }

    #[test]
    fn who_reads_smtp_may_have_other_sessions_but_no_other_messages() {
        let more = Arrived {
            opened: 9,
            finished: 8,
            ..arrived(&[sent()])
        };
        deliveries(SHAPE, &[sent()], more, false).unwrap();
        let mut less = more;
        less.tally.messages -= 1;
        assert!(deliveries(SHAPE, &[sent()], less, false).is_err());
    }

    #[test]
    fn less_than_asked_for_fails() {
        for shape in [
            Shape {
                sessions: 3,
                ..SHAPE
            },
            Shape {
                messages: 4,
                ..SHAPE
            },
            Shape { size: 11, ..SHAPE },
        ] {
            assert!(
                deliveries(shape, &[sent()], arrived(&[sent()]), true).is_err(),
                "{shape:?}"
            );
        }
    }

    #[test]
    fn handshakes_are_of_the_kind_asked_for() {
        let resumed = |resumed| Outcome { resumed, ..sent() };
        for (resume, count, expected) in [
            (false, 0, true),
            (false, 1, false),
            (true, 0, false),
            (true, 1, true),
            (true, 2, true),
        ] {
            let result = handshakes(SHAPE, resume, resumed(count));
            assert_eq!(result.is_ok(), expected, "{resume} {count}");
        }
    }
}
