//! A real Redis (or Valkey), on a socket of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::temporary;
use crate::process::Process;
use crate::wait::{LONG, until};

/// An instance that keeps nothing. Dropped, it is killed.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    folder: TempDir,
    /// What else it is started with.
    arguments: Vec<String>,
}

impl Redis {
    /// Starts it.
    pub fn start() -> Result<Self> {
        Self::start_with(Vec::new())
    }

    /// Starts it with a certificate, on a port of its own where it speaks TLS with whoever knows the
    /// password.
    pub fn start_tls(port: u16, leaf: &Leaf, password: &str) -> Result<Self> {
        let file = |path: &std::path::Path| path.display().to_string();
        let pairs = [
            ("--tls-port", port.to_string()),
            ("--bind", "127.0.0.1".to_owned()),
            ("--tls-cert-file", file(&leaf.chain)),
            ("--tls-key-file", file(&leaf.key)),
            ("--tls-auth-clients", "no".to_owned()),
            ("--requirepass", password.to_owned()),
        ];
        Self::start_with(
            pairs
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value])
                .collect(),
        )
    }

    fn start_with(arguments: Vec<String>) -> Result<Self> {
        let folder = temporary("redis")?;
        let mut redis = Self {
            process: None,
            folder,
            arguments,
        };
        redis.again()?;
        Ok(redis)
    }

    /// Starts it again, with nothing in it, if it was stopped.
    pub fn again(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .args(&self.arguments);
        let log = self.folder.path().join("output");
        let mut process = Process::start("redis-server", &mut command, &log)
            .context("`cargo xtask provision --tests` installs it")?;
        let socket = self.socket();
        until("start of redis-server", LONG, || {
            process.check()?;
            Ok(std::os::unix::net::UnixStream::connect(&socket).ok())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it, and takes its socket away.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(std::fs::remove_file(self.socket())?)
    }

    /// What a client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The path of it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}
