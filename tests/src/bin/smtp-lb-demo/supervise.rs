//! The outer process, which the terminal talks to.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;
use tokio::signal::unix::{SignalKind, signal};

use crate::{INNER, clean};

/// Time for the inner process to remove what it made; after that the outer one does it.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the inner process to its end, whatever that is, and cleans up.
pub(crate) fn run(keep: bool) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("namespaces and XDP need root");
    }
    let lock = File::create("/tmp/smtp-lb-demo.lock")?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .context("another demonstration is running")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(supervise(keep))
}

async fn supervise(keep: bool) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(INNER)
        .args(keep.then_some("--keep"))
        .stdin(Stdio::piped())
        // A group of its own: Ctrl-C reaches this process alone.
        .process_group(0);
    let mut inner = tokio::process::Command::from(command).spawn()?;
    let pid = inner.id().context("the demonstration ended at once")?;
    let lifeline = inner.stdin.take();
    let ended = tokio::select! {
        status = inner.wait() => Some(status?),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
    };
    drop(lifeline);
    if ended.is_none() {
        eprintln!("smtp-lb-demo: cleaning up");
        if tokio::time::timeout(GRACE, inner.wait()).await.is_err() {
            inner.kill().await?;
        }
    }
    clean::all(pid);
    match ended {
        Some(status) if status.success() => Ok(()),
        // It has said why.
        Some(status) => bail!("ended with {status}"),
        None if keep => Ok(()),
        None => bail!("interrupted"),
    }
}

/// Ends the inner process when the outer one is gone or wants it: the pipe between them closes.
pub(crate) fn watch_parent() {
    thread::spawn(|| {
        let mut nothing = [0];
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        clean::all(std::process::id());
        std::process::exit(1);
    });
}
