//! `smtp-lb monitor …`.

use std::fmt::Write as _;
use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::admin::api::{
    MonitorResume, MonitorResumed, MonitorTest, MonitorTested, ProbeExchange, ProbeReport,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Probe a member now and print what was said: `>` from us, `<` from the member.
    ///
    /// Passwords are hidden. The member's state does not change by it. A probe has 25 seconds, or
    /// the monitor's time-out if that is less.
    Test {
        /// Name of the member, or POOL/MEMBER where several pools have one of that name.
        member: String,
        /// Monitor to probe by, also one that the pool does not name [default: all of its pool].
        #[arg(long, value_name = "NAME")]
        monitor: Option<String>,
    },
    /// Let a member up again that a monitor with `manual_resume` has taken down.
    Resume {
        /// Name of the member, or POOL/MEMBER.
        member: String,
    },
}

pub(super) fn monitor(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::Test { member, monitor } => {
            let request = MonitorTest { member, monitor };
            let tested = ask(socket, |client| async move {
                client.test_monitor(&request).await
            })?;
            out.show(&tested, text)?;
            let failed = tested.probes.iter().filter(|probe| !probe.success).count();
            if failed == 0 {
                Ok(())
            } else {
                Err(CliError::ProbeFailed {
                    failed,
                    of: tested.probes.len(),
                })
            }
        }
        Command::Resume { member } => {
            let request = MonitorResume { member };
            let resumed = ask(socket, |client| async move {
                client.resume_monitor(&request).await
            })?;
            out.show(&resumed, resumed_text)
        }
    }
}

fn text(tested: &MonitorTested) -> String {
    let probes: Vec<String> = tested.probes.iter().map(probe).collect();
    probes.join("\n")
}

fn probe(probe: &ProbeReport) -> String {
    let mut text = format!(
        "monitor {} of {}/{} at {}\n",
        escape::line(&probe.monitor),
        escape::line(&probe.pool),
        escape::line(&probe.member),
        escape::line(&probe.address),
    );
    for said in &probe.exchanges {
        exchange(said, &mut text);
    }
    // Writing to a String cannot fail.
    let _ = match (&probe.step, &probe.cause) {
        (Some(step), Some(cause)) => writeln!(
            text,
            "failed at {} after {} ms: {}",
            escape::line(step),
            probe.millis,
            escape::line(cause)
        ),
        _ => writeln!(text, "ok in {} ms", probe.millis),
    };
    text
}

fn exchange(said: &ProbeExchange, text: &mut String) {
    if let Some(command) = &said.command {
        let _ = writeln!(text, "> {}", escape::line(command));
    }
    for (number, line) in (1..).zip(&said.lines) {
        let line = escape::line(line);
        let _ = match (said.code, &said.command) {
            (Some(code), _) if number < said.lines.len() => writeln!(text, "< {code}-{line}"),
            (Some(code), _) => writeln!(text, "< {code} {line}"),
            (None, Some(_)) => writeln!(text, "< {line}"),
            // Nobody said it.
            (None, None) => writeln!(text, "* {line}"),
        };
    }
}

fn resumed_text(resumed: &MonitorResumed) -> String {
    if resumed.resumed.is_empty() {
        return "nothing was held down\n".to_owned();
    }
    let mut text = String::new();
    for name in &resumed.resumed {
        let _ = writeln!(text, "{} resumed", escape::line(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(command: Option<&str>, code: Option<u16>, lines: &[&str]) -> ProbeExchange {
        ProbeExchange {
            step: "x".into(),
            command: command.map(str::to_owned),
            code,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            millis: 1,
        }
    }

    #[test]
    fn conversations_read_as_they_were_held() {
        let tested = MonitorTested {
            probes: vec![ProbeReport {
                pool: "mail".into(),
                member: "mx1".into(),
                address: "192.0.2.1:25".into(),
                monitor: "smtp".into(),
                success: false,
                step: Some("AUTH".into()),
                cause: Some("535 no\u{1b}".into()),
                millis: 12,
                exchanges: vec![
                    said(None, Some(220), &["mx"]),
                    said(None, None, &["TLS 1.3"]),
                    said(Some("EHLO lb"), Some(250), &["mx", "SIZE", ""]),
                    said(Some("AUTH PLAIN ********"), None, &[]),
                ],
            }],
        };
        assert_eq!(
            text(&tested),
            "monitor smtp of mail/mx1 at 192.0.2.1:25\n< 220 mx\n* TLS 1.3\n> EHLO lb\n\
             < 250-mx\n< 250-SIZE\n< 250 \n> AUTH PLAIN ********\n\
             failed at AUTH after 12 ms: 535 no\\u{1b}\n"
        );
    }
}
