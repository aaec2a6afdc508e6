//! `smtp-lb firewall top`: rates of verdicts and rules, second by second.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::client::runtime;
use super::error::CliError;
use super::escape;
use super::output::{Output, table};
use super::status::syn_protection;
use crate::admin::api::{Counters, SynProtectionStatus};
use crate::admin::client::Client;
use crate::config;
use crate::firewall::{Count, Label};

/// Clears the screen from its upper left corner (ECMA-48).
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Time between two looks, as `500ms`; from 100ms to 1m.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    interval: Duration,
    /// Print the rates of one interval, and end.
    #[arg(long)]
    once: bool,
    /// Rules shown at the most, the busiest first.
    #[arg(short = 'n', long, value_name = "RULES", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    rules: u16,
}

fn time(text: &str) -> Result<Duration, String> {
    config::time(text, Duration::from_millis(100)..=Duration::from_mins(1))
}

/// What happened in one interval.
#[derive(Debug, PartialEq, Serialize)]
struct Rates {
    /// Its length.
    seconds: f64,
    /// All packets, then those of each verdict.
    totals: Vec<Total>,
    /// Rules and built-in reasons that counted, the busiest first.
    rules: Vec<Rule>,
    /// Virtual servers whose SYNs are answered by cookies, or would be.
    syn_protection: Vec<SynProtectionStatus>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Total {
    verdict: &'static str,
    #[serde(flatten)]
    rate: Rate,
}

#[derive(Debug, PartialEq, Serialize)]
struct Rule {
    #[serde(flatten)]
    label: Label,
    #[serde(flatten)]
    rate: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Rate {
    packets_per_second: f64,
    bits_per_second: f64,
    /// Packets since the counters began.
    packets: u64,
}

pub(super) fn top(args: &Args, socket: &Path, out: Output) -> Result<(), CliError> {
    runtime()?.block_on(watch(args, socket, out))
}

async fn watch(args: &Args, socket: &Path, out: Output) -> Result<(), CliError> {
    let client = Client::new(socket);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let (mut before, mut then) = (client.counters().await?, Instant::now());
    loop {
        tokio::select! {
            biased;
            _ = &mut interrupted => return Ok(()),
            () = tokio::time::sleep_until(then + args.interval) => {}
        }
        let (after, now) = (client.counters().await?, Instant::now());
        let mut rates = rates(&before, &after, now - then, usize::from(args.rules));
        rates.syn_protection = client.firewall().await?.syn_protection;
        if args.once {
            return out.show(&rates, text);
        }
        let shown = if out.is_json() {
            let json = serde_json::to_string(&rates).map_err(CliError::Json)?;
            format!("{}\n", escape::json(&json))
        } else if io::stdout().is_terminal() {
            format!("{CLEAR}{}", text(&rates))
        } else {
            format!("{}\n", text(&rates))
        };
        if !Output::print_more(&shown)? {
            return Ok(());
        }
        (before, then) = (after, now);
    }
}

/// What `after` has more than `before`. A filter that was detached meanwhile begins at 0.
fn rates(before: &Counters, after: &Counters, time: Duration, most: usize) -> Rates {
    let seconds = time.as_secs_f64().max(f64::EPSILON);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |before: Count, after: Count| Rate {
        packets_per_second: after.packets.saturating_sub(before.packets) as f64 / seconds,
        bits_per_second: after.bytes.saturating_sub(before.bytes) as f64 * 8.0 / seconds,
        packets: after.packets,
    };
    let totals = [
        ("received", before.received, after.received),
        ("accept", before.accepted, after.accepted),
        ("drop", before.dropped, after.dropped),
        ("reject", before.rejected, after.rejected),
    ];
    let was: HashMap<&Label, Count> = before
        .rows
        .iter()
        .map(|row| (&row.label, row.count))
        .collect();
    let mut rules: Vec<Rule> = after
        .rows
        .iter()
        .filter(|row| row.count.packets > 0)
        .map(|row| Rule {
            rate: rate(was.get(&row.label).copied().unwrap_or_default(), row.count),
            label: row.label.clone(),
        })
        .collect();
    rules.sort_by(|a, b| {
        let by_rate = b
            .rate
            .packets_per_second
            .total_cmp(&a.rate.packets_per_second);
        by_rate.then(b.rate.packets.cmp(&a.rate.packets))
    });
    rules.truncate(most);
    let totals = totals.map(|(verdict, before, after)| Total {
        verdict,
        rate: rate(before, after),
    });
    Rates {
        seconds,
        totals: totals.into(),
        rules,
        syn_protection: Vec::new(),
    }
}

fn text(rates: &Rates) -> String {
    let cells = |rate: &Rate| {
        [
            format!("{:.0}", rate.packets_per_second),
            bits(rate.bits_per_second),
            rate.packets.to_string(),
        ]
    };
    let totals = rates.totals.iter().map(|total| {
        let mut row = vec![total.verdict.to_owned()];
        row.extend(cells(&total.rate));
        row
    });
    let rules = rates.rules.iter().map(|rule| {
        let label = &rule.label;
        let mut row = vec![
            label.verdict.as_str().to_owned(),
            label.context.clone(),
            label.policy.clone(),
            label.rule.clone(),
        ];
        row.extend(cells(&rule.rate));
        row
    });
    let mut text = table(&["VERDICT", "#PACKETS/S", "#BITS/S", "#PACKETS"], totals);
    let headings = [
        "VERDICT",
        "CONTEXT",
        "POLICY",
        "RULE",
        "#PACKETS/S",
        "#BITS/S",
        "#PACKETS",
    ];
    let _ = write!(text, "\n{}", table(&headings, rules));
    let protection = syn_protection(&rates.syn_protection);
    if !protection.is_empty() {
        let _ = write!(text, "\n{protection}");
    }
    text
}

/// `12.3k`, in powers of 1,000.
fn bits(bits: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = units.into_iter().find(|(size, _)| bits >= *size);
    unit.map_or_else(
        || format!("{bits:.0}"),
        |(size, name)| format!("{:.1}{name}", bits / size),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bits, rates, text};
    use crate::firewall::{Count, Counters, Label, Row, Word};

    fn counters(rows: &[(&str, u64)]) -> Counters {
        let count = |packets| Count {
            packets,
            bytes: packets * 100,
        };
        let row = |(rule, packets): &(&str, u64)| Row {
            label: Label {
                context: "host".into(),
                policy: "edge".into(),
                rule: (*rule).into(),
                verdict: Word::Drop,
            },
            count: count(*packets),
            last_hit_ns: None,
        };
        let all = count(rows.iter().map(|(_, packets)| packets).sum());
        Counters {
            received: all,
            dropped: all,
            rows: rows.iter().map(row).collect(),
            ..Counters::default()
        }
    }

    #[test]
    fn rates_are_of_the_interval_and_the_busiest_first() {
        let before = counters(&[("old", 100), ("quiet", 0)]);
        let after = counters(&[("old", 110), ("quiet", 0), ("new", 50)]);
        let rates = rates(&before, &after, Duration::from_secs(2), 10);
        let rules: Vec<_> = rates
            .rules
            .iter()
            .map(|rule| {
                (
                    rule.label.rule.as_str(),
                    rule.rate.packets_per_second,
                    rule.rate.packets,
                )
            })
            .collect();
        assert_eq!(rules, [("new", 25.0, 50), ("old", 5.0, 110)]);
        assert!((rates.totals[0].rate.packets_per_second - 30.0).abs() < 1e-9);
        let shown = text(&rates);
        assert!(shown.contains("25") && shown.contains("20.0k"), "{shown}");
        // Detached and attached again.
        let rates = super::rates(&after, &before, Duration::from_secs(1), 1);
        assert!(rates.rules[0].rate.packets_per_second < 1e-9);
    }

    #[test]
    fn bits_in_units() {
        for (number, words) in [
            (0.0, "0"),
            (999.0, "999"),
            (12_345.0, "12.3k"),
            (2e9, "2.0G"),
        ] {
            assert_eq!(bits(number), words);
        }
    }
}
