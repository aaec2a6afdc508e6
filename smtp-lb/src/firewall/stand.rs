//! The loaded program on a test stand: on no interface, fed by `BPF_PROG_TEST_RUN`.
//!
//! What is run here is counted and told like traffic, under pins of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use smtp_lb_common::abi::{PROGRAM, Tally};
use smtp_lb_common::added::{Entry, Key};
use smtp_lb_common::answer::HEAD;
use smtp_lb_common::explain::Answer;
use smtp_lb_common::image::Line;

use super::capture::{Capture, CaptureRequest};
use super::compile::Compiled;
use super::counters::{self, Counters};
use super::loader::{self, Loaded};
use super::loader::{AttachMode, ExtraMap, Ring};
use super::{FirewallError, explain, image_map, object, pins, reputation};

/// The program, loaded. Its pins go when it is dropped.
pub struct Stand {
    loaded: Loaded,
    pin_path: PathBuf,
}

impl Stand {
    /// Loads the program under `pin_path`, which must be a folder of the caller's own.
    pub fn load(pin_path: &Path) -> Result<Self, FirewallError> {
        Self::load_program(object(), PROGRAM, pin_path)
    }

    /// Loads one program of any object that has the filter's maps.
    pub fn load_program(
        object: Option<&[u8]>,
        name: &str,
        pin_path: &Path,
    ) -> Result<Self, FirewallError> {
        let loaded = loader::load(object, name, pin_path).inspect_err(|_| {
            // Maps are pinned before the kernel may refuse the program. As in `drop`.
            let _ = pins::detach(pin_path);
        })?;
        Ok(Self {
            loaded,
            pin_path: pin_path.to_owned(),
        })
    }

    /// Runs another program of the object from here on, with the same maps.
    pub fn choose(&mut self, name: &str) -> Result<(), FirewallError> {
        Ok(self.loaded.choose(name)?)
    }

    /// Puts the program on an interface of this thread's network namespace, in the driver or in the
    /// kernel's generic hook. It goes with the pins.
    pub fn attach(&mut self, interface: &str, native: bool) -> Result<(), FirewallError> {
        let mode = if native {
            AttachMode::Native
        } else {
            AttachMode::Generic
        };
        self.loaded.attach(interface, &[mode])?;
        Ok(())
    }

    /// A map of the object that the filter itself does not use.
    pub fn take_map(&mut self, name: &str) -> Option<ExtraMap> {
        self.loaded.take_map(name)
    }

    /// Puts an image in force.
    pub fn image(&mut self, compiled: &Compiled) -> Result<(), FirewallError> {
        image_map::fill(&compiled.lines)?.switch(&mut self.loaded.image)?;
        Ok(())
    }

    /// Puts a reputation image in force.
    pub fn reputation(&mut self, lines: &[Line]) -> Result<(), FirewallError> {
        image_map::fill(lines)?.switch(&mut self.loaded.reputation)?;
        Ok(())
    }

    /// Adds reputation entries, all of them of networks of these lengths: IPv4's in the low half.
    pub fn add(&mut self, entries: &[(Key, Entry)], lengths: u64) -> Result<(), FirewallError> {
        for (key, entry) in entries {
            reputation::insert(&mut self.loaded, key, entry)?;
        }
        reputation::set_lengths(&mut self.loaded, lengths)
    }

    /// What the sets have counted, by set and profile.
    pub fn hits(&self, sets: &[u32]) -> Result<BTreeMap<u32, Tally>, FirewallError> {
        reputation::hits(&self.loaded, sets)
    }

    /// Runs the program on one frame of at least 14 octets; returns its XDP action.
    pub fn run(&mut self, frame: &[u8]) -> Result<u32, FirewallError> {
        Ok(self.answer(frame)?.0)
    }

    /// The same, and what the frame is afterwards.
    pub fn answer(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>), FirewallError> {
        let mut out = vec![0; frame.len() + HEAD];
        let (action, length) = self.loaded.test_run(frame, 0, 0, &mut out)?;
        out.truncate(length);
        Ok((action, out))
    }

    /// Runs the program `repeat` times on one frame; returns the mean time of a run, as the
    /// kernel measured it.
    pub fn time(&mut self, frame: &[u8], repeat: u32) -> Result<Duration, FirewallError> {
        Ok(self.loaded.test_time(frame, repeat)?)
    }

    /// Asks the program about one frame without a trace.
    pub fn explain(&mut self, frame: &[u8]) -> Result<Answer, FirewallError> {
        explain::ask(&mut self.loaded, frame, 0)
    }

    /// Counters under the names of `compiled`.
    pub fn counters(&self, compiled: &Compiled) -> Result<Counters, FirewallError> {
        let loaded = &self.loaded;
        Ok(counters::read(
            &loaded.totals,
            &loaded.counters,
            &compiled.slots,
        )?)
    }

    /// Begins to capture frames with their verdict, under the names of `compiled`.
    pub fn capture(
        &self,
        compiled: &Compiled,
        request: &CaptureRequest,
    ) -> Result<Capture, FirewallError> {
        let slots = Arc::new(ArcSwap::from_pointee(compiled.slots.clone()));
        let maps = Arc::clone(&self.loaded.capture);
        Ok(Capture::begin(maps, slots, request)?)
    }

    /// The event rings.
    pub fn rings(&self) -> Result<Vec<Ring>, FirewallError> {
        Ok(self.loaded.rings()?)
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // What cannot be removed is found by `smtp-lb firewall detach`.
        let _ = pins::detach(&self.pin_path);
    }
}
