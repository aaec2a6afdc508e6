//! `smtp-lb events …`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::client::runtime;
use super::error::CliError;
use super::escape;
use super::output::Output;
use crate::admin::api::EventQuery;
use crate::admin::client::Client;
use crate::event::schema::schema;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print events as they happen, until interrupted.
    Follow {
        /// Only events that meet this: FIELD=VALUE, FIELD!=VALUE, FIELD<NUMBER or FIELD>NUMBER.
        ///
        /// VALUE may be a network or begin or end with `*`; `event` is the kind of event. Given several
        /// times, an event must meet all. As `--filter event=firewall --filter src_ip=192.0.2.0/24`.
        #[arg(long = "filter", value_name = "CONDITION")]
        filters: Vec<String>,
        /// Print records as a destination would get them: json, rfc5424, rfc3164, cef, splunk or bigip.
        #[arg(long, conflicts_with = "json")]
        format: Option<String>,
    },
    /// Print the schema of events: kinds, fields, types.
    Schema,
}

pub(super) fn events(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::Follow { filters, format } => {
            runtime()?.block_on(follow(socket, out, EventQuery { filters, format }))
        }
        Command::Schema => {
            let text = serde_json::to_string_pretty(&schema()).map_err(CliError::Json)?;
            Output::print(&(text + "\n"))
        }
    }
}

async fn follow(socket: &Path, out: Output, query: EventQuery) -> Result<(), CliError> {
    let client = Client::new(socket);
    let mut stream = if query == EventQuery::default() {
        client.events().await?
    } else {
        client.query_events(&query).await?
    };
    // Without a handler of our own Ctrl-C would end us as killed; to stop watching is no failure.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let line = tokio::select! {
            // Lines first would let a busy stream keep the signal waiting.
            biased;
            _ = &mut interrupted => return Ok(()),
            line = stream.line() => line?,
        };
        let Some(line) = line else {
            return Err(CliError::StreamEnded);
        };
        let text = if query.format.is_some() {
            escape::line(&line).into_owned()
        } else if out.is_json() {
            escape::json(&line).into_owned()
        } else {
            human(&line)
        };
        if !Output::print_more(&(text + "\n"))? {
            return Ok(());
        }
    }
}

/// `time event key=value …`, in the order of the record.
fn human(line: &str) -> String {
    let Ok(Value::Object(record)) = serde_json::from_str(line) else {
        return escape::line(line).into_owned();
    };
    let mut text = String::new();
    for key in ["time", "event"] {
        if let Some(Value::String(value)) = record.get(key) {
            let _ = write!(text, "{value} ");
        }
    }
    for (key, value) in record
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "time" | "event"))
    {
        let _ = match value {
            Value::String(word) if is_word(word) => write!(text, "{key}={word} "),
            value => write!(text, "{key}={value} "),
        };
    }
    escape::line(text.trim_end()).into_owned()
}

/// Reads the same without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '"', '=', '\\']) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn records_for_people() {
        let table = [
            (
                r#"{"time":"2025-01-01T00:00:00Z","event":"health","up":false,"reason":"no greeting"}"#,
                r#"2025-01-01T00:00:00Z health reason="no greeting" up=false"#,
            ),
            (
                r#"{"event":"firewall","src_port":25,"policy":""}"#,
                r#"firewall policy="" src_port=25"#,
            ),
            (
                "{\"event\":\"x\",\"a\":\"\\u001b[m\u{9b}\"}",
                "x a=\"\\u001b[m\\u{9b}\"",
            ),
            ("no \u{1b} json", "no \\u{1b} json"),
        ];
        for (line, text) in table {
            assert_eq!(human(line), text, "{line}");
        }
    }
}
