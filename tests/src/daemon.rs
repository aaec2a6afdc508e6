//! smtp-lb itself, run as an operator would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{LONG, until};

/// A daemon in a namespace. Dropped, it is killed; its pins stay.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    cli: Cli,
}

impl Daemon {
    /// Runs it with a configuration file whose control socket is at `socket`, and waits until it
    /// answers there. Its output is appended to `log`.
    pub fn start(netns: &Arc<Netns>, config: &Path, socket: &Path, log: &Path) -> Result<Self> {
        Self::start_with(netns, config, socket, log, &[])
    }

    /// As [`start`](Self::start), with variables in its environment that name files.
    pub fn start_with(
        netns: &Arc<Netns>,
        config: &Path,
        socket: &Path,
        log: &Path,
        environment: &[(&str, &Path)],
    ) -> Result<Self> {
        let cli = Cli {
            netns: Arc::clone(netns),
            socket: socket.to_path_buf(),
        };
        let mut command = netns.command(binary()?);
        command.arg("run").arg("--config").arg(config);
        command.envs(environment.iter().copied());
        Self::run(cli, command, log)
    }

    /// As [`start`](Self::start), with another file for its `/etc/resolv.conf`, which nobody else sees.
    pub fn start_resolving(
        netns: &Arc<Netns>,
        config: &Path,
        socket: &Path,
        log: &Path,
        resolv_conf: &Path,
    ) -> Result<Self> {
        let cli = Cli {
            netns: Arc::clone(netns),
            socket: socket.to_path_buf(),
        };
        let mut command = netns.command("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg("mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"");
        command.arg(resolv_conf).arg(binary()?);
        command.arg("run").arg("--config").arg(config);
        Self::run(cli, command, log)
    }

    /// As [`start`](Self::start), on a host of another name.
    pub fn start_as(
        netns: &Arc<Netns>,
        config: &Path,
        socket: &Path,
        log: &Path,
        host_name: &str,
    ) -> Result<Self> {
        let cli = Cli {
            netns: Arc::clone(netns),
            socket: socket.to_path_buf(),
        };
        let mut command = netns.command("unshare");
        command.args(["--uts", "sh", "-c"]);
        command.arg("echo \"$0\" > /proc/sys/kernel/hostname && exec \"$@\"");
        command.arg(host_name).arg(binary()?);
        command.arg("run").arg("--config").arg(config);
        Self::run(cli, command, log)
    }

    fn run(cli: Cli, mut command: Command, log: &Path) -> Result<Self> {
        let process = Process::start("smtp-lb", &mut command, log)?;
        let mut daemon = Self { process, cli };
        until("answer of smtp-lb", LONG, || {
            daemon.process.check()?;
            Ok(daemon.cli.json::<serde_json::Value>(&["status"]).ok())
        })
        .with_context(|| daemon.process.log())?;
        Ok(daemon)
    }

    /// The command line's other end.
    #[must_use]
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self, bound: Duration) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.wait(bound)?;
        if !status.success() {
            bail!("smtp-lb ended, {status}:\n{}", self.process.log());
        }
        Ok(())
    }
}

/// The command line, beside a daemon or without one.
#[derive(Debug, Clone)]
pub struct Cli {
    /// Where it is run.
    pub netns: Arc<Netns>,
    /// Where the daemon answers.
    pub socket: PathBuf,
}

impl Cli {
    /// Runs a command to its end, whatever that is.
    pub fn output(&self, args: &[&str]) -> Result<Output> {
        Ok(self
            .netns
            .command(binary()?)
            .arg("--socket")
            .arg(&self.socket)
            .args(args)
            .output()?)
    }

    /// Runs a command that must succeed; what it printed.
    pub fn text(&self, args: &[&str]) -> Result<String> {
        let output = self.output(args)?;
        if !output.status.success() {
            bail!(
                "smtp-lb {}: {}: {}",
                args.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command with `--json`.
    pub fn json<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T> {
        let mut args = args.to_vec();
        args.push("--json");
        let text = self.text(&args)?;
        serde_json::from_str(&text).with_context(|| text)
    }
}

/// The program that `SMTP_LB_BINARY` names, or else the one beside the program that is running: in
/// `target/debug`, where tests lie in `deps/`.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("SMTP_LB_BINARY") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("smtp-lb"))
        .find(|path| path.is_file())
        .context("there is no smtp-lb beside this program; `cargo xtask build` makes it")
}
