//! Three network namespaces in a row: generator, proxy, sink.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

/// Names are `slbb-PID-NUMBER-ROLE`: unique among all that run, and traceable to their maker.
const PREFIX: &str = "slbb-";
const FOLDER: &str = "/run/netns";

/// Where the proxy listens.
pub(crate) const PROXY: SocketAddr = address(1, 2, 2525);
/// Where the sink listens.
pub(crate) const SINK: SocketAddr = address(2, 1, 2525);
/// Where nginx mail asks for the sink.
pub(crate) const AUTH: SocketAddr = address(2, 1, 8025);

const fn address(network: u8, host: u8, port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(
        Ipv4Addr::new(10, 99, network, host),
        port,
    ))
}

/// A load must not run out of ports, nor overflow a queue that no proxy chose the length of.
const SETTINGS: [(&str, &str); 4] = [
    ("ipv4/ip_local_port_range", "1024 65535"),
    ("ipv4/tcp_tw_reuse", "1"),
    ("ipv4/tcp_max_syn_backlog", "8192"),
    ("core/somaxconn", "8192"),
];

/// Time that killed processes are given to be gone.
const DEATH: Duration = Duration::from_secs(5);

/// The whole network. Removed when dropped, with every process in it.
pub(crate) struct Lab {
    /// Where mail comes from.
    pub(crate) generator: Namespace,
    /// Where a proxy runs.
    pub(crate) proxy: Namespace,
    /// Where mail goes to.
    pub(crate) sink: Namespace,
}

impl Lab {
    /// Makes the namespaces and joins them.
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let make = |role| Namespace::new(format!("{PREFIX}{}-{number}-{role}", process::id()));
        let lab = Self {
            generator: make("gen")?,
            proxy: make("proxy")?,
            sink: make("sink")?,
        };
        join(
            (&lab.generator, "10.99.1.1/24"),
            (&lab.proxy, "10.99.1.2/24"),
            "front",
        )?;
        join(
            (&lab.sink, "10.99.2.1/24"),
            (&lab.proxy, "10.99.2.2/24"),
            "back",
        )?;
        Ok(lab)
    }
}

/// A folder for the files of one proxy, removed when dropped.
pub(crate) fn scratch() -> io::Result<TempDir> {
    let prefix = format!("{PREFIX}{}-", process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir()
}

/// Removes what benchmarks that were killed left behind.
pub(crate) fn sweep() {
    for name in orphans(Path::new(FOLDER)) {
        drop(Namespace { name });
    }
    let folder = env::temp_dir();
    for name in orphans(&folder) {
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(folder.join(name));
    }
}

/// Names in a folder that processes made which are no more.
fn orphans(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let orphaned = |name: &String| {
        let rest = name.strip_prefix(PREFIX).unwrap_or_default();
        let maker = rest.split_once('-').map(|(pid, _)| pid.parse::<u32>());
        matches!(maker, Some(Ok(pid)) if fs::metadata(format!("/proc/{pid}")).is_err())
    };
    names.filter(orphaned).collect()
}

/// A network namespace; when dropped, its processes are killed and it is removed.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// One of this process, for what `role` says; no other may have both.
    pub(crate) fn of(role: &str) -> Result<Self> {
        Self::new(format!("{PREFIX}{}-{role}", process::id()))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn new(name: String) -> Result<Self> {
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"])?;
        namespace.enter(|| {
            for (setting, value) in SETTINGS {
                fs::write(format!("/proc/sys/net/{setting}"), value).context(setting)?;
            }
            Ok::<_, anyhow::Error>(())
        })??;
        Ok(namespace)
    }

    /// Runs a function in the namespace, on a thread of its own.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let path = self.path();
        let file = File::open(&path).with_context(|| path)?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| -> Result<T> {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(work())
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Every process in the namespace.
    pub(crate) fn processes(&self) -> Result<Vec<u32>> {
        let place = |path: &str| fs::metadata(path).map(|data| (data.dev(), data.ino()));
        let here = place(&self.path())?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse() else {
                continue;
            };
            // A process may end while we look; then it is none of them.
            if place(&format!("/proc/{pid}/ns/net")).is_ok_and(|there| there == here) {
                found.push(pid);
            }
        }
        Ok(found)
    }

    fn path(&self) -> String {
        format!("{FOLDER}/{}", self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What fails here cannot be put right, and the next run sweeps what stays.
        for pid in self.processes().unwrap_or_default() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // A process with thousands of sessions takes a while to die, and would do so on the
        // CPU of whatever is measured next.
        let began = Instant::now();
        while began.elapsed() < DEATH && self.processes().is_ok_and(|left| !left.is_empty()) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// A virtual cable between two namespaces, each end with the address given.
pub(crate) fn join(one: (&Namespace, &str), other: (&Namespace, &str), cable: &str) -> Result<()> {
    let (here, there) = (one.0.name.as_str(), other.0.name.as_str());
    let ends = ["type", "veth", "peer", "name", cable, "netns", there];
    ip(&[["link", "add", cable, "netns", here].as_slice(), &ends].concat())?;
    for (namespace, address) in [(here, one.1), (there, other.1)] {
        ip(&["-n", namespace, "address", "add", address, "dev", cable])?;
        ip(&["-n", namespace, "link", "set", cable, "up"])?;
    }
    Ok(())
}

/// Runs `ip`.
pub(crate) fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("cannot run ip")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        error.trim_end()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn names() -> Vec<String> {
        let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with(PREFIX)).collect()
    }

    #[test]
    fn the_proxy_lies_between_and_nothing_is_left() {
        let lab = Lab::new().unwrap();
        let mut sleeper = lab
            .proxy
            .enter(|| Command::new("sleep").arg("60").spawn())
            .unwrap()
            .unwrap();
        assert_eq!(lab.proxy.processes().unwrap(), [sleeper.id()]);
        assert!(lab.sink.processes().unwrap().is_empty());

        let listen = |namespace: &Namespace, at| namespace.enter(|| TcpListener::bind(at)).unwrap();
        let _proxy = listen(&lab.proxy, PROXY).unwrap();
        let _sink = listen(&lab.sink, SINK).unwrap();
        let reach = |namespace: &Namespace, to| {
            let time = Duration::from_millis(500);
            namespace
                .enter(|| TcpStream::connect_timeout(&to, time))
                .unwrap()
        };
        reach(&lab.generator, PROXY).unwrap();
        reach(&lab.proxy, SINK).unwrap();
        let past_the_proxy = reach(&lab.generator, SINK).unwrap_err();
        assert_eq!(past_the_proxy.kind(), ErrorKind::NetworkUnreachable);

        let mine = [&lab.generator, &lab.proxy, &lab.sink].map(|namespace| namespace.name.clone());
        assert!(mine.iter().all(|name| names().contains(name)));
        // Reaped at once, as nobody else will while it is a child of this test.
        let reaper = thread::spawn(move || sleeper.wait());
        drop(lab);
        assert!(!reaper.join().unwrap().unwrap().success());
        assert!(!mine.iter().any(|name| names().contains(name)));
    }

    #[test]
    fn only_what_the_dead_left_is_swept() {
        // No process has a number above 4194304 (proc_sys_kernel(5), pid_max).
        let dead = format!("{PREFIX}{}-0-gen", 4_194_304 + process::id());
        let alive = Namespace::new(format!("{PREFIX}{}-sweep-gen", process::id())).unwrap();
        let left = Namespace::new(dead.clone()).unwrap();
        std::mem::forget(left);
        let folder = env::temp_dir().join(&dead);
        fs::create_dir_all(&folder).unwrap();
        let kept = scratch().unwrap();
        sweep();
        assert!(!folder.exists());
        assert!(kept.path().exists());
        assert!(!names().contains(&dead));
        assert!(names().contains(&alive.name));
    }
}
