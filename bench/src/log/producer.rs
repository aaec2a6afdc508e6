//! Offers events at one rate after another, by the packet filter itself, and counts what becomes of them.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use smtp_lb::event::{LogStatus, Pipeline};
use smtp_lb::firewall::{Compiled, Stand};

use super::trial::{Told, Tried};

/// Packets of one call, at the most: less than a ring holds.
const CHUNK: u64 = 20_000;
/// Between two looks at what is due.
const PAUSE: Duration = Duration::from_micros(200);
/// What a queue holds still must be sent in so long.
const DRAIN: Duration = Duration::from_secs(20);
/// A rate that nothing has to fear, and by how much it grows until events are lost.
const CALM: f64 = 100_000.0;
const STEP: f64 = 1.4;
/// More than a CPU can produce.
const MOST: f64 = 8_000_000.0;

/// Runs the packet filter, and watches the pipeline.
pub(super) struct Producer<'a> {
    pub(super) stand: Stand,
    pub(super) compiled: &'a Compiled,
    pub(super) pipeline: &'a Pipeline,
    pub(super) frame: Vec<u8>,
    /// Where records are written, if that is a file.
    pub(super) file: Option<PathBuf>,
    /// Of each rate.
    pub(super) seconds: f64,
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

impl Producer<'_> {
    /// A calm rate, then faster and faster until events are lost; between the two; and on until the rings
    /// lose some.
    pub(super) fn all(&mut self) -> Result<Told> {
        let warm = self.rate(CALM)?.sent;
        let mut tried = vec![self.rate(CALM)?];
        let (mut low, mut high) = (CALM, CALM);
        while high < MOST {
            high *= STEP;
            if !self.is_kept_up_with(high, &mut tried)? {
                break;
            }
            low = high;
        }
        for _ in 0..3 {
            let middle = (low * high).sqrt();
            if self.is_kept_up_with(middle, &mut tried)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        while tried.iter().all(|tried| tried.ring == 0) && high < MOST {
            high *= STEP;
            tried.push(self.rate(high)?);
        }
        Ok(Told { warm, tried })
    }

    /// One that is not is tried again: others may have had the CPU.
    fn is_kept_up_with(&mut self, rate: f64, tried: &mut Vec<Tried>) -> Result<bool> {
        for _ in 0..2 {
            let last = self.rate(rate)?;
            tried.push(last);
            if last.is_kept_up_with() {
                return Ok(true);
            }
        }
        Ok(false)
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
