//! `smtp-lb firewall capture`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::client::runtime;
use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::admin::api::{CaptureEnd, CaptureRecord, CaptureRequest, CapturedPacket};
use crate::admin::client::Client;
use crate::config;
use crate::pcap::Writer;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to write, in pcapng; `-` writes to standard output.
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,
    /// Only frames with this verdict, as `drop`; may be given again.
    #[arg(long, value_name = "VERDICT")]
    verdict: Vec<String>,
    /// Only frames that this rule or built-in reason decided.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Only frames that a rule of this policy decided.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only frames of this context, as `firewall list` names it.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Octets kept of each frame.
    #[arg(long, value_name = "OCTETS", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=1536))]
    snap: u32,
    /// End after so many frames.
    #[arg(short = 'n', long, value_name = "FRAMES", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// End after this time, as `30s`; from 1s to 1h.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    time: Duration,
}

fn time(text: &str) -> Result<Duration, String> {
    config::time(text, Duration::from_secs(1)..=Duration::from_hours(1))
}

/// What is told at the end.
#[derive(Serialize)]
struct Told {
    file: String,
    captured: u64,
    lost: u64,
    why: String,
}

pub(super) fn capture(args: &Args, socket: &Path, out: Output) -> Result<(), CliError> {
    let request = CaptureRequest {
        verdicts: args.verdict.clone(),
        rule: args.rule.clone(),
        policy: args.policy.clone(),
        context: args.context.clone(),
        snap: args.snap,
        packets: args.count,
        seconds: args.time.as_secs() + u64::from(args.time.subsec_nanos() > 0),
    };
    let to_stdout = args.write.as_os_str() == "-";
    let told = runtime()?.block_on(async {
        // Asked first: what is refused leaves no file.
        let mut stream = Client::new(socket).capture(&request).await?;
        let sink: Box<dyn Write> = if to_stdout {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(&args.write).map_err(|e| failed(&args.write, e))?)
        };
        let mut writer =
            Writer::new(BufWriter::new(sink), args.snap).map_err(|e| failed(&args.write, e))?;
        // A reader that is there already should see that it has begun.
        writer.flush().map_err(|e| failed(&args.write, e))?;
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let mut captured = 0;
        let end = loop {
            let line = tokio::select! {
                biased;
                _ = &mut interrupted => break CaptureEnd { why: "interrupted".into(), lost: 0 },
                line = stream.line() => line?.ok_or(CliError::StreamEnded)?,
            };
            match serde_json::from_str(&line).map_err(CliError::Json)? {
                CaptureRecord::Begun => {}
                CaptureRecord::Packet(packet) => {
                    write(&mut writer, &packet).map_err(|e| failed(&args.write, e))?;
                    captured += 1;
                }
                CaptureRecord::End(end) => break end,
            }
        };
        writer.flush().map_err(|e| failed(&args.write, e))?;
        Ok::<_, CliError>(Told {
            file: args.write.to_string_lossy().into_owned(),
            captured,
            lost: end.lost,
            why: end.why,
        })
    })?;
    if to_stdout {
        return Ok(());
    }
    out.show(&told, |told| {
        format!(
            "{} frames in {}, {} lost for want of room ({})\n",
            told.captured,
            escape::line(&told.file),
            told.lost,
            escape::line(&told.why)
        )
    })
}

fn failed(path: &Path, source: io::Error) -> CliError {
    CliError::File {
        path: path.to_owned(),
        source,
    }
}

fn write(
    writer: &mut Writer<BufWriter<Box<dyn Write>>>,
    packet: &CapturedPacket,
) -> io::Result<()> {
    writer.packet(
        packet.time_ns,
        &packet.interface,
        packet.length,
        &packet.data,
        &comment(packet),
    )
}

/// `drop reason=policy context=host policy=edge rule=bad`. Names have no blanks.
fn comment(packet: &CapturedPacket) -> String {
    let mut text = format!("{} reason={}", packet.verdict, packet.reason);
    if let Some(label) = &packet.label {
        let names = [
            ("context", &label.context),
            ("policy", &label.policy),
            ("rule", &label.rule),
        ];
        for (what, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
            text = format!("{text} {what}={name}");
        }
    }
    text
}
