//! One measurement: a fresh network, sink and proxy under one load.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::subject::{self, Subject};
use super::workload::{Shape, Workload};
use crate::digest::Tally;
use crate::generator::Outcome;
use crate::lab::{self, Lab, PROXY, SINK};
use crate::machine;
use crate::process::{CpuTime, Running, Teller, resident_kib};
use crate::sink::Arrived;

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
pub(crate) fn measure(subject: Subject, workload: Workload, smtp_lb: &Path) -> Result<Sample> {
    let folder = lab::scratch()?;
    let lab = Lab::new()?;
    let mut sink = Teller::start(
        &lab.sink,
        LOAD_CPU,
        &["sink".to_owned(), "--listen".to_owned(), SINK.to_string()],
    )?;
    sink.told::<String>().context("the sink does not start")?;
    let mut proxy = subject.start(&lab.proxy, smtp_lb, folder.path())?;
    greet(&lab, &mut proxy).with_context(|| {
        let said = fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        format!("{subject} said {said:?}")
    })?;

    let (warm_up, generator) = generate(&lab, workload.warm_up())?;
    generator.finish()?;
    thread::sleep(SETTLE);

    let shape = workload.shape();
    let processes = lab.proxy.processes()?;
    let before = Reading::take(&lab, &processes)?;
    let (outcome, generator) = generate(&lab, shape)?;
    thread::sleep(if shape.hold { SETTLE_MEMORY } else { SETTLE });
    let after = Reading::take(&lab, &processes)?;
    ensure!(
        lab.proxy.processes()? == processes,
        "the proxy's processes have changed"
    );

    sink.stop();
    let arrived: Arrived = sink.told().context("the sink does not answer")?;
    check(shape, &[warm_up, outcome], arrived)?;
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

/// Offers a load. The generator keeps held sessions open until it is told to end.
fn generate(lab: &Lab, shape: Shape) -> Result<(Outcome, Teller)> {
    let Shape {
        sessions,
        at_once,
        messages,
        size,
        hold,
    } = shape;
    let mut arguments = vec!["generate".to_owned()];
    for (option, value) in [
        ("--target", PROXY.to_string()),
        ("--sessions", sessions.to_string()),
        ("--at-once", at_once.to_string()),
        ("--messages", messages.to_string()),
        ("--size", size.to_string()),
        ("--limit", LIMIT.to_string()),
    ] {
        arguments.extend([option.to_owned(), value]);
    }
    arguments.extend(hold.then(|| "--hold".to_owned()));
    let mut teller = Teller::start(&lab.generator, LOAD_CPU, &arguments)?;
    Ok((teller.told()?, teller))
}

/// Waits until the proxy listens, then has one session with it.
fn greet(lab: &Lab, proxy: &mut Running) -> Result<()> {
    let began = Instant::now();
    loop {
        match lab
            .generator
            .enter(|| TcpStream::connect_timeout(&PROXY, START))?
        {
            Ok(stream) => return quit(stream).context("the first session failed"),
            Err(error) if began.elapsed() > START => bail!("the proxy does not listen: {error}"),
            Err(_) => proxy.must_run()?,
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn quit(mut stream: TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(START))?;
    stream.write_all(b"QUIT\r\n")?;
    let mut replies = String::new();
    stream.read_to_string(&mut replies)?;
    ensure!(
        replies.starts_with("220 ") && replies.contains("\n221 "),
        "{replies:?}"
    );
    Ok(())
}

/// What arrived must be what was sent, and what was sent must be all that was asked for.
fn check(shape: Shape, sent: &[Outcome], arrived: Arrived) -> Result<()> {
    // The session that `greet` had.
    let mut expected = Arrived {
        opened: 1,
        finished: 1,
        ..arrived
    };
    expected.tally = sent
        .iter()
        .fold(Tally::default(), |sum, load| load.tally.plus(sum));
    for load in sent {
        expected.opened += load.opened;
        expected.finished += load.finished;
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
        let finished = 1 + sent.iter().map(|load| load.finished).sum::<u64>();
        let opened = 1 + sent.iter().map(|load| load.opened).sum::<u64>();
        Arrived {
            opened,
            finished,
            tally,
        }
    }

    #[test]
    fn what_arrived_whole_passes() {
        let loads = [sent(), sent()];
        check(SHAPE, &loads, arrived(&loads)).unwrap();
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
            assert!(check(SHAPE, &[sent()], arrived).is_err(), "{arrived:?}");
        }
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
                check(shape, &[sent()], arrived(&[sent()])).is_err(),
                "{shape:?}"
            );
        }
    }
}
