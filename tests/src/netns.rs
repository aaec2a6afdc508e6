//! Network namespaces.

mod link;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::wait::{LONG, until};

pub use link::{Bridge, veth};

/// Where `ip netns` keeps the names.
const FOLDER: &str = "/run/netns";

/// A network namespace. Dropped, it kills what runs in it and goes.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// A new one, with the loopback interface up. The role is for people who look at the names.
    pub fn new(role: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let netns = Self {
            name: format!("slb-{}-{number}-{role}", std::process::id()),
        };
        ip(&["netns", "add", &netns.name])?;
        netns.ip("link set lo up")?;
        // Forwarding stays off and nothing needs a router: addresses are added by hand.
        netns.sysctl("net/ipv6/conf/default/accept_ra", "0")?;
        Ok(netns)
    }

    /// Its name, for `ip netns exec`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// A command that runs in it and dies with the thread that starts it.
    ///
    /// `nsenter`, since `ip netns exec` has a mount namespace of its own, where pins in bpffs
    /// are not seen.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path().display()))
            .args(["setpriv", "--pdeathsig", "KILL", "--"])
            .arg(program);
        command
    }

    /// Runs a program in it to its end; what it printed.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        output(self.command(program).args(args))
    }

    /// Runs `ip`, with arguments parted by blanks.
    pub fn ip(&self, args: &str) -> Result<String> {
        let mut words = vec!["-n", self.name.as_str()];
        words.extend(args.split_ascii_whitespace());
        ip(&words)
    }

    /// Sets a kernel setting of it, named as under `/proc/sys`.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        self.inside(|| {
            fs::write(Path::new("/proc/sys").join(name), value)
                .with_context(|| format!("cannot set {name}"))
        })
    }

    /// Does something on a thread in it. Sockets made there belong to it for good.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    let file = File::open(self.path())?;
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                        .with_context(|| format!("cannot enter {}", self.name))?;
                    what()
                })
                .join()
                .map_err(|_| anyhow!("a thread in {} panicked", self.name))?
        })
    }

    /// Kills every process in it, and waits until they are gone: a dying process may still have
    /// sockets that listen.
    pub fn kill_all(&self) -> Result<()> {
        until(format!("end of all in {}", self.name), LONG, || {
            let listed = ip(&["netns", "pids", &self.name])?;
            let mut others = listed
                .lines()
                .filter_map(|line| Pid::from_raw(line.trim().parse().ok()?))
                // Threads of this very process may be in it for a moment.
                .filter(|pid| *pid != rustix::process::getpid())
                .peekable();
            if others.peek().is_none() {
                return Ok(Some(()));
            }
            for pid in others {
                // It may be gone already.
                let _ = kill_process(pid, Signal::KILL);
            }
            Ok(None)
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Is this the name of something that a process made which is no more?
pub(crate) fn is_leftover(name: &str) -> bool {
    name.strip_prefix("slb-")
        .and_then(|rest| rest.split('-').next())
        .and_then(|pid| pid.parse::<u32>().ok())
        .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Removes the namespaces that a process made.
pub fn remove_all_of(pid: u32) {
    remove_if(|name| name.starts_with(&format!("slb-{pid}-")));
}

/// Removes namespaces that crashed runs left, with what runs in them.
pub fn sweep() {
    remove_if(is_leftover);
}

fn remove_if(unwanted: impl Fn(&str) -> bool) {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if unwanted(&name) {
            remove(&name);
        }
    }
}

fn remove(name: &str) {
    let netns = std::mem::ManuallyDrop::new(Netns {
        name: name.to_owned(),
    });
    let _ = netns.kill_all();
    let _ = ip(&["netns", "del", name]);
}

fn ip(args: &[&str]) -> Result<String> {
    output(Command::new("ip").args(args))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Netns, ip, is_leftover};
    use crate::wait::{LONG, until};

    #[test]
    fn only_own_names_of_dead_processes_are_leftovers() {
        let alive = std::process::id();
        assert!(!is_leftover(&format!("slb-{alive}-0-host")));
        assert!(is_leftover("slb-4194305-0-host"), "above the highest pid");
        assert!(!is_leftover("slb-x-0-host"));
        assert!(!is_leftover("other-4194305"));
    }

    #[test]
    fn a_namespace_has_interfaces_of_its_own_and_goes() {
        let netns = Netns::new("alone").unwrap();
        let links = netns.run("ip", &["-o", "link"]).unwrap();
        assert_eq!(links.lines().count(), 1, "{links}");
        let path = netns.path();
        assert!(path.exists());
        let mut child = netns.command("sleep").arg("600").spawn().unwrap();
        until("a process in it", LONG, || {
            Ok((!ip(&["netns", "pids", netns.name()])?.is_empty()).then_some(()))
        })
        .unwrap();
        drop(netns);
        assert!(!path.exists());
        assert!(!child.wait().unwrap().success(), "killed with it");
    }
}
