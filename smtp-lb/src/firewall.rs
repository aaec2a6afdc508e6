//! The packet filter: compile the image, load it, attach, count, explain.
//!
//! Verdicts are made by `smtp-lb-common`, in the kernel program or, where that cannot be had,
//! at accept. This module never sees a session.

mod build_frame;
mod capture;
mod chains;
mod compile;
mod counters;
mod explain;
mod floods;
mod image_map;
mod intervals;
mod label;
mod layout;
mod loader;
mod netlink;
mod now;
mod pieces;
mod pins;
mod profiles;
mod protection;
mod replay;
mod report;
mod reputation;
mod staged;
mod stand;
mod start;
mod syncookies;
mod userspace;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use smtp_lb_common::reason::Reason;
pub use smtp_lb_common::reason::Verdict;
use smtp_lb_common::staged::Compared;
use thiserror::Error;

pub use build_frame::{ExplainRequest, FrameError, frame};
pub use capture::{Capture, CaptureError, CaptureRequest, CapturedPacket};
pub use compile::{CompileError, Compiled, compile, read_names};
pub use counters::{
    AnswerCounts, Count, Counters, EventCounts, Row, pinned_counters, pinned_reputation,
};
pub use explain::Explanation;
pub use image_map::ImageMapError;
pub(crate) use intervals::Interval;
pub use label::{
    Allocator, BUILT_IN, DEFAULT, FAILSAFE, GLOBAL, HOST, Label, Slots, VIRTUAL_SERVER, Word,
};
pub(crate) use layout::Lines;
pub use loader::{ExtraMap, LoadError, Ring, object};
pub use netlink::NetlinkError;
pub use now::Now;
pub use pins::{DetachReport, PinError};
pub(crate) use profiles::{deed, pairs, policy_label};
pub(crate) use protection::SYN_COOKIE;
pub use protection::detach;
pub use replay::{Judge, Judgement};
pub use report::{FirewallReport, InForce, InterfaceReport};
pub use staged::Staged;
pub use stand::Stand;
pub(crate) use syncookies::{ALL as ALL_SYNCOOKIES, Syncookies};

use crate::clock;
use crate::config::plan::{Enforcement, Plan};
use crate::event::Bus;
use crate::event::model::Kind;
use crate::reputation::sets::Sets;
use loader::Loaded;
use userspace::Userspace;

/// The firewall cannot do what was asked.
#[derive(Debug, Error)]
pub enum FirewallError {
    /// The plan does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The kernel program is not in force.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The image is not in force.
    #[error(transparent)]
    Image(#[from] ImageMapError),
    /// The made-up packet cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// What the plan changes is decided once, at start.
    #[error("a change of {what} under [firewall] takes a restart")]
    NeedsRestart {
        /// The keys.
        what: &'static str,
    },
    /// Nothing is pinned there.
    #[error("no firewall is pinned under {path}")]
    NotPinned {
        /// The pin folder.
        path: PathBuf,
    },
    /// Frames cannot be captured as asked.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The program did not answer; another version is loaded.
    #[error("the loaded program does not explain itself")]
    NoAnswer,
}

enum Backend {
    Kernel(Box<Mutex<Loaded>>),
    Userspace(Arc<Userspace>),
}

/// The firewall in force.
pub struct Firewall {
    backend: Backend,
    report: FirewallReport,
    fixed: Fixed,
    slots: Arc<ArcSwap<Slots>>,
    now: ArcSwap<Now>,
    sets: Arc<ArcSwap<Sets>>,
    generation: std::sync::atomic::AtomicU32,
}

/// What a reload cannot change.
#[derive(Clone, PartialEq, Eq)]
struct Fixed {
    enforcement: Enforcement,
    interfaces: Vec<String>,
    pin_path: PathBuf,
}

impl Fixed {
    fn of(plan: &Plan) -> Self {
        Self {
            enforcement: plan.firewall.enforcement,
            interfaces: plan.firewall.interfaces.clone(),
            pin_path: plan.firewall.pin_path.clone(),
        }
    }
}

/// A compiled plan that is ready to be put in force.
pub struct Prepared {
    compiled: Compiled,
    now: Now,
    filled: Option<image_map::Filled>,
}

impl Firewall {
    /// Compiles the plan and puts it in force: in XDP where it is asked for and can be had.
    ///
    /// A pinned filter of a former run stays in force until this one takes its place.
    pub fn start(plan: &Plan) -> Result<Self, FirewallError> {
        let now = Now::at(plan, Timestamp::now());
        let (backend, report) = start::start(plan, &now)?;
        let slots = match &backend {
            Backend::Kernel(loaded) => image_map::slots(&lock(loaded).image)?,
            Backend::Userspace(userspace) => userspace.slots(),
        };
        Ok(Self {
            backend,
            report,
            fixed: Fixed::of(plan),
            slots: Arc::new(ArcSwap::from_pointee(slots)),
            now: ArcSwap::from_pointee(now),
            sets: Arc::default(),
            generation: 1.into(),
        })
    }

    /// What is in force.
    #[must_use]
    pub fn report(&self) -> FirewallReport {
        self.report.clone()
    }

    /// Compiles `plan` beside what is in force. Changes nothing.
    pub fn prepare(&self, plan: &Plan) -> Result<Prepared, FirewallError> {
        if Fixed::of(plan) != self.fixed {
            return Err(FirewallError::NeedsRestart {
                what: "enforcement, interfaces or pin_path",
            });
        }
        let generation = self
            .generation
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let slots = self.slots.load().as_ref().clone();
        let now = Now::at(plan, Timestamp::now());
        let compiled = compile(plan, &now, slots, generation.wrapping_add(1))?;
        let filled = match &self.backend {
            Backend::Kernel(_) => Some(image_map::fill(&compiled.lines)?),
            Backend::Userspace(_) => None,
        };
        Ok(Prepared {
            compiled,
            now,
            filled,
        })
    }

    /// Puts a prepared plan in force with one write. Counters of names that stay go on.
    pub fn commit(&self, prepared: Prepared) -> Result<(), FirewallError> {
        // Names before the image: no event and no counter of the new one is ever nameless. They
        // are a superset of the old ones, so a switch that fails leaves nothing wrong.
        self.slots.store(Arc::new(prepared.compiled.slots.clone()));
        match &self.backend {
            Backend::Kernel(loaded) => {
                if let Some(filled) = prepared.filled {
                    filled.switch(&mut lock(loaded).image)?;
                }
            }
            Backend::Userspace(userspace) => userspace.replace(prepared.compiled),
        }
        self.now.store(Arc::new(prepared.now));
        Ok(())
    }

    /// Counters by context, rule and verdict.
    pub fn counters(&self) -> Result<Counters, FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => {
                let loaded = lock(loaded);
                let slots = self.slots.load();
                Ok(counters::read(&loaded.totals, &loaded.counters, &slots)?)
            }
            Backend::Userspace(userspace) => Ok(userspace.counters()),
        }
    }

    /// Runs a made-up packet through the loaded program, which counts and tells nothing of it.
    pub fn explain(&self, request: &ExplainRequest) -> Result<Explanation, FirewallError> {
        let frame = frame(request)?;
        let (verdict, reason, slot, log, set, passed, staged) = match &self.backend {
            Backend::Kernel(loaded) => {
                let name = request.interface.as_ref().or(self.fixed.interfaces.first());
                let index = match name {
                    Some(name) => loader::find(name)?.index,
                    None => 0,
                };
                let answer = explain::ask(&mut lock(loaded), &frame, index)?;
                (
                    Verdict::from_u8(answer.verdict).ok_or(FirewallError::NoAnswer)?,
                    Reason::from_u8(answer.reason).ok_or(FirewallError::NoAnswer)?,
                    answer.slot,
                    answer.asked == 1,
                    answer.set,
                    answer.passed,
                    answer.staged.map(Compared::unpack),
                )
            }
            Backend::Userspace(userspace) => {
                let (decision, staged) = userspace.explain(&frame, clock::monotonic());
                (
                    decision.verdict,
                    decision.reason,
                    decision.slot,
                    decision.log,
                    decision.listed.set,
                    decision.passed.slot,
                    staged,
                )
            }
        };
        let slots = self.slots.load();
        let label = slots.label(slot);
        let passed = (passed != 0).then(|| slots.label(passed)).flatten();
        let listed = self.sets.load().get(set).map(<[_]>::to_vec);
        Ok(Explanation::new(
            verdict,
            reason,
            log,
            label,
            passed.as_ref(),
            listed.unwrap_or_default(),
            Staged::of(staged, &slots),
        ))
    }

    /// Judges connections at accept, where the kernel does not judge packets.
    #[must_use]
    pub fn accept_filter(&self, bus: &Bus) -> Option<AcceptFilter> {
        match &self.backend {
            Backend::Kernel(_) => None,
            Backend::Userspace(_) if self.report.mode == InForce::Off => None,
            Backend::Userspace(userspace) => {
                let (userspace, bus) = (Arc::clone(userspace), bus.clone());
                let feeds = self.feeds();
                Some(Arc::new(move |client, local| {
                    userspace.allows(client, local, clock::monotonic(), &feeds, |event| {
                        bus.tell(Kind::Firewall(event));
                    })
                }))
            }
        }
    }

    /// Begins to capture frames with their verdict.
    pub fn capture(&self, request: &CaptureRequest) -> Result<Capture, FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => {
                let maps = Arc::clone(&lock(loaded).capture);
                Ok(Capture::begin(maps, self.slots(), request)?)
            }
            Backend::Userspace(_) => Err(CaptureError::NoFrames.into()),
        }
    }

    /// The event rings, one for each CPU; none where the kernel does not filter.
    pub fn rings(&self) -> Result<Vec<Ring>, FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => Ok(lock(loaded).rings()?),
            Backend::Userspace(_) => Ok(Vec::new()),
        }
    }

    /// What the image in force was compiled for.
    #[must_use]
    pub fn now(&self) -> Arc<Now> {
        self.now.load_full()
    }

    /// Names of the slots in force, for whoever reads the rings.
    #[must_use]
    pub fn slots(&self) -> Arc<ArcSwap<Slots>> {
        Arc::clone(&self.slots)
    }
}

/// Judges a connection by client and local address.
pub type AcceptFilter = Arc<dyn Fn(SocketAddr, SocketAddr) -> Verdict + Send + Sync>;

// A panic under the lock leaves maps and links as the kernel has them.
fn lock(loaded: &Mutex<Loaded>) -> MutexGuard<'_, Loaded> {
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}
