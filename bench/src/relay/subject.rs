//! The proxies: each with one worker, no logging, and time-outs that no load reaches.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use clap::ValueEnum;

use crate::lab::{Namespace, PROXY, SINK};
use crate::process::Running;

/// The CPU that the proxy has for itself.
pub(crate) const CPU: usize = 0;

/// A proxy with its settings.
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
}

impl Subject {
    /// In the order of their turns.
    pub(crate) const ALL: &[Self] = &[Self::SmtpLb, Self::HaProxy, Self::Nginx, Self::Nginx64k];

    /// The program, ours at `smtp_lb`.
    pub(crate) fn program(self, smtp_lb: &Path) -> &Path {
        match self {
            Self::SmtpLb => smtp_lb,
            Self::HaProxy => Path::new("/usr/sbin/haproxy"),
            Self::Nginx | Self::Nginx64k => Path::new("/usr/sbin/nginx"),
        }
    }

    /// The option that makes it tell its version.
    pub(crate) fn version_option(self) -> &'static str {
        if self == Self::SmtpLb {
            "--version"
        } else {
            "-v"
        }
    }

    /// Starts it on its CPU; `folder` takes its files, its messages in `errors`.
    pub(crate) fn start(
        self,
        namespace: &Namespace,
        smtp_lb: &Path,
        folder: &Path,
    ) -> Result<Running> {
        let config = folder.join("config");
        fs::write(&config, self.config(folder))?;
        let mut command = Command::new(self.program(smtp_lb));
        match self {
            Self::SmtpLb => command.args(["run", "--config"]).arg(&config),
            Self::HaProxy => command.arg("-db").arg("-f").arg(&config),
            Self::Nginx | Self::Nginx64k => command
                .arg("-e")
                .arg("/dev/null")
                .arg("-p")
                .arg(folder)
                .arg("-c")
                .arg(&config),
        };
        let errors = File::create(folder.join("errors"))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        Running::start(namespace, CPU, &mut command)
    }

    fn config(self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::SmtpLb => format!(
                r#"[general]
workers = 1

[admin]
socket = "{folder}/admin.sock"

[[virtual_server]]
name = "relay"
listen = ["{PROXY}"]
mode = "plain"
pool = "sink"

[virtual_server.limits]
connections = 8000

[[pool]]
name = "sink"
members = ["{SINK}"]
monitors = []
"#
            ),
            Self::HaProxy => format!(
                "global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen relay
    bind {PROXY}
    server sink {SINK}
"
            ),
            Self::Nginx => nginx(&folder, ""),
            Self::Nginx64k => nginx(&folder, "proxy_buffer_size 64k;"),
        }
    }
}

fn nginx(folder: &dyn fmt::Display, buffer: &str) -> String {
    format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {folder}/pid;
error_log /dev/null emerg;
worker_processes 1;
events {{
    worker_connections 16500;
}}
stream {{
    server {{
        listen {PROXY} backlog=8192;
        proxy_pass {SINK};
        proxy_timeout 10m;
        {buffer}
    }}
}}
"
    )
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SmtpLb => "smtp-lb",
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Nginx64k => "nginx-64k",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_those_shown() {
        for subject in Subject::value_variants() {
            assert!(Subject::ALL.contains(subject));
            let name = subject
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            assert_eq!(name, Some(subject.to_string()));
        }
    }
}
