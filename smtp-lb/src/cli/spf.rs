//! `smtp-lb spf check`.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::client::runtime;
use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::dns::{QuestionSettings, Questions};
use crate::spf::{Limits, Outcome, Query, check_host, received_spf};

/// Time for the whole, as RFC 7208 section 4.6.4 has it.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Evaluate the SPF record of a sender's domain for a client (RFC 7208).
    ///
    /// Asks DNS itself; no daemon need run. The exit code is 0 whatever the result.
    Check(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the client.
    #[arg(long, value_name = "ADDRESS")]
    ip: IpAddr,
    /// The reverse-path, without brackets. Left out or empty: postmaster at the name of HELO.
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    sender: String,
    /// The name of EHLO or HELO.
    #[arg(long, value_name = "NAME", default_value = "")]
    helo: String,
    /// DNS server to ask, as 192.0.2.53:53; may be given again. Default: those of /etc/resolv.conf.
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Vec<SocketAddr>,
    /// Print the Received-SPF field, too.
    #[arg(long)]
    header: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    result: &'static str,
    /// Whose record decided.
    domain: String,
    mechanism: Option<String>,
    explanation: Option<String>,
    problem: Option<String>,
    terms: u32,
    void_terms: u32,
    questions: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
}

pub(super) fn spf(command: &Command, out: Output) -> Result<(), CliError> {
    let Command::Check(args) = command;
    if args.sender.is_empty() && args.helo.is_empty() {
        return Err(CliError::Usage("give --sender or --helo, or both"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let query =
        Query::mail_from(args.ip, &args.helo, &args.sender).at(now.unwrap_or_default().as_secs());
    let settings = QuestionSettings {
        servers: args.server.clone(),
        ..QuestionSettings::default()
    };
    let questions = Questions::new(&settings)?;
    let outcome = runtime()?.block_on(evaluate(&questions, &query));
    let report = Report {
        result: outcome.verdict.word(),
        header: args.header.then(|| received_spf(&query, &outcome)),
        problem: outcome.problem.as_ref().map(ToString::to_string),
        domain: outcome.domain,
        mechanism: outcome.directive,
        explanation: outcome.explanation,
        terms: outcome.terms,
        void_terms: outcome.voids,
        questions: outcome.questions,
    };
    out.show(&report, text)
}

async fn evaluate(questions: &Questions, query: &Query) -> Outcome {
    let limits = Limits::default();
    let checked = tokio::time::timeout(PATIENCE, check_host(questions, query, &limits));
    let checked = checked.await;
    checked.unwrap_or_else(|_| Outcome::too_late(query))
}

fn text(report: &Report) -> String {
    let mut text = format!("{}\n", report.result);
    let lines = [
        ("record of", Some(report.domain.as_str())),
        ("mechanism", report.mechanism.as_deref()),
        ("explanation, by that domain", report.explanation.as_deref()),
        ("problem", report.problem.as_deref()),
    ];
    for (name, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name}: {}", escape::line(value));
        }
    }
    let _ = writeln!(
        text,
        "  asked DNS: {} terms of 10, {} void of 2, {} questions",
        report.terms, report.void_terms, report.questions
    );
    if let Some(header) = &report.header {
        text.push_str(&escape::lines(
            &header.replace("\r\n\t", "\n  ").replace("\r\n", "\n"),
        ));
    }
    text
}
