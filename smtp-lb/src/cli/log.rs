//! `smtp-lb log …`.

use std::fmt::Write as _;
use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, table};
use crate::admin::api::{LogReport, LogTest, TestReport};
use crate::event::{DestinationStatus, Lost};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show each destination: state, what it sent and lost and why, what waits and for how long.
    Status,
    /// Send test records to a destination, and say what became of them.
    ///
    /// They go past log profiles, behind whatever waits for the destination. `sent` is what the README
    /// promises of that kind of destination.
    Test {
        /// Name of the destination.
        destination: String,
        /// How many records, 1 to 1000000.
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// Longest time to wait, in seconds, at most 25.
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        within: u64,
    },
}

pub(super) fn log(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::Status => {
            let report = ask(socket, |client| async move { client.log().await })?;
            out.show(&report, text)
        }
        Command::Test {
            destination,
            count,
            within,
        } => {
            let request = LogTest {
                destination,
                count,
                within_ms: within.saturating_mul(1000),
            };
            let report = ask(
                socket,
                |client| async move { client.test_log(&request).await },
            )?;
            out.show(&report, tested)?;
            if report.settled && report.lost == 0 {
                Ok(())
            } else {
                Err(CliError::NotDelivered)
            }
        }
    }
}

fn text(report: &LogReport) -> String {
    let (bus, publisher) = (&report.bus, &report.publisher);
    let mut text = report.ring.map_or_else(String::new, |ring| {
        format!(
            "ring: asked {}, sent {}, rate-limited {}, lost {}\n",
            ring.asked, ring.sent, ring.rate_limited, ring.lost
        )
    });
    let _ = write!(
        text,
        "bus: accepted {}, lost {}, waiting {} of {}\nprofiles: told {}, not asked for {}, held back {}, of no profile {}\n\
         followers: {}, missed {}\n",
        bus.accepted,
        bus.lost,
        bus.queued,
        bus.capacity,
        publisher.published,
        publisher.filtered,
        publisher.suppressed,
        publisher.unrouted,
        report.followers.count,
        report.followers.lost,
    );
    if report.destinations.is_empty() {
        return text;
    }
    text.push('\n');
    text += &table(
        &[
            "DESTINATION",
            "KIND",
            "TARGET",
            "STATE",
            "#SENT",
            "#RATE/S",
            "#QUEUED",
            "#ON DISK",
            "#LAG",
            "#LOST",
            "LOST BY",
            "#FAILURES",
            "LAST ERROR",
        ],
        report.destinations.iter().map(row),
    );
    text
}

fn row(destination: &DestinationStatus) -> Vec<String> {
    let state = serde_json::to_value(destination.state);
    let state = state
        .ok()
        .and_then(|state| state.as_str().map(str::to_owned));
    let on_disk = destination.disk.map(|disk| {
        let percent = disk.octets * 100 / disk.size.max(1);
        format!("{} ({percent} %)", disk.queued)
    });
    vec![
        destination.name.clone(),
        destination.kind.clone(),
        destination.target.clone(),
        state.unwrap_or_default(),
        destination.sent.to_string(),
        destination.rate.to_string(),
        destination.queued.to_string(),
        on_disk.unwrap_or_else(|| "-".into()),
        lag(destination.lag_ms),
        destination.lost.total().to_string(),
        causes(&destination.lost),
        destination.failures.to_string(),
        destination.last_error.clone().unwrap_or_default(),
    ]
}

fn lag(millis: u64) -> String {
    match millis {
        0 => "-".to_owned(),
        1..10_000 => format!("{millis} ms"),
        _ => format!("{} s", millis / 1000),
    }
}

fn causes(lost: &Lost) -> String {
    let causes = [
        ("overflow", lost.overflow),
        ("too-large", lost.too_large),
        ("aged", lost.aged),
        ("corrupt", lost.corrupt),
        ("shutdown", lost.shutdown),
    ];
    let mut text = String::new();
    for (name, count) in causes.into_iter().filter(|(_, count)| *count > 0) {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{space}{name}={count}");
    }
    if text.is_empty() { "-".into() } else { text }
}

fn tested(report: &TestReport) -> String {
    let mut text = format!(
        "given {}, sent {}, lost {}, waiting {}",
        report.given, report.sent, report.lost, report.queued
    );
    if report.on_disk > 0 {
        let _ = write!(text, " ({} of them on disk)", report.on_disk);
    }
    let _ = writeln!(text, ", after {} ms", report.millis);
    if let (false, Some(error)) = (report.settled, &report.last_error) {
        let _ = writeln!(text, "last error: {}", escape::line(error));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BusStatus, FollowerStatus, PublisherStatus, RingStatus};

    #[test]
    fn losses_of_the_ring_come_first_where_there_is_one() {
        let mut report = LogReport {
            ring: None,
            bus: BusStatus {
                capacity: 8,
                queued: 1,
                accepted: 7,
                lost: 2,
            },
            publisher: PublisherStatus {
                published: 6,
                filtered: 0,
                suppressed: 0,
                unrouted: 0,
            },
            followers: FollowerStatus { count: 0, lost: 0 },
            destinations: Vec::new(),
        };
        let shown = text(&report);
        assert!(
            shown.starts_with("bus: accepted 7, lost 2, waiting 1 of 8\n"),
            "{shown}"
        );
        report.ring = Some(RingStatus {
            asked: 20,
            sent: 9,
            rate_limited: 6,
            lost: 5,
        });
        let shown = text(&report);
        let begin = "ring: asked 20, sent 9, rate-limited 6, lost 5\nbus: accepted 7,";
        assert!(shown.starts_with(begin), "{shown}");
    }

    #[test]
    fn causes_are_those_that_happened() {
        let mut lost = Lost::default();
        assert_eq!(causes(&lost), "-");
        (lost.overflow, lost.aged) = (3, 4);
        assert_eq!(causes(&lost), "overflow=3 aged=4");
    }
}
