//! The result as Markdown. Nothing stands in it that was not measured in this run.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::kept::Kept;
use super::{Outcome, Subject, Way};
use crate::compare::statistics::{Summary, ratios};

/// To reach: events a second, by rsyslog's better input.
const TIMES: f64 = 3.0;

pub(crate) fn render(all: &[(Way, Kept)]) -> Result<String> {
    let mut text = format!("# Logging: from the ring to destinations on one core\n\n{METHOD}\n");
    for (way, kept) in all {
        write!(
            text,
            "\n## {}\n\n`cargo xtask bench log --only {} --rounds {} --seconds {} --records {}`: {:.0} s; {}; load average {} before, \
             {} after. A record in RFC 5424 has {} octets on average. Medians of {} turns ({} of JSON and BIG-IP's), least to greatest in brackets; all \
             figures are gross.\n",
            title(*way),
            title(*way).to_lowercase(),
            kept.rounds,
            kept.seconds,
            kept.records,
            kept.took,
            kept.machine,
            kept.load[0],
            kept.load[1],
            kept.octets,
            kept.rounds,
            kept.rounds.div_ceil(2),
        )?;
        table(&kept.outcomes, &mut text)?;
    }
    text += "\n## Aims\n\n| destination | aim | reached | |\n|---|---|---|---|\n";
    for (way, kept) in all {
        aims(*way, &kept.outcomes, &mut text)?;
    }
    Ok(text)
}

const METHOD: &str = "\
`cargo xtask bench log` measures all; each destination is a section, which `--only` measures apart.\n\n\
smtp-lb: the packet filter runs on CPU 0 by `BPF_PROG_TEST_RUN`, a random source for every packet; each packet \
is dropped by one of ten rules that tell of it. What is measured is the way from the kernel's ring on: ring reader, \
bus (65,536 events), publisher, the destination's queue (100,000 records), formatter, write; all threads of \
it on CPU 1, the kernel's part of sending within their time. The rates that are tried grow by 1.4, then \
close in. \"Events a second\" is the greatest that was kept up with: nothing lost anywhere, and the last record \
sent within 5 % of the trial's time, the time from the first packet to the last record being what is counted; \
a rate that was not is tried once more. \"At the most\" (in thousands) is the greatest rate at which records were sent, \
whatever was lost beside them. \
\"Loses from\" is the least rate offered at which any event was lost, and at which any was lost in \
the ring; \"offered\" the greatest that was tried. Where no rate lost any, what bounds the figure is CPU 0, which has \
the filter and the collector.\n\n\
rsyslogd 8.2302 (Debian 12) on CPU 1, fed with the same records as they are, batches of 2,048, no limits: by \
imuxsock, whose writer waits for it, and by imfile, from the first record that came to the last. \
Over TCP both frame by newlines.\n\n\
Collectors on CPU 0 read and count; that of UDP is never woken by a sender, but looks every millisecond. Files are in memory \
(tmpfs): it is the pipeline that is measured, and not a disk. Collectors are reached over the loopback interface, whose \
receiving side runs within the sender's time. \
CPU is user and system time of the subject's threads for 100,000 events, at the rate in the table and, of smtp-lb, \
at 100,000 events a second.";

fn table(subjects: &[(Subject, Vec<Outcome>)], text: &mut String) -> Result<()> {
    *text += "\n| | events a second | at the most | CPU s for 100,000 | at 100,000/s | loses from, k | in the ring from, k | offered, k | arrived |\n\
              |---|---|---|---|---|---|---|---|---|\n";
    for (subject, outcomes) in subjects {
        let shown = |value: fn(&Outcome) -> Option<f64>, scale: f64, digits: usize| {
            let values: Vec<f64> = outcomes.iter().filter_map(value).collect();
            Summary::of(&values).map_or_else(
                || "–".to_owned(),
                |it| {
                    let (median, min, max) = (it.median * scale, it.min * scale, it.max * scale);
                    format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
                },
            )
        };
        writeln!(
            text,
            "| {} | {} k | {} | {} | {} | {} | {} | {} | {} % |",
            name(*subject),
            shown(|it| Some(it.rate), 1e-3, 0),
            shown(|it| it.most, 1e-3, 0),
            shown(|it| Some(it.cpu), 1.0, 3),
            shown(|it| it.calm, 1.0, 3),
            shown(|it| it.loses_at, 1e-3, 0),
            shown(|it| it.ring_at, 1e-3, 0),
            shown(|it| it.offered, 1e-3, 0),
            shown(|it| Some(it.came), 100.0, 2),
        )?;
    }
    Ok(())
}

fn aims(way: Way, subjects: &[(Subject, Vec<Outcome>)], text: &mut String) -> Result<()> {
    let rates = |wanted: Subject| -> Option<Vec<f64>> {
        let (_, outcomes) = subjects.iter().find(|(subject, _)| *subject == wanted)?;
        Some(outcomes.iter().map(|outcome| outcome.rate).collect())
    };
    let ours = rates(Subject::SmtpLb).context("no figures")?;
    let rate = Summary::of(&ours).context("no rounds")?;
    writeln!(
        text,
        "| {} | {:.0} k events/s | {:.0} k | {} |",
        title(way),
        way.aim() / 1e3,
        rate.median / 1e3,
        met(rate.median >= way.aim())
    )?;
    let peers = [Subject::RsyslogSocket, Subject::RsyslogFile];
    let peers = peers
        .into_iter()
        .filter_map(|peer| Some((peer, rates(peer)?)));
    let median = |rates: &[f64]| Summary::of(rates).map_or(0.0, |it| it.median);
    let best = peers.max_by(|a, b| median(&a.1).total_cmp(&median(&b.1)));
    let (peer, theirs) = best.context("no rsyslog")?;
    let times = Summary::of(&ratios(&ours, &theirs)).context("no rounds")?;
    writeln!(
        text,
        "| {} | {TIMES} times {} | {:.1} ({:.1} to {:.1}) | {} |",
        title(way),
        name(peer),
        times.median,
        times.min,
        times.max,
        met(times.median >= TIMES)
    )?;
    Ok(())
}

fn met(reached: bool) -> &'static str {
    if reached { "met" } else { "**missed**" }
}

fn title(way: Way) -> &'static str {
    match way {
        Way::File => "File",
        Way::Tcp => "TCP",
        Way::Udp => "UDP",
    }
}

const fn name(subject: Subject) -> &'static str {
    match subject {
        Subject::SmtpLb => "smtp-lb, RFC 5424",
        Subject::SmtpLbJson => "smtp-lb, JSON",
        Subject::SmtpLbBigIp => "smtp-lb, BIG-IP's",
        Subject::RsyslogSocket => "rsyslog, imuxsock",
        Subject::RsyslogFile => "rsyslog, imfile",
    }
}
