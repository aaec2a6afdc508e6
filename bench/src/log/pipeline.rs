//! smtp-lb's own way: packet filter → rings → reader → bus → publisher → destination, as the daemon has it,
//! in a process of its own. All of its threads are on one CPU, save the one that runs the filter.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use smtp_lb::config::parse;
use smtp_lb::event::ring::{Reader, SlotName};
use smtp_lb::event::{LogStatus, Pipeline, Routes};
use smtp_lb::firewall::{Now, Slots, Stand, compile};

use super::collector::Collector;
use super::{AROUND, Outcome, SUBJECT, Way, pin};
use crate::firewall::{Nobody, Random, SEED, fill_random_sources, syn};

/// Packets of one call, at the most: less than a ring holds. Each call waits for the kernel's RCU, for
/// milliseconds, so that packets come in bursts of what is due since the last.
const CHUNK: u64 = 25_000;
/// Between two looks at what is due.
const PAUSE: Duration = Duration::from_micros(200);
/// What a queue holds still must be sent in so long.
const DRAIN: Duration = Duration::from_secs(20);
/// A rate that nothing has to fear, and by how much it grows until events are lost.
const CALM: f64 = 100_000.0;
const STEP: f64 = 1.4;
/// More than a CPU can produce.
const MOST: f64 = 8_000_000.0;

/// What the child is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) way: Way,
    pub(crate) format: String,
    /// Of each rate.
    pub(crate) seconds: f64,
    pub(crate) object: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) collector: Option<SocketAddr>,
}

/// One rate, tried.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Tried {
    /// Packets, all of which ask for an event, and how many that were in a second.
    asked: u64,
    offered: f64,
    /// Where they were lost.
    ring: u64,
    bus: u64,
    queue: u64,
    sent: u64,
    /// From the first packet to the last record sent.
    seconds: f64,
    cpu: f64,
}

impl Tried {
    fn rate(&self) -> f64 {
        self.sent as f64 / self.seconds
    }

    /// Nothing lost, and nothing put off.
    fn is_kept_up_with(&self) -> bool {
        self.ring + self.bus + self.queue == 0 && self.rate() > 0.95 * self.offered
    }

    fn cpu_per_100k(&self) -> f64 {
        self.cpu / self.sent as f64 * 1e5
    }
}

/// One turn: a process that tries rates.
pub(crate) fn turn(mut trial: Trial) -> Result<Outcome> {
    let collector = match trial.way {
        Way::File => None,
        Way::Tcp => Some(Collector::tcp()?),
        Way::Udp => Some(Collector::udp()?),
    };
    trial.collector = collector.as_ref().map(|collector| collector.address);
    let output = Command::new(std::env::current_exe()?)
        .args(["log", "--pipeline", &serde_json::to_string(&trial)?])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the pipeline: {}", output.status);
    let tried: Vec<Tried> = serde_json::from_slice(&output.stdout)?;
    let sent: u64 = tried.iter().map(|tried| tried.sent).sum();
    let came = collector.map_or(sent, |collector| collector.settled());
    let best = tried.iter().filter(|tried| tried.is_kept_up_with());
    let best = best
        .max_by(|a, b| a.rate().total_cmp(&b.rate()))
        .context("no rate was kept up with")?;
    let least = |lost: fn(&Tried) -> u64| {
        let offered = tried.iter().filter(|tried| lost(tried) > 0);
        offered.map(|tried| tried.offered).min_by(f64::total_cmp)
    };
    Ok(Outcome {
        rate: best.rate(),
        cpu: best.cpu_per_100k(),
        calm: tried.first().map(Tried::cpu_per_100k),
        loses_at: least(|tried| tried.ring + tried.bus + tried.queue),
        ring_at: least(|tried| tried.ring),
        came: came as f64 / sent as f64,
    })
}

/// The child.
pub(crate) fn child(trial: &Trial) -> Result<()> {
    pin(SUBJECT)?;
    let path = trial.folder.join(format!("log-{}", std::process::id()));
    let mut plan = parse("bench", &configuration(trial, &path)?, &Nobody)
        .map_err(|errors| anyhow::anyhow!("{errors}"))?
        .plan;
    // Past what a file may ask for: it is the sending that is measured.
    plan.firewall.event_rate = 1_000_000_000;
    let pins = PathBuf::from(format!("/sys/fs/bpf/slb-bench-{}-log", std::process::id()));
    let object = std::fs::read(&trial.object)?;
    let mut stand = Stand::load_program(Some(&object), "bench_filter_v4", &pins)?;
    let compiled = compile(&plan, &Now::default(), Slots::default(), 1)?;
    stand.image(&compiled)?;
    let mut random = Random(SEED);
    fill_random_sources(&mut stand, || {
        #[expect(clippy::cast_possible_truncation, reason = "32 random bits")]
        IpAddr::from(Ipv4Addr::from(random.next() as u32))
    })?;
    // As the daemon's `control`.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let routes = Routes::from_plan(&plan);
    let (pipeline, bus) = Pipeline::start(&plan.log, routes, &Arc::default())?;
    drop(entered);
    let slots = compiled.slots.clone();
    let name = move |slot| {
        let label = slots.label(slot)?;
        Some(SlotName {
            virtual_server: label.virtual_server().unwrap_or_default().into(),
            policy: label.policy.into(),
            rule: label.rule.into(),
        })
    };
    let reader = Reader::start(stand.rings()?, Box::new(name), Box::new(|_| None), bus)?;
    let mut bench = Bench {
        stand,
        compiled: &compiled,
        pipeline: &pipeline,
        frame: syn()?,
        file: (trial.way == Way::File).then_some(path),
        seconds: trial.seconds,
    };
    let tried = thread::scope(|scope| {
        let producer = scope.spawn(|| {
            pin(AROUND)?;
            bench.all()
        });
        producer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    reader.stop();
    runtime.block_on(pipeline.shutdown(Duration::from_secs(1)));
    println!("{}", serde_json::to_string(&tried)?);
    Ok(())
}

struct Bench<'a> {
    stand: Stand,
    compiled: &'a smtp_lb::firewall::Compiled,
    pipeline: &'a Pipeline,
    frame: Vec<u8>,
    file: Option<PathBuf>,
    seconds: f64,
}

/// Counters of one instant.
#[derive(Debug, Clone, Copy)]
struct Counted {
    asked: u64,
    ring: u64,
    bus: u64,
    queue: u64,
    sent: u64,
    left: u64,
    cpu: f64,
}

impl Bench<'_> {
    /// A calm one, then faster and faster until events are lost; between the two; and on until the rings
    /// lose some.
    fn all(&mut self) -> Result<Vec<Tried>> {
        let mut tried = vec![self.rate(CALM)?, self.rate(CALM)?];
        // The first warms all up.
        tried.remove(0);
        let (mut low, mut high) = (CALM, CALM);
        loop {
            high *= STEP;
            let last = self.rate(high)?;
            tried.push(last);
            if !last.is_kept_up_with() {
                break;
            }
            low = high;
        }
        for _ in 0..3 {
            let middle = (low * high).sqrt();
            let last = self.rate(middle)?;
            tried.push(last);
            if last.is_kept_up_with() {
                low = middle;
            } else {
                high = middle;
            }
        }
        while tried.iter().all(|tried| tried.ring == 0) && high < MOST {
            high *= STEP;
            tried.push(self.rate(high)?);
        }
        Ok(tried)
    }

    fn rate(&mut self, rate: f64) -> Result<Tried> {
        let before = self.count()?;
        let began = Instant::now();
        let mut produced = 0;
        let offered = loop {
            let passed = began.elapsed().as_secs_f64();
            if passed >= self.seconds {
                break produced as f64 / passed;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some millions"
            )]
            let due = (passed * rate) as u64;
            let now = due.saturating_sub(produced).min(CHUNK);
            if now == 0 {
                thread::sleep(PAUSE);
                continue;
            }
            self.stand.time(&self.frame, u32::try_from(now)?)?;
            produced += now;
        };
        // The clock goes on until all is sent or lost.
        let after = loop {
            let after = self.count()?;
            let told = after.sent + after.queue + after.bus + after.ring;
            let known = before.sent + before.queue + before.bus + before.ring;
            if after.left == 0 && told - known == after.asked - before.asked {
                break after;
            }
            ensure!(began.elapsed() < DRAIN, "still not sent: {after:?}");
            thread::sleep(5 * PAUSE);
        };
        let seconds = began.elapsed().as_secs_f64();
        ensure!(after.asked - before.asked == produced, "{after:?}");
        if let Some(file) = &self.file {
            // Else memory would be full.
            std::fs::remove_file(file)?;
        }
        Ok(Tried {
            asked: produced,
            offered,
            ring: after.ring - before.ring,
            bus: after.bus - before.bus,
            queue: after.queue - before.queue,
            sent: after.sent - before.sent,
            seconds,
            cpu: after.cpu - before.cpu,
        })
    }

    fn count(&self) -> Result<Counted> {
        let counters = self.stand.counters(self.compiled)?;
        let LogStatus {
            bus, destinations, ..
        } = self.pipeline.status();
        let destination = destinations.first().context("no destination")?;
        Ok(Counted {
            asked: counters.events.asked,
            ring: counters.events.ring_full + counters.events.rate_limited,
            bus: bus.lost,
            queue: destination.lost.total(),
            sent: destination.sent,
            left: bus.queued as u64 + destination.queued,
            cpu: seconds(ClockId::ProcessCPUTime) - seconds(ClockId::ThreadCPUTime),
        })
    }
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// As an operator would write it: ten rules that each tell of what they drop, and one destination.
fn configuration(trial: &Trial, path: &Path) -> Result<String> {
    let format = &trial.format;
    let destination = match (trial.way, trial.collector) {
        (Way::File, _) => format!("type = \"file\"\npath = \"{}\"", path.display()),
        (Way::Tcp, Some(address)) => format!(
            "type = \"syslog\"\naddress = \"{address}\"\ntransport = \"tcp\"\nframing = \"newline\""
        ),
        (Way::Udp, Some(address)) => {
            format!("type = \"syslog\"\naddress = \"{address}\"\ntransport = \"udp\"")
        }
        (Way::Tcp | Way::Udp, None) => anyhow::bail!("no collector"),
    };
    let mut text = format!(
        "[firewall]\nmode = \"adc\"\nevent_rate = 1000000\nevent_burst = 1000000\nlog_profile = \"p\"\n\
         [log]\nbus_capacity = 65536\n\
         [[log.destination]]\nname = \"d\"\nformat = \"{format}\"\nqueue = 100000\n{destination}\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"d\"]\n\
         [[log.profile]]\nname = \"p\"\npublisher = \"all\"\n\
         [[firewall.policy]]\nname = \"edge\"\n"
    );
    // The first octet decides: every source meets one of them.
    for rule in 0..10 {
        let networks: Vec<_> = (0..256)
            .filter(|octet| octet % 10 == rule)
            .map(|octet| format!("\"{octet}.0.0.0/8\""))
            .collect();
        text.extend([
            format!("[[firewall.policy.rule]]\nname = \"rule-{rule}\"\naction = \"drop\"\n"),
            format!("log = true\nsource = [{}]\n", networks.join(", ")),
        ]);
    }
    text += "[[virtual_server]]\nname = \"mail\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
             firewall_policy = \"edge\"\n[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n";
    Ok(text)
}
