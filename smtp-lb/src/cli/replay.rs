//! `smtp-lb firewall replay`: works without the daemon.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use smtp_lb_common::packet::{parse, protocol};

use super::error::CliError;
use super::escape;
use super::output::{Output, table};
use crate::config;
use crate::firewall::{Count, Judge, Judgement, Staged};
use crate::pcap::{Packet, ReadError, Reader, ethernet};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Capture, in pcap or pcapng; `-` reads it from standard input.
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    /// Configuration file whose firewall judges.
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "/etc/smtp-lb/smtp-lb.toml"
    )]
    config: PathBuf,
    /// Tell each frame, too.
    #[arg(long)]
    list: bool,
    /// Compare with the firewall of this configuration file: which frames it would decide
    /// otherwise.
    #[arg(long, value_name = "FILE", conflicts_with = "against_running")]
    against: Option<PathBuf>,
    /// Compare with the filter that is pinned where the configuration says.
    #[arg(long)]
    against_running: bool,
}

/// What is told at the end.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Frames judged.
    judged: Count,
    /// Of link layers that are not known; not judged.
    unknown_link: u64,
    /// Of which the capture holds a part only; judged by that part.
    cut: u64,
    /// The capture ends within a record.
    truncated: bool,
    /// By verdict and who decides.
    rows: Vec<Row>,
    /// What staged policies would have decided, by their rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    staged: Vec<StagedRow>,
    /// Frames that the other firewall decides otherwise; `None`: none was compared.
    differences: Option<Vec<Difference>>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    judgement: Judgement,
    #[serde(flatten)]
    count: Count,
}

#[derive(Debug, Serialize)]
struct Difference {
    other: Judgement,
    this: Judgement,
    #[serde(flatten)]
    count: Count,
}

/// A rule of a staged policy.
#[derive(Debug, Serialize)]
struct StagedRow {
    context: String,
    policy: String,
    rule: String,
    /// Frames that it would have decided as they were.
    same: u64,
    /// And otherwise.
    otherwise: u64,
}

/// A frame under `--list`.
#[derive(Serialize)]
struct Line<'a> {
    frame: u64,
    time_ns: Option<u64>,
    src: Option<IpAddr>,
    src_port: u16,
    dest: Option<IpAddr>,
    dest_port: u16,
    protocol: Option<u8>,
    length: u32,
    judgement: &'a Judgement,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    staged: &'a [Staged],
    other: Option<&'a Judgement>,
    comment: Option<&'a str>,
}

pub(super) fn replay(args: &Args, out: Output) -> Result<(), CliError> {
    let plan = config::load(&args.config)?.plan;
    let mut judge = judge(&plan)?;
    let mut other = match &args.against {
        Some(file) => Some(self::judge(&config::load(file)?.plan)?),
        None if args.against_running => Some(Judge::pinned(&plan.firewall.pin_path)?),
        None => None,
    };
    let failed = |source| CliError::File {
        path: args.capture.clone(),
        source,
    };
    let input: Box<dyn Read> = if args.capture.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.capture).map_err(failed)?)
    };
    let unreadable = |source| CliError::Capture {
        path: args.capture.clone(),
        source,
    };
    let mut reader = Reader::new(BufReader::new(input)).map_err(unreadable)?;
    let mut tally = Tally::default();
    let mut number = 0;
    loop {
        let packet = match reader.packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(ReadError::Truncated) => {
                tally.summary.truncated = true;
                break;
            }
            Err(error) => return Err(unreadable(error)),
        };
        number += 1;
        let Some(frame) = ethernet(packet.link, &packet.data) else {
            tally.summary.unknown_link += 1;
            continue;
        };
        // By the schedules of its own time.
        if let Some(time) = packet.time_ns.map(i128::from)
            && let Ok(time) = Timestamp::from_nanosecond(time)
        {
            for judge in std::iter::once(&mut judge).chain(&mut other) {
                judge
                    .at(time)
                    .map_err(crate::firewall::FirewallError::from)?;
            }
        }
        let this = judge.judge(&frame);
        let staged = judge.staged(&frame);
        let other = other.as_ref().map(|other| other.judge(&frame));
        if args.list {
            let line = line(number, &packet, &frame, (&this, &staged), other.as_ref());
            let text = if out.is_json() {
                let json = serde_json::to_string(&line).map_err(CliError::Json)?;
                escape::json(&json).into_owned()
            } else {
                escape::line(&line_text(&line)).into_owned()
            };
            if !Output::print_more(&(text + "\n"))? {
                return Ok(());
            }
        }
        tally.add(&packet, this, other);
        tally.add_staged(staged);
    }
    let summary = tally.finish(other.is_some());
    if args.list && out.is_json() {
        // One object a line to the end.
        let json = serde_json::to_string(&summary).map_err(CliError::Json)?;
        return Output::print(&format!("{}\n", escape::json(&json)));
    }
    out.show(&summary, summary_text)
}

fn judge(plan: &crate::config::plan::Plan) -> Result<Judge, CliError> {
    Ok(Judge::new(plan, Timestamp::now()).map_err(crate::firewall::FirewallError::from)?)
}

#[derive(Default)]
struct Tally {
    summary: Summary,
    rows: BTreeMap<Judgement, Count>,
    differences: BTreeMap<(Judgement, Judgement), Count>,
    staged: BTreeMap<[String; 3], [u64; 2]>,
}

impl Tally {
    fn add(&mut self, packet: &Packet, this: Judgement, other: Option<Judgement>) {
        let add = |count: &mut Count| {
            count.packets += 1;
            count.bytes += u64::from(packet.length);
        };
        add(&mut self.summary.judged);
        self.summary.cut += u64::from((packet.data.len() as u64) < u64::from(packet.length));
        if let Some(other) = other
            && other.verdict != this.verdict
        {
            add(self.differences.entry((other, this.clone())).or_default());
        }
        add(self.rows.entry(this).or_default());
    }

    fn add_staged(&mut self, staged: Vec<Staged>) {
        for it in staged {
            let counts = self.staged.entry([it.context, it.policy, it.rule]);
            let [same, otherwise] = counts.or_default();
            *(if it.otherwise { otherwise } else { same }) += 1;
        }
    }

    fn finish(mut self, compared: bool) -> Summary {
        let rows = self.rows.into_iter();
        self.summary.rows = rows
            .map(|(judgement, count)| Row { judgement, count })
            .collect();
        let staged = self.staged.into_iter();
        self.summary.staged = staged
            .map(|([context, policy, rule], [same, otherwise])| StagedRow {
                context,
                policy,
                rule,
                same,
                otherwise,
            })
            .collect();
        let differences = self.differences.into_iter();
        let differences =
            differences.map(|((other, this), count)| Difference { other, this, count });
        self.summary.differences = compared.then(|| differences.collect());
        self.summary
    }
}

fn line<'a>(
    frame: u64,
    packet: &'a Packet,
    octets: &[u8],
    (judgement, staged): (&'a Judgement, &'a [Staged]),
    other: Option<&'a Judgement>,
) -> Line<'a> {
    let parsed = parse(octets);
    let ip = parsed.stop.is_none().then_some(parsed.packet);
    let address = |halves: [u64; 2]| {
        let whole = u128::from(halves[0]) << 64 | u128::from(halves[1]);
        Ipv6Addr::from(whole).to_canonical()
    };
    Line {
        frame,
        time_ns: packet.time_ns,
        src: ip.map(|ip| address(ip.src)),
        src_port: ip.map_or(0, |ip| ip.sport),
        dest: ip.map(|ip| address(ip.dst)),
        dest_port: ip.map_or(0, |ip| ip.dport),
        protocol: ip.map(|ip| ip.protocol),
        length: packet.length,
        judgement,
        staged,
        other,
        comment: packet.comment.as_deref(),
    }
}

fn line_text(line: &Line<'_>) -> String {
    let mut text = format!("{:>6} ", line.frame);
    match (line.src, line.dest) {
        (Some(src), Some(dest)) => {
            let protocol = match line.protocol {
                Some(protocol::TCP) => "tcp".to_owned(),
                Some(protocol::UDP) => "udp".to_owned(),
                Some(protocol::ICMP) => "icmp".to_owned(),
                Some(protocol::ICMPV6) => "icmpv6".to_owned(),
                other => format!("protocol {}", other.unwrap_or_default()),
            };
            let (from, to) = (line.src_port, line.dest_port);
            let _ = write!(text, "{protocol} {src} {from} > {dest} {to}: ");
        }
        _ => text.push_str("no IP: "),
    }
    text.push_str(&words(line.judgement));
    for staged in line.staged.iter().filter(|it| it.otherwise) {
        let _ = write!(text, "; {}", staged.sentence());
    }
    if let Some(other) = line.other
        && other.verdict != line.judgement.verdict
    {
        let _ = write!(text, ", and not {}", words(other));
    }
    text
}

fn words(judgement: &Judgement) -> String {
    let mut text = format!("{} ({})", judgement.verdict, judgement.reason);
    if let Some(label) = &judgement.label {
        let _ = write!(text, " {} {} {}", label.context, label.policy, label.rule);
    }
    if judgement.unless_answer {
        text.push_str(", unless it is an answer");
    }
    text
}

fn summary_text(summary: &Summary) -> String {
    let cells = |judgement: &Judgement| {
        let label = judgement.label.as_ref();
        let name = |name: fn(&crate::firewall::Label) -> &String| {
            label.map(name).cloned().unwrap_or_default()
        };
        vec![
            judgement.verdict.to_owned(),
            if judgement.unless_answer {
                "accept"
            } else {
                ""
            }
            .to_owned(),
            name(|label| &label.context),
            name(|label| &label.policy),
            name(|label| &label.rule),
        ]
    };
    let counts = |count: &Count| [count.packets.to_string(), count.bytes.to_string()];
    let rows = summary.rows.iter().map(|row| {
        let mut cells = cells(&row.judgement);
        cells.extend(counts(&row.count));
        cells
    });
    let headings = [
        "VERDICT",
        "IF ANSWER",
        "CONTEXT",
        "POLICY",
        "RULE",
        "#PACKETS",
        "#BYTES",
    ];
    let mut text = table(&headings, rows);
    let judged = summary.judged;
    let _ = writeln!(
        text,
        "\n{} packets, {} octets",
        judged.packets, judged.bytes
    );
    for (count, what) in [
        (
            summary.unknown_link,
            "of link layers that are not known, not judged",
        ),
        (
            summary.cut,
            "of which the capture holds a part only, judged by that part",
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count} {what}");
        }
    }
    if summary.truncated {
        text.push_str("warning: the capture ends within a record\n");
    }
    if !summary.staged.is_empty() {
        let rows = summary.staged.iter().map(|row| {
            vec![
                row.context.clone(),
                row.policy.clone(),
                row.rule.clone(),
                row.same.to_string(),
                row.otherwise.to_string(),
            ]
        });
        let headings = ["CONTEXT", "STAGED", "RULE", "#SAME", "#OTHERWISE"];
        let _ = write!(text, "\n{}", table(&headings, rows));
    }
    if let Some(differences) = &summary.differences {
        let rows = differences.iter().map(|difference| {
            let mut cells = vec![words(&difference.other), words(&difference.this)];
            cells.extend(counts(&difference.count));
            cells
        });
        let rows = table(&["THE OTHER", "THIS", "#PACKETS", "#BYTES"], rows);
        let _ = match rows.as_str() {
            "" => write!(text, "\nthe other gives every frame the same verdict\n"),
            rows => write!(text, "\n{rows}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Tally, judge};
    use crate::config::{SystemResolver, parse};
    use crate::firewall::{ExplainRequest, frame};
    use crate::pcap::Packet;

    fn plan(mode: &str, action: &str) -> crate::config::plan::Plan {
        let text = format!(
            "[firewall]\nmode = \"{mode}\"\n[[firewall.policy]]\nname = \"edge\"\n\
             rule = [{{ name = \"bad\", source = [\"10.66.0.0/16\"], action = \"{action}\" }}]\n\
             [[virtual_server]]\nname = \"mx\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
             firewall_policy = \"edge\"\n[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n"
        );
        parse("test", &text, &SystemResolver)
            .unwrap_or_else(|e| panic!("{e}"))
            .plan
    }

    fn octets(src: &str, dport: u16, flags: u8) -> Vec<u8> {
        frame(&ExplainRequest {
            src: src.parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            protocol: 6,
            sport: 1025,
            dport,
            tcp_flags: flags,
            interface: None,
            vlan: None,
            icmp: None,
        })
        .unwrap()
    }

    #[test]
    fn each_frame_is_judged_counted_and_compared() {
        let (this, other) = (plan("firewall", "accept"), plan("firewall", "drop"));
        let (this, other) = (judge(&this).unwrap(), judge(&other).unwrap());
        let mut tally = Tally::default();
        for octets in [
            octets("10.66.0.1", 25, 2),
            octets("10.66.0.1", 25, 2),
            octets("203.0.113.1", 25, 2),
            octets("203.0.113.1", 40_000, 0x10),
        ] {
            let packet = Packet {
                time_ns: None,
                link: 1,
                length: 100,
                data: octets.clone(),
                comment: None,
            };
            tally.add(&packet, this.judge(&octets), Some(other.judge(&octets)));
        }
        let summary = tally.finish(true);
        let rows: Vec<_> = summary
            .rows
            .iter()
            .map(|row| {
                let rule = &row.judgement.label.as_ref().unwrap().rule;
                let judgement = &row.judgement;
                let (packets, bytes) = (row.count.packets, row.count.bytes);
                format!(
                    "{} {rule} {} {packets} {bytes}",
                    judgement.verdict, judgement.unless_answer
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                "accept bad false 2 200",
                // An ACK may belong to a connection that the host began.
                "drop default true 1 100",
                "drop default false 1 100",
            ]
        );
        let differences = summary.differences.unwrap();
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].count.packets, 2);
        assert_eq!(differences[0].other.verdict, "drop");
        assert_eq!(summary.cut, 4);
    }

    #[test]
    fn rates_go_by_the_time_of_the_frames() {
        let text = "[firewall]\nflood = \"f\"\n\
             flood_profile = [{ name = \"f\", source_rate = 1, source_burst = 3 }]\n\
             [[virtual_server]]\nname = \"mx\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
             syn_protection = \"auto\"\nsyn_rate = 2\n\
             [[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n";
        let plan = parse("test", text, &SystemResolver)
            .unwrap_or_else(|e| panic!("{e}"))
            .plan;
        let mut judge = judge(&plan).unwrap();
        let syn = octets("203.0.113.1", 25, 2);
        // Without a time there is no rate.
        assert!((0..9).all(|_| judge.judge(&syn).reason == "default"));
        let mut at = |second| {
            judge
                .at(jiff::Timestamp::from_second(second).unwrap())
                .unwrap();
            judge.judge(&syn)
        };
        let reasons: Vec<_> = (0..4).map(|_| at(1_000).reason).collect();
        assert_eq!(reasons, ["default", "default", "syn-cookie", "flood"]);
        let answered = at(1_001);
        assert_eq!(
            (answered.verdict, answered.reason),
            ("accept", "syn-cookie")
        );
        assert_eq!(at(1_100).reason, "default");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, octets: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, octets).unwrap();
            path
        };
        let config = file(
            "c.toml",
            b"[[virtual_server]]\nname = \"mx\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
              [[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n",
        );
        let run = |capture: &Path| {
            let args = super::Args {
                capture: capture.to_owned(),
                config: config.clone(),
                list: false,
                against: None,
                against_running: false,
            };
            super::replay(&args, super::Output::new(true))
        };
        let error = run(&file("text", b"hello, world")).unwrap_err();
        assert!(crate::app::cause(&error).contains("neither pcap nor pcapng"));
        let error = run(&folder.path().join("nothing")).unwrap_err();
        assert!(error.to_string().contains("nothing"));
    }
}
