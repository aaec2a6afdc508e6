//! What the figures were measured on.

use std::fs;

use anyhow::{Context, Result};

/// The machine, in words.
pub(crate) struct Machine {
    /// CPU model and count.
    pub(crate) cpu: String,
    /// Memory.
    pub(crate) memory: String,
    /// Kernel release and build.
    pub(crate) kernel: String,
    /// Processes that were running or waiting to, over the last minute.
    pub(crate) load: String,
}

impl Machine {
    /// Looks at this one.
    pub(crate) fn look() -> Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let model = value(&cpus, "model name").unwrap_or("unknown CPU");
        let count = cpus
            .lines()
            .filter(|line| line.starts_with("processor"))
            .count();
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kib = value(&memory, "MemTotal").and_then(|text| text.split(' ').next());
        let kib: u64 = kib.context("no MemTotal")?.parse()?;
        let kernel = rustix::system::uname();
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cpu: format!("{model}, {count} CPUs"),
            memory: format!("{} GiB", (kib + (1 << 19)) >> 20),
            kernel: format!(
                "{} {}, {}",
                kernel.sysname().to_string_lossy(),
                kernel.release().to_string_lossy(),
                kernel.machine().to_string_lossy()
            ),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}

/// The value of the first `name : value` line.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// Time that a CPU was not idle since boot, in seconds, with that of interrupts.
pub(crate) fn busy_seconds(cpu: usize) -> Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{cpu}");
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(&name));
    let fields = line
        .with_context(|| format!("no {name}"))?
        .split(' ')
        .skip(1);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal; the guests' are in user already.
    let idle = |index: &usize| (3..=4).contains(index);
    let busy = ticks
        .iter()
        .enumerate()
        .take(8)
        .filter(|(index, _)| !idle(index));
    Ok(busy.map(|(_, ticks)| ticks).sum::<u64>() as f64 / 100.0)
}
