//! Frames with random sources, as fast as they go.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp, XdpMode};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::super::feed::Family;
use super::super::paths::to_server;
use super::super::rig::{Pick, Set, Tables};
use super::cable::{Cable, MACS};

/// Where frames are made.
const GENERATOR: usize = 0;
/// Frames given to the cable at once.
const BATCH: u32 = 64;
/// Frames of one call.
const CALL: u32 = 1 << 16;
/// How long frames are offered before it counts, and then.
const WARM: Duration = Duration::from_millis(50);
const TIME: Duration = Duration::from_millis(400);

/// What makes frames.
pub(crate) struct Offer {
    ebpf: Ebpf,
    pub(crate) tables: Tables,
}

/// What a receiver took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Nanoseconds of its thread for each frame.
    pub(crate) nanoseconds: f64,
    /// Frames in a second.
    pub(crate) rate: f64,
    /// Of them, the part that came to the host's IP and through it.
    pub(crate) delivered: f64,
}

impl Offer {
    /// Loads the generator.
    pub(crate) fn new(object: &[u8]) -> Result<Self> {
        let mut ebpf = Ebpf::load(object)?;
        for name in ["bench_offer", "bench_empty"] {
            program(&mut ebpf, name)?.load()?;
        }
        let mut take = |name: &str| ebpf.take_map(name).with_context(|| name.to_owned());
        let tables = Tables::new(take("BENCH_SOURCES")?, take("BENCH_TEMPLATE")?)?;
        Ok(Self { ebpf, tables })
    }

    /// Makes a cable's end fit to be sent from, which takes a program there.
    pub(crate) fn join(&mut self, cable: &Cable) -> Result<()> {
        let ebpf = &mut self.ebpf;
        cable.generator.enter(|| -> Result<()> {
            program(ebpf, "bench_empty")?.attach_to_if_index(cable.index, XdpMode::Driver)?;
            Ok(())
        })?
    }

    /// Offers frames with the sources of a set.
    pub(crate) fn turn(&mut self, cable: &Cable, set: Set) -> Result<Taken> {
        // TCP's ports and flags, and filled up.
        let mut frame = to_server(Family::V4, 6, 25)?;
        frame.resize(64, 0);
        frame[..6].copy_from_slice(&MACS[1]);
        frame[6..12].copy_from_slice(&MACS[0]);
        self.tables.prepare(&frame, set, Pick::Random)?;
        let thread = cable.thread()?;
        self.offer(cable, &frame, WARM)?;
        let before = cable.counted(thread)?;
        let took = self.offer(cable, &frame, TIME)?;
        let after = cable.counted(thread)?;
        let received = (after.received - before.received) as f64;
        Ok(Taken {
            nanoseconds: (after.busy - before.busy) as f64 / received,
            rate: received / took.as_secs_f64(),
            delivered: (after.delivered - before.delivered) as f64 / received,
        })
    }

    fn offer(&mut self, cable: &Cable, frame: &[u8], time: Duration) -> Result<Duration> {
        let ebpf = &mut self.ebpf;
        cable.generator.enter(|| -> Result<Duration> {
            let mut cpus = CpuSet::new();
            cpus.set(GENERATOR);
            sched_setaffinity(None, &cpus)?;
            let length = u32::try_from(frame.len())?;
            // A `struct xdp_md`.
            let context: Vec<u8> = [0, length, 0, cable.index, 0, 0]
                .iter()
                .flat_map(|word: &u32| word.to_ne_bytes())
                .collect();
            let began = Instant::now();
            while began.elapsed() < time {
                let mut options = TestRunOptions::new();
                options.data_in = Some(frame);
                options.ctx_in = Some(&context);
                options.repeat = CALL;
                options.attrs = TestRunAttrs::new().xdp_live_frames(BATCH);
                program(ebpf, "bench_offer")?.test_run(options)?;
            }
            Ok(began.elapsed())
        })?
    }
}

/// A program of an object.
pub(crate) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    let program = ebpf
        .program_mut(name)
        .with_context(|| format!("no {name}"))?;
    Ok(program.try_into()?)
}
