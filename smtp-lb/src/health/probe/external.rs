//! An operator's program, run as BIG-IP runs one: `$1` is the address, an IPv4 one in IPv6's
//! form, `$2` the port; variables are its environment; the member is up as soon as anything comes
//! on standard output.
//!
//! It has nothing of ours but three pipes, and ends with its process group: when it has
//! spoken, when its time is over, and when the monitor is taken away. A process that leaves the
//! group (setsid) escapes that, and keeps nothing of ours but a broken pipe.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::secret::{Octets, hide};
use super::transcript::Record;
use super::{Cause, Step, Subject, secret};
use crate::config::plan::ExternalMonitorPlan;
use crate::smtp::show;

/// Programs at once; more wait.
static PLACES: Semaphore = Semaphore::const_new(64);
/// Where programs are looked for by what is run.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Octets of output that are kept.
const KEPT: usize = 1024;
/// Octets on standard error before a program counts as one that will not end.
const MOST: usize = 1024 * 1024;
/// Characters of standard error in a reason.
const SHOWN: usize = 200;
/// For what is left in the pipes of a program that has ended.
const LEFT: Duration = Duration::from_millis(200);

pub(super) async fn run(
    subject: &Subject,
    monitor: &str,
    plan: &ExternalMonitorPlan,
    record: &mut Record<'_>,
) -> Result<(), Cause> {
    record.step(Step::Prepare);
    let mut hidden = Vec::new();
    let (address, port) = (argument(subject.address.ip()), subject.address.port());
    let mut command = Command::new(&plan.program);
    command
        .arg(&address)
        .arg(port.to_string())
        .env_clear()
        .env("PATH", PATH)
        .env("MON_TMPL_NAME", monitor)
        .env("NODE_IP", &address)
        .env("NODE_PORT", port.to_string());
    for (name, value) in &plan.variables {
        let (value, is_secret) = secret::setting(value).await?;
        command.env(name, OsString::from_vec(value.to_vec()));
        if is_secret {
            hidden.push(value);
        }
    }
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);

    // Nobody closes it, so there is always a place in the end.
    let _place = PLACES.acquire().await;
    record.say(
        Step::Program,
        format!("{} {address} {port}", plan.program.display()),
    );
    let mut child = command.spawn().map_err(Cause::Spawn)?;
    // Dropped before the child, and so while its number is nobody else's.
    let group = Group::of(&child);
    let mut output = Output::default();
    let listened = output.listen(&mut child).await;
    drop(group);
    // It has been killed, so it ends at once.
    let status = child.wait().await;
    if let Ok(false) = listened
        && let Some(stderr) = &mut child.stderr
    {
        let _ = timeout(LEFT, output.complaint.fill(stderr)).await;
    }
    let lines = [&mut output.said, &mut output.complaint].map(|kept| kept.hidden(&hidden));
    record.hear(None, lines.iter().flat_map(|kept| split(kept)));
    match (listened?, status) {
        (true, _) => Ok(()),
        (false, Ok(status)) => Err(Cause::Silent {
            status,
            complaint: show(split(&lines[1]).last().unwrap_or_default(), SHOWN),
        }),
        (false, Err(error)) => Err(error.into()),
    }
}

/// As BIG-IP gives addresses.
fn argument(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => format!("::ffff:{v4}"),
        IpAddr::V6(v6) => v6.to_string(),
    }
}

fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|octet| *octet == b'\n');
    lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

/// Kills a process group when it goes.
struct Group(Option<Pid>);

impl Group {
    /// Of a child that leads one, and was not waited for.
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // There is one until it is waited for, were it but a zombie.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[derive(Default)]
struct Output {
    said: Kept,
    complaint: Kept,
}

impl Output {
    /// Whether anything comes on standard output before it is closed.
    async fn listen(&mut self, child: &mut Child) -> Result<bool, Cause> {
        let (Some(stdout), Some(stderr)) = (&mut child.stdout, &mut child.stderr) else {
            // Both were asked for.
            return Ok(false);
        };
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                read = self.said.read(stdout) => return Ok(read? > 0),
                read = self.complaint.read(stderr), if open => {
                    open = read? > 0;
                    if self.complaint.count > MOST {
                        return Err(Cause::Babble(MOST));
                    }
                }
            }
        }
    }
}

/// The beginning of what was read.
#[derive(Default)]
struct Kept {
    octets: Vec<u8>,
    count: usize,
}

impl Kept {
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<usize, Cause> {
        let mut buffer = [0; 4096];
        let read = from.read(&mut buffer).await?;
        self.count = self.count.saturating_add(read);
        let room = KEPT.saturating_sub(self.octets.len()).min(read);
        self.octets.extend_from_slice(&buffer[..room]);
        Ok(read)
    }

    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        while self.octets.len() < KEPT && self.read(from).await.is_ok_and(|read| read > 0) {}
    }

    fn hidden(&mut self, secrets: &[Octets]) -> Vec<u8> {
        let mut octets = std::mem::take(&mut self.octets);
        hide(&mut octets, secrets);
        octets
    }
}
