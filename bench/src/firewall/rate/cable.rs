//! A cable between two namespaces, at whose end one thread takes all packets.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::lab::{Namespace, ip, join};

/// Where packets are taken.
const RECEIVER: usize = 1;

/// Hardware addresses of generator and receiver.
pub(crate) const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// Two namespaces and what joins them.
pub(crate) struct Cable {
    /// Where frames are offered.
    pub(crate) generator: Namespace,
    /// Where they are taken.
    pub(crate) receiver: Namespace,
    /// The interface, of the same name at both ends.
    pub(crate) device: String,
    /// Its number at the generator's.
    pub(crate) index: u32,
}

/// What the receiver has counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Frames that came out of the cable.
    pub(crate) received: u64,
    /// Packets that the host's IP gave to a protocol.
    pub(crate) delivered: u64,
    /// Nanoseconds that the thread was on its CPU.
    pub(crate) busy: u64,
}

impl Cable {
    /// A new one; no other of this process may have its number.
    pub(crate) fn new(number: usize) -> Result<Self> {
        let generator = Namespace::of(&format!("fw{number}-gen"))?;
        let receiver = Namespace::of(&format!("fw{number}-rx"))?;
        // Threads are named by the interface, and are all in one namespace.
        let device = format!("s{}x{number}", std::process::id());
        join(
            (&generator, "192.0.2.2/24"),
            (&receiver, "192.0.2.1/24"),
            &device,
        )?;
        for (namespace, mac) in [&generator, &receiver].iter().zip(MACS) {
            let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
            ip(&[
                "-n",
                namespace.name(),
                "link",
                "set",
                &device,
                "address",
                &mac,
            ])?;
        }
        // Without XDP, only this has a NAPI at all.
        run(&receiver, &["ethtool", "-K", &device, "gro", "on"])?;
        let threaded = format!("echo 1 > /sys/class/net/{device}/threaded");
        run(
            &receiver,
            &[
                "ip",
                "netns",
                "exec",
                receiver.name(),
                "sh",
                "-c",
                &threaded,
            ],
        )?;
        receiver.enter(|| {
            // Sources are anybody's, and there is no way back to them.
            ["all", device.as_str()].iter().try_for_each(|of| {
                fs::write(format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"), "0")
            })
        })??;
        let shown = Command::new("ip")
            .args(["-n", generator.name(), "-j", "link", "show", "dev", &device])
            .output()?;
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout)?;
        let index = shown[0]["ifindex"].as_u64().context("no ifindex")?;
        Ok(Self {
            generator,
            receiver,
            device,
            index: u32::try_from(index)?,
        })
    }

    /// The NAPI thread, kept to the receiver's CPU.
    pub(crate) fn thread(&self) -> Result<i32> {
        let name = format!("napi/{}-", self.device);
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let is_it = fs::read_to_string(entry.path().join("comm"))
                .is_ok_and(|comm| comm.starts_with(&name));
            if is_it && let Ok(number) = entry.file_name().to_string_lossy().parse() {
                let mut cpus = CpuSet::new();
                cpus.set(RECEIVER);
                sched_setaffinity(Pid::from_raw(number), &cpus)
                    .context("cannot keep the NAPI thread to a CPU")?;
                return Ok(number);
            }
        }
        anyhow::bail!("{} has no NAPI thread", self.device)
    }

    /// What was counted until now.
    pub(crate) fn counted(&self, thread: i32) -> Result<Counted> {
        self.receiver.enter(|| {
            let read = |path: &str| fs::read_to_string(path).with_context(|| path.to_owned());
            let devices = read("/proc/thread-self/net/dev")?;
            let mut lines = devices.lines().map(str::trim_start);
            let line = lines
                .find_map(|line| line.strip_prefix(&self.device)?.strip_prefix(':'))
                .context("no such interface")?;
            let received = line.split_whitespace().nth(1).context("no packets")?;
            let snmp = read("/proc/thread-self/net/snmp")?;
            let mut of_ip = snmp.lines().filter(|line| line.starts_with("Ip: "));
            let (names, values) = of_ip.next().zip(of_ip.next()).context("no Ip")?;
            let at = names.split(' ').position(|name| name == "InDelivers");
            let delivered = at.and_then(|at| values.split(' ').nth(at));
            let times = read(&format!("/proc/{thread}/schedstat"))?;
            let busy = times.split(' ').next().context("no time")?;
            Ok(Counted {
                received: received.parse()?,
                delivered: delivered.context("no InDelivers")?.parse()?,
                busy: busy.parse()?,
            })
        })?
    }
}

/// Runs a command in a namespace.
pub(crate) fn run(namespace: &Namespace, command: &[&str]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command")?;
    let output = namespace
        .enter(|| Command::new(program).args(arguments).output())?
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{}: {}{}",
        command.join(" "),
        String::from_utf8_lossy(&output.stdout).trim_end(),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}
