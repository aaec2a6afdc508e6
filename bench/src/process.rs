//! Processes under measurement: started pinned in a namespace, read through `/proc`, and ended.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::ops::Sub;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::de::DeserializeOwned;

use crate::lab::Namespace;

/// Two descriptors for each of the 8,000 sessions that every proxy is told to allow.
const OPEN_FILES: u64 = 17_000;

/// Length of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture we run on.
const TICK_NS: u64 = 10_000_000;

/// Lets this process and all that it starts open enough files.
pub(crate) fn raise_open_files() -> Result<()> {
    // Raising the hard limit takes a privilege that root in a container may lack.
    let hard = getrlimit(Resource::Nofile).maximum;
    let maximum = hard.map(|hard| hard.max(OPEN_FILES));
    let limit = Rlimit {
        current: Some(OPEN_FILES),
        maximum,
    };
    setrlimit(Resource::Nofile, limit)
        .with_context(|| format!("cannot raise the limit of open files to {OPEN_FILES}"))
}

/// A child process; killed and reaped when dropped.
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts a command in a namespace, on one CPU.
    pub(crate) fn start(namespace: &Namespace, cpu: usize, command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = namespace.enter(|| -> io::Result<Child> {
            // A child inherits the namespace and the CPU of the thread that starts it.
            let mut cpus = CpuSet::new();
            cpus.set(cpu);
            sched_setaffinity(None, &cpus)?;
            command.spawn()
        })?;
        let child = child.with_context(|| format!("cannot start {name} on CPU {cpu}"))?;
        Ok(Self { child, name })
    }

    /// Fails if it has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of our own sub-commands, which tells things as lines of JSON.
pub(crate) struct Teller {
    running: Running,
    /// Closing it tells the process to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Teller {
    /// Starts this program with other arguments.
    pub(crate) fn start(namespace: &Namespace, cpu: usize, arguments: &[String]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut running = Running::start(namespace, cpu, &mut command)?;
        let input = running.child.stdin.take();
        let output = running.child.stdout.take().context("no standard output")?;
        Ok(Self {
            running,
            input,
            output: BufReader::new(output),
        })
    }

    /// The next line.
    pub(crate) fn told<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} failed", self.running.name);
        Ok(serde_json::from_str(&line)?)
    }

    /// Tells it to end.
    pub(crate) fn stop(&mut self) {
        self.input = None;
    }

    /// Tells it to end and waits until it has.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.stop();
        let status = self.running.child.wait()?;
        ensure!(status.success(), "{} ended: {status}", self.running.name);
        Ok(())
    }
}

/// CPU time of some processes since they began, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTime(u64);

impl CpuTime {
    /// User and system time of all threads of these processes. What the kernel does in
    /// softirqs that run on top of them is in it, as it is in everyone's.
    pub(crate) fn of(processes: &[u32]) -> Result<Self> {
        let mut total = 0;
        for pid in processes {
            let mut threads = 0;
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                threads += run_time_ns(&thread?.path().join("schedstat").to_string_lossy())?;
            }
            // Exact, but without the threads that have ended; the other way round.
            total += threads.max(ticks(*pid)? * TICK_NS);
        }
        Ok(Self(total))
    }

    /// In seconds.
    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// CPU time of the only thread of this process, in nanoseconds.
pub(crate) fn own_cpu_ns() -> io::Result<u64> {
    run_time_ns("/proc/thread-self/schedstat")
}

fn run_time_ns(path: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let first = text.split(' ').next().and_then(|field| field.parse().ok());
    first.ok_or_else(|| io::Error::other(format!("cannot read {path}")))
}

/// User and system time with that of ended threads (fields 14 and 15 of `proc_pid_stat(5)`).
fn ticks(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name may hold anything, so count from its closing parenthesis.
    let (_, fields) = text
        .rsplit_once(") ")
        .context("unknown format of /proc/PID/stat")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    let mut next = || times.next().context("unknown format of /proc/PID/stat");
    Ok(next()?? + next()??)
}

/// Resident memory of some processes, in KiB.
pub(crate) fn resident_kib(processes: &[u32]) -> Result<u64> {
    let mut total = 0;
    for pid in processes {
        // Exact, where VmRSS of `status` may lag behind by some pages of each thread.
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        total += kib
            .context("unknown format of smaps_rollup")?
            .parse::<u64>()?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_cpu_time_grows_with_work() {
        let me = [std::process::id()];
        let (before, own) = (CpuTime::of(&me).unwrap(), own_cpu_ns().unwrap());
        let mut sum = 0_u64;
        while own_cpu_ns().unwrap() < own + 3 * TICK_NS {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let spent = CpuTime::of(&me).unwrap() - before;
        assert!(spent.seconds() >= 0.019, "{spent:?}");
    }

    #[test]
    fn resident_memory_grows_with_use() {
        let me = [std::process::id()];
        let before = resident_kib(&me).unwrap();
        let block = std::hint::black_box(vec![1_u8; 32 << 20]);
        assert!(resident_kib(&me).unwrap() >= before + 24 * 1024);
        drop(block);
    }
}
