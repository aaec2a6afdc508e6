//! One measurement: a fresh network, sink and proxy under one load.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::subject::{self, Setup, Subject};
use super::workload::{Shape, Workload};
use crate::digest::Tally;
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
    check(shape, &sent, arrived, setup.passes_sessions_on())?;
    check_resumption(workload, outcome)?;
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

/// What arrived must be what was sent, and what was sent must be all that was asked for. The
/// sink must have seen the same sessions if `by_session`, else only the same messages.
fn check(shape: Shape, sent: &[Outcome], arrived: Arrived, by_session: bool) -> Result<()> {
    let mut expected = if by_session {
        Arrived::default()
    } else {
        Arrived {
            tally: Tally::default(),
            ..arrived
        }
    };
    for load in sent {
        expected.tally = expected.tally.plus(load.tally);
        if by_session {
            expected.opened += load.opened;
            expected.finished += load.finished;
        }
    }
    ensure!(
        expected == arrived,
        "sent {expected:?}, arrived {arrived:?}"
    );
    let messages = if shape.hold {
        0
    } else {
        shape.sessions * shape.messages
    };
    let bytes = messages * shape.size as u64;
    let whole = sent.last().is_some_and(|load| {
        load.opened == shape.sessions
            && (load.tally.messages, load.tally.bytes) == (messages, bytes)
    });
    ensure!(whole, "asked for {shape:?}, sent {sent:?}");
    Ok(())
}

/// The first sessions have nothing to take up; all later ones must, or none may.
fn check_resumption(workload: &Workload, outcome: Outcome) -> Result<()> {
    let (least, most) = if workload.resume {
        let first = workload.shape.at_once;
        (outcome.finished.saturating_sub(first), outcome.finished)
    } else {
        (0, 0)
    };
    let resumed = outcome.resumed;
    ensure!(
        (least..=most).contains(&resumed),
        "{resumed} of {} handshakes were resumed, not {least} to {most}",
        outcome.finished
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        sessions: 2,
        at_once: 1,
        messages: 3,
        size: 10,
        hold: false,
    };

    fn sent() -> Outcome {
        let tally = Tally {
            messages: 6,
            bytes: 60,
            digest: 7,
        };
        Outcome {
            opened: 2,
            finished: 2,
            resumed: 0,
            tally,
            elapsed_ns: 1,
            p50_ns: 1,
            p99_ns: 1,
            cpu_ns: 1,
        }
    }

    fn arrived(sent: &[Outcome]) -> Arrived {
        let tally = sent
            .iter()
            .fold(Tally::default(), |sum, load| sum.plus(load.tally));
        let finished = sent.iter().map(|load| load.finished).sum::<u64>();
        let opened = sent.iter().map(|load| load.opened).sum::<u64>();
        Arrived {
            opened,
            finished,
            tally,
        }
    }

    #[test]
    fn what_arrived_whole_passes() {
        let loads = [sent(), sent()];
        check(SHAPE, &loads, arrived(&loads), true).unwrap();
        let held = Outcome {
            finished: 0,
            tally: Tally::default(),
            ..sent()
        };
        check(
            Shape {
                hold: true,
                ..SHAPE
            },
            &[held],
            arrived(&[held]),
            true,
        )
        .unwrap();
    }

    #[test]
    fn any_difference_fails() {
        let changes: [fn(&mut Arrived); 5] = [
            |it| it.opened += 1,
            |it| it.finished -= 1,
            |it| it.tally.messages -= 1,
            |it| it.tally.bytes += 1,
            |it| it.tally.digest ^= 1,
        ];
        for change in changes {
            let mut arrived = arrived(&[sent()]);
            change(&mut arrived);
            assert!(
                check(SHAPE, &[sent()], arrived, true).is_err(),
                "{arrived:?}"
            );
        }
    }

    #[test]
    fn who_reads_smtp_may_have_other_sessions_but_no_other_messages() {
        let more = Arrived {
            opened: 9,
            finished: 8,
            ..arrived(&[sent()])
        };
        check(SHAPE, &[sent()], more, false).unwrap();
        let mut less = more;
        less.tally.messages -= 1;
        assert!(check(SHAPE, &[sent()], less, false).is_err());
    }

    #[test]
    fn less_than_asked_for_fails() {
        for shape in [
            Shape {
                sessions: 3,
                ..SHAPE
            },
            Shape {
                messages: 4,
                ..SHAPE
            },
            Shape { size: 11, ..SHAPE },
        ] {
            assert!(
                check(shape, &[sent()], arrived(&[sent()]), true).is_err(),
                "{shape:?}"
            );
        }
    }
}
