//! The proxies: each with one worker, no logging, and time-outs that no load reaches.

mod haproxy;
mod nginx;
mod smtp_lb;
mod stunnel;

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use clap::ValueEnum;

use crate::credentials::Credentials;
use crate::lab::Namespace;
use crate::process::Running;
use crate::transport::tls::Start;

/// The CPU that the proxy has for itself.
pub(crate) const CPU: usize = 0;

/// Sessions that every proxy is told to allow.
const SESSIONS: u64 = 8_000;

/// A proxy with its settings, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Ours.
    #[value(name = "smtp-lb")]
    SmtpLb,
    /// `HAProxy` as it comes.
    #[value(name = "haproxy")]
    HaProxy,
    /// nginx stream as it comes: buffers of 16 KiB.
    #[value(name = "nginx")]
    Nginx,
    /// nginx stream with buffers of 64 KiB.
    #[value(name = "nginx-64k")]
    Nginx64k,
    /// nginx mail as it comes: buffers of a page.
    #[value(name = "nginx-mail")]
    NginxMail,
    /// nginx mail with buffers of 64 KiB.
    #[value(name = "nginx-mail-64k")]
    NginxMail64k,
    /// stunnel as it comes.
    #[value(name = "stunnel")]
    Stunnel,
    /// No proxy at all: the generator speaks to the sink.
    #[value(name = "direct")]
    Direct,
}

/// What a proxy has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Pass bytes on.
    Plain,
    /// End the client's TLS.
    Offload,
    /// Pass TLS on.
    Passthrough,
    /// End the client's TLS, and begin its own.
    Bridge,
    /// Begin TLS.
    EncryptServerSide,
    /// End the TLS that the client asks for.
    StartTls,
    /// Read SMTP, without TLS.
    Gateway,
}

impl Scenario {
    /// The client's TLS.
    pub(crate) fn client(self) -> Option<Start> {
        match self {
            Self::Offload | Self::Passthrough | Self::Bridge => Some(Start::Implicit),
            Self::StartTls => Some(Start::Starttls),
            Self::Plain | Self::EncryptServerSide | Self::Gateway => None,
        }
    }

    /// The sink's TLS.
    pub(crate) fn sink(self, subject: Subject) -> Option<Start> {
        match self {
            _ if subject == Subject::Direct => self.client(),
            Self::Passthrough | Self::Bridge | Self::EncryptServerSide => Some(Start::Implicit),
            Self::Plain | Self::Offload | Self::StartTls | Self::Gateway => None,
        }
    }

    /// Whether the proxy ends the client's TLS.
    fn ends_tls(self) -> bool {
        matches!(self, Self::Offload | Self::Bridge | Self::StartTls)
    }

    /// Whether the proxy begins TLS.
    fn begins_tls(self) -> bool {
        matches!(self, Self::Bridge | Self::EncryptServerSide)
    }
}

/// One subject and all that it needs to know.
pub(crate) struct Setup<'a> {
    pub(crate) subject: Subject,
    pub(crate) scenario: Scenario,
    /// Whether the client may take up earlier TLS sessions.
    pub(crate) resume: bool,
    pub(crate) credentials: &'a Credentials,
    /// Where ours is.
    pub(crate) smtp_lb: &'a Path,
}

impl Setup<'_> {
    /// Whether each session of the client is one session of the sink. Those that read SMTP may
    /// connect later, or to ask what the sink offers.
    pub(crate) fn passes_sessions_on(&self) -> bool {
        let reads = matches!(self.scenario, Scenario::StartTls | Scenario::Gateway);
        match self.subject {
            Subject::SmtpLb => !reads,
            Subject::NginxMail | Subject::NginxMail64k => false,
            _ => true,
        }
    }

    /// Starts the proxy on its CPU, if there is one; `folder` takes its files, its messages in
    /// `errors`.
    pub(crate) fn start(&self, namespace: &Namespace, folder: &Path) -> Result<Option<Running>> {
        let Some(program) = self.subject.program(self.smtp_lb) else {
            return Ok(None);
        };
        let config = folder.join("config");
        fs::write(&config, self.config(folder))?;
        let mut command = Command::new(program);
        match self.subject {
            Subject::SmtpLb => command.args(["run", "--config"]),
            Subject::HaProxy => command.args(["-db", "-f"]),
            Subject::Stunnel | Subject::Direct => &mut command,
            _ => command
                .args(["-e", "/dev/null", "-p"])
                .arg(folder)
                .arg("-c"),
        };
        let errors = File::create(folder.join("errors"))?;
        command
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        Running::start(namespace, CPU, &mut command).map(Some)
    }

    fn config(&self, folder: &Path) -> String {
        match self.subject {
            Subject::SmtpLb => smtp_lb::config(self, folder),
            Subject::HaProxy => haproxy::config(self),
            Subject::Nginx => nginx::stream(self, folder, ""),
            Subject::Nginx64k => nginx::stream(self, folder, "proxy_buffer_size 64k;"),
            Subject::NginxMail => nginx::mail(self, folder, ""),
            Subject::NginxMail64k => nginx::mail(self, folder, "proxy_buffer 64k;"),
            Subject::Stunnel => stunnel::config(self, folder),
            Subject::Direct => String::new(),
        }
    }
}

impl Subject {
    /// In the order of their turns.
    pub(crate) const ALL: &[Self] = &[
        Self::SmtpLb,
        Self::HaProxy,
        Self::Nginx,
        Self::Nginx64k,
        Self::NginxMail,
        Self::NginxMail64k,
        Self::Stunnel,
        Self::Direct,
    ];

    /// The program, ours at `smtp_lb`.
    pub(crate) fn program(self, smtp_lb: &Path) -> Option<&Path> {
        Some(match self {
            Self::SmtpLb => smtp_lb,
            Self::HaProxy => Path::new("/usr/sbin/haproxy"),
            Self::Stunnel => Path::new("/usr/bin/stunnel4"),
            Self::Direct => return None,
            _ => Path::new("/usr/sbin/nginx"),
        })
    }

    /// The option that makes it tell its version.
    pub(crate) fn version_option(self) -> &'static str {
        match self {
            Self::SmtpLb => "--version",
            Self::Stunnel => "-version",
            _ => "-v",
        }
    }

    /// Debian's packages with it, and a file that is there once they are.
    pub(crate) fn packages(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::SmtpLb | Self::Direct => (&[], "/"),
            Self::HaProxy => (&["haproxy"], "/usr/sbin/haproxy"),
            Self::Nginx | Self::Nginx64k => (&["nginx", "libnginx-mod-stream"], nginx::STREAM),
            Self::NginxMail | Self::NginxMail64k => (&["nginx", "libnginx-mod-mail"], nginx::MAIL),
            Self::Stunnel => (&["stunnel4"], "/usr/bin/stunnel4"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_has_its_turn() {
        assert_eq!(Subject::value_variants(), Subject::ALL);
    }
}
