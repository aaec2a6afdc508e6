//! rsyslogd: the same records from a Unix socket (imuxsock) or a file (imfile), to the same destinations.
//!
//! Both inputs wait for rsyslog, so that it loses nothing and its rate is what it can do at the most.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::collector::Collector;
use super::{AROUND, Outcome, SUBJECT, Way, pin};
use crate::interrupt;
use crate::process::CpuTime;

/// Between two looks at what came.
const PAUSE: Duration = Duration::from_millis(2);
/// To begin, and for one record to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// rsyslogd, killed and reaped when dropped.
struct Rsyslog(Child);

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where records arrive.
enum Arrival {
    Collector(Collector),
    /// Octets of a file that are expected in all.
    File(std::path::PathBuf, u64),
}

impl Arrival {
    /// The part of all records that has come.
    fn part(&self, all: usize) -> f64 {
        match self {
            Self::Collector(collector) => collector.came() as f64 / all as f64,
            Self::File(path, octets) => {
                let length = fs::metadata(path).map_or(0, |data| data.len());
                length as f64 / *octets as f64
            }
        }
    }
}

/// One turn: all records, by imfile or imuxsock.
pub(crate) fn turn(way: Way, by_file: bool, records: &[Vec<u8>], folder: &Path) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(folder)?;
    let path = |name: &str| folder.path().join(name);
    let octets = records.iter().map(|record| record.len() as u64 + 1).sum();
    let arrival = match way {
        Way::File => Arrival::File(path("out"), octets),
        Way::Tcp => Arrival::Collector(Collector::tcp()?),
        Way::Udp => Arrival::Collector(Collector::udp()?),
    };
    let (input, output) = (path("in"), path("out"));
    if by_file {
        // What is there already is read from its beginning.
        let mut file = BufWriter::new(File::create(&input)?);
        for record in records {
            file.write_all(record)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
    }
    let configuration = configuration(&arrival, way, by_file, (&input, &output), folder.path());
    fs::write(path("conf"), configuration)?;
    let rsyslog = start(&path("conf"), &path("pid"))?;
    let pid = [rsyslog.0.id()];
    let (began, cpu, first);
    if by_file {
        // From the first record on, so that the start is not in it.
        wait(|| arrival.part(records.len()) > 0.0)?;
        first = arrival.part(records.len());
        (began, cpu) = (Instant::now(), CpuTime::of(&pid)?);
    } else {
        wait(|| input.exists())?;
        thread::sleep(100 * PAUSE);
        let socket = UnixDatagram::unbound()?;
        socket.connect(&input)?;
        first = 0.0;
        (began, cpu) = (Instant::now(), CpuTime::of(&pid)?);
        for record in records {
            socket.send(record)?;
        }
    }
    // Over UDP some may be lost on the way: it is over when no more comes.
    let (mut part, mut last) = (0.0, Instant::now());
    while part < 0.999_999 {
        interrupt::check()?;
        thread::sleep(PAUSE);
        let now = arrival.part(records.len());
        if now > part {
            (part, last) = (now, Instant::now());
        } else if last.elapsed() > 250 * PAUSE && way == Way::Udp && part > 0.5 {
            break;
        }
        ensure!(last.elapsed() < PATIENCE, "stuck at {part}");
    }
    let spent = (CpuTime::of(&pid)? - cpu).seconds();
    let events = (part - first) * records.len() as f64;
    Ok(Outcome {
        rate: events / (last - began).as_secs_f64(),
        most: None,
        cpu: spent / events * 1e5,
        calm: None,
        loses_at: None,
        ring_at: None,
        offered: None,
        came: part,
    })
}

/// Starts it on its CPU. It ends with this thread, also when that is killed.
fn start(configuration: &Path, pid: &Path) -> Result<Rsyslog> {
    // A child inherits the CPU.
    pin(SUBJECT)?;
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "rsyslogd", "-n", "-f"])
        .arg(configuration)
        .arg("-i")
        .arg(pid)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    pin(AROUND)?;
    Ok(Rsyslog(child.context(
        "setpriv, rsyslogd: `cargo xtask provision --tests` installs it",
    )?))
}

fn wait(mut ready: impl FnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while !ready() {
        ensure!(began.elapsed() < PATIENCE, "rsyslogd does not begin");
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Large batches and queues, no rate limits, records as they came: what helps it.
fn configuration(
    arrival: &Arrival,
    way: Way,
    by_file: bool,
    (input, output): (&Path, &Path),
    work: &Path,
) -> String {
    let global = format!(
        "global(workDirectory=\"{}\" maxMessageSize=\"8k\")\n\
         main_queue(queue.type=\"FixedArray\" queue.size=\"200000\" queue.dequeueBatchSize=\"2048\")\n",
        work.display()
    );
    let input = input.display();
    let (input, record) = if by_file {
        let input =
            format!("module(load=\"imfile\")\ninput(type=\"imfile\" File=\"{input}\" Tag=\"t\")\n");
        (input, "%msg%")
    } else {
        let input = format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{input}\" RateLimit.Interval=\"0\" \
             UseSpecialParser=\"off\" IgnoreTimestamp=\"off\")\n"
        );
        (input, "%rawmsg%")
    };
    let action = match arrival {
        Arrival::Collector(collector) => format!(
            "type=\"omfwd\" Target=\"{}\" Port=\"{}\" Protocol=\"{}\" Template=\"bare\"",
            collector.address.ip(),
            collector.address.port(),
            if way == Way::Udp { "udp" } else { "tcp" }
        ),
        Arrival::File(..) => format!(
            "type=\"omfile\" File=\"{}\" Template=\"line\" asyncWriting=\"off\" \
             ioBufferSize=\"256k\" flushOnTXEnd=\"on\" flushInterval=\"1\"",
            output.display()
        ),
    };
    format!(
        "{global}{input}\
         template(name=\"line\" type=\"string\" string=\"{record}\\n\")\n\
         template(name=\"bare\" type=\"string\" string=\"{record}\")\n\
         action({action})\n"
    )
}
