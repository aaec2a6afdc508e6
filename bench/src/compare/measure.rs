//! One measurement: a fresh network, sink and proxy under one load.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::check;
use super::subject::{self, Setup, Subject};
use super::workload::{Shape, Workload};
use crate::generator::{self, Load, Outcome};
use crate::lab::{self, AUTH, Lab, Namespace, PROXY, SINK};
use crate::machine;
use crate::process::{CpuTime, Running, Teller, resident_kib};
use crate::sink::Arrived;
use crate::transport::tls::ClientOptions;

/// The CPU of the generator and the sink.
const LOAD_CPU: usize = 1;

/// Time for a proxy to start.
const START: Duration = Duration::from_secs(10);

/// Time for the last connections to be closed, or for memory to settle.
const SETTLE: Duration = Duration::from_millis(100);
const SETTLE_MEMORY: Duration = Duration::from_secs(1);

/// Seconds after which a load has failed.
const LIMIT: u64 = 60;

/// What one measurement gave.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// CPU time of the proxy under the load, in seconds.
    pub(crate) cpu: f64,
    /// Share of the time in which the proxy's CPU was busy with anything else.
    pub(crate) foreign: f64,
    /// Resident memory that the proxy gained under the load, in KiB; sessions that are held are
    /// still open.
    pub(crate) gained_kib: f64,
    /// What the generator says.
    pub(crate) outcome: Outcome,
    /// CPU time of the generator and the sink under the load, in seconds.
    pub(crate) load_cpu: f64,
}

impl Sample {
    /// Time from the first connect to the last reply, in seconds.
    pub(crate) fn elapsed(&self) -> f64 {
        self.outcome.elapsed_ns as f64 / 1e9
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} s CPU in {:.3} s, load {:.3} s, {:.0} KiB, foreign {:.0} %",
            self.cpu,
            self.elapsed(),
            self.load_cpu,
            self.gained_kib,
            self.foreign * 100.0,
        )
    }
}

/// Puts one subject under one load, and checks that every message arrived whole.
pub(crate) fn measure(setup: &Setup<'_>, workload: &Workload) -> Result<Sample> {
    let folder = lab::scratch()?;
    let lab = Lab::new()?;
    let mut sink = Teller::start(&lab.sink, LOAD_CPU, &sink_arguments(setup))?;
    sink.told::<String>().context("the sink does not start")?;
    let mut proxy = setup.start(&lab.proxy, folder.path())?;
    let client = Client::of(setup, &lab);
    let greeted = client.greet(proxy.as_mut()).with_context(|| {
        let said = fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        format!("{} said {said:?}", setup.subject)
    })?;

    let (warm_up, generator) = client.generate(workload.warm_up)?;
    generator.finish()?;
    thread::sleep(SETTLE);

    let shape = workload.shape;
    let processes = match &proxy {
        Some(_) => lab.proxy.processes()?,
        None => Vec::new(),
    };
    let before = Reading::take(&lab, &processes)?;
    let (outcome, generator) = client.generate(shape)?;
    thread::sleep(if shape.hold { SETTLE_MEMORY } else { SETTLE });
    let after = Reading::take(&lab, &processes)?;
    ensure!(
        proxy.is_none() || lab.proxy.processes()? == processes,
        "the proxy's processes have changed"
    );

    sink.stop();
    let arrived: Arrived = sink.told().context("the sink does not answer")?;
    let sent = [greeted, warm_up, outcome];
    check::deliveries(shape, &sent, arrived, setup.passes_sessions_on())?;
    check::handshakes(shape, workload.resume, outcome)?;
    sink.finish()?;
    generator.finish()?;

    let cpu = (after.cpu - before.cpu).seconds();
    let foreign = after.busy - before.busy - cpu;
    Ok(Sample {
        cpu,
        foreign: foreign.max(0.0) / (after.at - before.at).as_secs_f64(),
        gained_kib: after.resident as f64 - before.resident as f64,
        outcome,
        load_cpu: (after.sink - before.sink).seconds() + outcome.cpu_ns as f64 / 1e9,
    })
}

fn sink_arguments(setup: &Setup<'_>) -> Vec<String> {
    let mut arguments = vec!["sink".to_owned()];
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    option("--listen", SINK.to_string());
    option("--auth", AUTH.to_string());
    if let Some(start) = setup.scenario.sink(setup.subject) {
        option("--tls", start.to_string());
        option("--certificate", path(&setup.credentials.certificate()));
        option("--key", path(&setup.credentials.key()));
    }
    arguments
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What is read before and after the load.
struct Reading {
    at: Instant,
    cpu: CpuTime,
    sink: CpuTime,
    busy: f64,
    resident: u64,
}

impl Reading {
    fn take(lab: &Lab, processes: &[u32]) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            cpu: CpuTime::of(processes)?,
            sink: CpuTime::of(&lab.sink.processes()?)?,
            busy: machine::busy_seconds(subject::CPU)?,
            resident: resident_kib(processes)?,
        })
    }
}

/// Where a load comes from and where it goes.
struct Client<'a> {
    namespace: &'a Namespace,
    target: SocketAddr,
    tls: ClientOptions,
}

impl<'a> Client<'a> {
    fn of(setup: &Setup<'_>, lab: &'a Lab) -> Self {
        let start = setup.scenario.client();
        let (namespace, target) = match setup.subject {
            // There is no way to the sink from anywhere else.
            Subject::Direct => (&lab.proxy, SINK),
            _ => (&lab.generator, PROXY),
        };
        Self {
            namespace,
            target,
            tls: ClientOptions {
                tls: start,
                ca: start.map(|_| setup.credentials.ca()),
                resume: setup.resume,
            },
        }
    }

    /// Offers a load. The generator keeps held sessions open until it is told to end.
    fn generate(&self, shape: Shape) -> Result<(Outcome, Teller)> {
        let Shape {
            sessions,
            at_once,
            messages,
            size,
            hold,
        } = shape;
        let mut arguments = vec!["generate".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--target", self.target.to_string());
        option("--sessions", sessions.to_string());
        option("--at-once", at_once.to_string());
        option("--messages", messages.to_string());
        option("--size", size.to_string());
        option("--limit", LIMIT.to_string());
        if let (Some(start), Some(ca)) = (self.tls.tls, &self.tls.ca) {
            option("--tls", start.to_string());
            option("--ca", path(ca));
        }
        arguments.extend(self.tls.resume.then(|| "--resume".to_owned()));
        arguments.extend(hold.then(|| "--hold".to_owned()));
        let mut teller = Teller::start(self.namespace, LOAD_CPU, &arguments)?;
        Ok((teller.told()?, teller))
    }

    /// Waits until the proxy listens, then has one session with it, without mail.
    fn greet(&self, mut proxy: Option<&mut Running>) -> Result<Outcome> {
        let load = Load {
            target: self.target,
            sessions: 1,
            at_once: 1,
            messages: 0,
            size: 0,
            hold: false,
            limit: START.as_secs(),
            tls: self.tls.clone(),
        };
        let began = Instant::now();
        loop {
            match self.namespace.enter(|| generator::run(&load))? {
                Ok((outcome, _)) => return Ok(outcome),
                Err(error) if began.elapsed() > START => {
                    return Err(error.context("the first session failed"));
                }
                Err(_) => proxy.as_mut().map_or(Ok(()), |proxy| proxy.must_run())?,
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
