//! `smtp-lb dns test`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::client::runtime;
use super::error::CliError;
use super::output::{Output, table};
use crate::app::services::question_settings;
use crate::config;
use crate::dns::{QuestionError, QuestionSettings, Questions, system_servers};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Ask each name server a question, and tell how it answers.
    ///
    /// Those of `[dns]`, or of /etc/resolv.conf; no daemon need run. Fails if none answers.
    Test(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file, for its `[dns]`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Server to ask, as 192.0.2.53:53, in place of those; may be given again.
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Vec<SocketAddr>,
    /// Name whose addresses are asked for.
    #[arg(default_value = "example.com")]
    name: String,
}

#[derive(Debug, Serialize)]
struct Asked {
    server: SocketAddr,
    /// It said that there is something, or that there is nothing.
    answers: bool,
    /// What it said.
    answer: String,
    millis: u128,
}

pub(super) fn dns(command: &Command, out: Output) -> Result<(), CliError> {
    let Command::Test(args) = command;
    let mut settings = match &args.config {
        Some(file) => settings(file)?,
        None => QuestionSettings::default(),
    };
    if !args.server.is_empty() {
        settings.servers.clone_from(&args.server);
    }
    if settings.servers.is_empty() {
        settings.servers = system_servers()?;
    }
    let runtime = runtime()?;
    let mut asked = Vec::new();
    for server in &settings.servers {
        let alone = QuestionSettings {
            servers: vec![*server],
            ..settings.clone()
        };
        let questions = Questions::new(&alone)?;
        let begin = Instant::now();
        let answer = runtime.block_on(questions.a(&args.name));
        asked.push(told(*server, answer, begin.elapsed()));
    }
    out.show(&asked, |asked| text(asked))?;
    if asked.iter().any(|asked| asked.answers) {
        Ok(())
    } else {
        Err(CliError::NoNameServer(asked.len()))
    }
}

fn settings(file: &std::path::Path) -> Result<QuestionSettings, CliError> {
    Ok(question_settings(&config::load(file)?.plan.dns))
}

fn told(
    server: SocketAddr,
    answer: Result<Vec<std::net::Ipv4Addr>, QuestionError>,
    took: Duration,
) -> Asked {
    let (answers, answer) = match answer {
        Ok(found) => {
            let found: Vec<String> = found.iter().take(4).map(ToString::to_string).collect();
            (true, found.join(" "))
        }
        Err(error) => (
            error.is_answer() && error != QuestionError::BadName,
            error.to_string(),
        ),
    };
    Asked {
        server,
        answers,
        answer,
        millis: took.as_millis(),
    }
}

fn text(asked: &[Asked]) -> String {
    let rows = asked.iter().map(|asked| {
        let ok = if asked.answers { "ok" } else { "failed" };
        vec![
            asked.server.to_string(),
            ok.to_owned(),
            asked.millis.to_string(),
            asked.answer.clone(),
        ]
    });
    table(&["SERVER", "RESULT", "#MS", "ANSWER"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dns` knows no configuration, so each has defaults: they must be the same ones.
    #[test]
    fn who_says_nothing_asks_as_who_names_no_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let said = settings(file.path()).expect("it is sound");
        assert_eq!(said, QuestionSettings::default());
    }
}
