//! A real Redis (or Valkey), on a socket of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::folder::temporary;
use crate::process::Process;
use crate::wait::{LONG, until};

/// An instance that keeps nothing. Dropped, it is killed.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    folder: TempDir,
}

impl Redis {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let folder = temporary("redis")?;
        let mut redis = Self {
            process: None,
            folder,
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
            .arg(self.socket());
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
