//! The packet filter: compile the image, load it, attach, count, explain.
//!
//! Verdicts are made by `smtp-lb-common`, in the kernel program or, where that cannot be had,
//! at accept. This module never sees a session.

mod build_frame;
mod compile;
mod counters;
mod image_map;
mod intervals;
mod label;
mod layout;
mod loader;
mod netlink;
mod pins;
mod stand;
mod userspace;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::XdpMode;
use serde::{Deserialize, Serialize};
use smtp_lb_common::abi::{ABI_VERSION, MAP_COUNTERS, MAP_IMAGE, MAP_TOTALS};
use smtp_lb_common::explain::Answer;
use smtp_lb_common::reason::{Reason, Verdict};
use thiserror::Error;
use zerocopy::{FromBytes as _, IntoBytes as _};

pub use build_frame::{ExplainRequest, FrameError, frame};
pub use compile::{CompileError, Compiled, compile, read_names};
pub use counters::{Count, Counters, EventCounts, Row};
pub use image_map::ImageMapError;
pub use label::{Allocator, BUILT_IN, DEFAULT, FAILSAFE, HOST, Label, Slots, VIRTUAL_SERVER, Word};
pub use loader::LoadError;
pub use netlink::NetlinkError;
pub use pins::{DetachReport, PinError, detach};
pub use stand::Stand;

use crate::config::plan::{Enforcement, Plan};
use loader::Loaded;
use userspace::Userspace;

#[cfg(bpf_object)]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/smtp-lb.bpf.o"
)));
#[cfg(not(bpf_object))]
static OBJECT: Option<&[u8]> = None;

/// The kernel program built into this binary, if it was.
#[must_use]
pub fn object() -> Option<&'static [u8]> {
    OBJECT
}

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
    /// The program did not answer; another version is loaded.
    #[error("the loaded program does not explain itself")]
    NoAnswer,
}

/// Where verdicts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InForce {
    /// In the driver.
    XdpNative,
    /// In the kernel's generic hook.
    XdpGeneric,
    /// At accept.
    Userspace,
    /// Nowhere: no interface is named.
    Off,
}

/// An interface and where its packets are decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceReport {
    /// Name.
    pub name: String,
    /// Mode in force.
    pub mode: InForce,
}

/// What is in force, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallReport {
    /// As configured.
    pub enforcement: String,
    /// Mode over all: the weakest of the interfaces.
    pub mode: InForce,
    /// Each interface.
    pub interfaces: Vec<InterfaceReport>,
    /// Why something less than the best is in force.
    pub warnings: Vec<String>,
}

/// What the program says of a made-up packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// `accept` or `drop`.
    pub verdict: String,
    /// One word.
    pub reason: String,
    /// Who decided.
    pub label: Option<Label>,
    /// An event would have been asked for.
    pub log: bool,
    /// The verdict as a sentence for each step.
    pub path: Vec<String>,
}

enum Backend {
    Kernel(Mutex<Loaded>),
    Userspace(Arc<Userspace>),
}

/// The firewall in force.
pub struct Firewall {
    backend: Backend,
    report: FirewallReport,
    fixed: Fixed,
    slots: Arc<ArcSwap<Slots>>,
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
    filled: Option<image_map::Filled>,
}

impl Firewall {
    /// Compiles the plan and puts it in force: in XDP where it is asked for and can be had.
    ///
    /// A pinned filter of a former run stays in force until this one takes its place.
    pub fn start(plan: &Plan) -> Result<Self, FirewallError> {
        let fixed = Fixed::of(plan);
        let mut report = FirewallReport {
            enforcement: enforcement_name(fixed.enforcement).to_owned(),
            mode: InForce::Off,
            interfaces: Vec::new(),
            warnings: Vec::new(),
        };
        let wants_kernel =
            fixed.enforcement != Enforcement::Userspace && !fixed.interfaces.is_empty();
        let backend = if wants_kernel {
            match start_kernel(plan, &mut report) {
                Ok(loaded) => Backend::Kernel(Mutex::new(loaded)),
                Err(error) if may_fall_back(fixed.enforcement, &error) => {
                    report.warnings.push(format!(
                        "XDP cannot be had, connections are judged at accept instead: {error}"
                    ));
                    start_userspace(plan, &mut report)?
                }
                Err(error) => return Err(error),
            }
        } else {
            start_userspace(plan, &mut report)?
        };
        let slots = match &backend {
            Backend::Kernel(loaded) => {
                let loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
                slots_in_force(&loaded.image)?
            }
            Backend::Userspace(userspace) => userspace.slots(),
        };
        Ok(Self {
            backend,
            report,
            fixed,
            slots: Arc::new(ArcSwap::from_pointee(slots)),
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
        let compiled = compile(plan, slots, generation.wrapping_add(1))?;
        let filled = match &self.backend {
            Backend::Kernel(_) => Some(image_map::fill(&compiled.lines)?),
            Backend::Userspace(_) => None,
        };
        Ok(Prepared { compiled, filled })
    }

    /// Puts a prepared plan in force with one write. Counters of names that stay go on.
    pub fn commit(&self, prepared: Prepared) -> Result<(), FirewallError> {
        let slots = prepared.compiled.slots.clone();
        match &self.backend {
            Backend::Kernel(loaded) => {
                if let Some(filled) = prepared.filled {
                    filled.switch(&mut lock(loaded).image)?;
                }
            }
            Backend::Userspace(userspace) => userspace.replace(prepared.compiled),
        }
        self.slots.store(Arc::new(slots));
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
        let (verdict, reason, slot, log) = match &self.backend {
            Backend::Kernel(loaded) => {
                let name = request.interface.as_ref().or(self.fixed.interfaces.first());
                let index = match name {
                    Some(name) => loader::find(name)?.index,
                    None => 0,
                };
                let answer = explain_in_kernel(&mut lock(loaded), &frame, index)?;
                (
                    Verdict::from_u8(answer.verdict).ok_or(FirewallError::NoAnswer)?,
                    Reason::from_u8(answer.reason).ok_or(FirewallError::NoAnswer)?,
                    answer.slot,
                    answer.asked == 1,
                )
            }
            Backend::Userspace(userspace) => {
                let decision = userspace.explain(&frame);
                (
                    decision.verdict,
                    decision.reason,
                    decision.slot,
                    decision.log,
                )
            }
        };
        let label = self.slots.load().label(slot);
        Ok(Explanation {
            verdict: verdict.name().to_owned(),
            reason: reason.name().to_owned(),
            path: path(label.as_ref(), verdict, reason),
            label,
            log,
        })
    }

    /// Judges connections at accept, where the kernel does not judge packets.
    #[must_use]
    pub fn accept_filter(&self) -> Option<AcceptFilter> {
        match &self.backend {
            Backend::Kernel(_) => None,
            Backend::Userspace(_) if self.report.mode == InForce::Off => None,
            Backend::Userspace(userspace) => {
                let userspace = Arc::clone(userspace);
                Some(Arc::new(move |client, local| {
                    userspace.allows(client, local)
                }))
            }
        }
    }

    /// The event rings, one for each CPU; none where the kernel does not filter.
    pub fn rings(&self) -> Result<Vec<RingBuf<MapData>>, FirewallError> {
        match &self.backend {
            Backend::Kernel(loaded) => Ok(lock(loaded).rings()?),
            Backend::Userspace(_) => Ok(Vec::new()),
        }
    }

    /// Names of the slots in force, for whoever reads the rings.
    #[must_use]
    pub fn slots(&self) -> Arc<ArcSwap<Slots>> {
        Arc::clone(&self.slots)
    }
}

/// Judges a connection by client and local address.
pub type AcceptFilter = Arc<dyn Fn(SocketAddr, SocketAddr) -> bool + Send + Sync>;

// A panic under the lock leaves maps and links as the kernel has them.
fn lock(loaded: &Mutex<Loaded>) -> MutexGuard<'_, Loaded> {
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn enforcement_name(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Auto => "auto",
        Enforcement::XdpNative => "xdp-native",
        Enforcement::XdpGeneric => "xdp-generic",
        Enforcement::Userspace => "userspace",
    }
}

/// With `auto`, all that keeps XDP away leads to the fallback, save what the operator must mend:
/// a wrong name, or somebody else's program.
const fn may_fall_back(enforcement: Enforcement, error: &FirewallError) -> bool {
    matches!(enforcement, Enforcement::Auto)
        && !matches!(
            error,
            FirewallError::Compile(_)
                | FirewallError::Load(LoadError::NoInterface { .. } | LoadError::Occupied { .. })
        )
}

fn start_userspace(plan: &Plan, report: &mut FirewallReport) -> Result<Backend, FirewallError> {
    let compiled = compile(plan, Slots::default(), 1)?;
    let names = &plan.firewall.interfaces;
    if !names.is_empty() || plan.firewall.enforcement == Enforcement::Userspace {
        report.mode = InForce::Userspace;
        report.interfaces = names
            .iter()
            .map(|name| InterfaceReport {
                name: name.clone(),
                mode: InForce::Userspace,
            })
            .collect();
    }
    Ok(Backend::Userspace(Arc::new(Userspace::new(compiled))))
}

/// Image first, then program, then links: a packet never meets a program without its policy.
fn start_kernel(plan: &Plan, report: &mut FirewallReport) -> Result<Loaded, FirewallError> {
    let firewall = &plan.firewall;
    for name in &firewall.interfaces {
        loader::find(name)?;
    }
    let mut loaded = loader::load(object(), &firewall.pin_path)?;
    let compiled = compile(plan, slots_in_force(&loaded.image)?, 1)?;
    image_map::fill(&compiled.lines)?.switch(&mut loaded.image)?;
    let modes: &[XdpMode] = match firewall.enforcement {
        Enforcement::XdpNative => &[XdpMode::Driver],
        Enforcement::XdpGeneric => &[XdpMode::Skb],
        Enforcement::Auto | Enforcement::Userspace => &[XdpMode::Driver, XdpMode::Skb],
    };
    report.mode = InForce::XdpNative;
    for name in &firewall.interfaces {
        let (native, refusals) = loaded.attach(name, modes)?;
        let mode = if native {
            InForce::XdpNative
        } else {
            report.mode = InForce::XdpGeneric;
            InForce::XdpGeneric
        };
        if !refusals.is_empty() {
            report.warnings.push(format!(
                "{name}: native XDP cannot be had, generic XDP is in force: {}",
                refusals.join("; ")
            ));
        }
        report.interfaces.push(InterfaceReport {
            name: name.clone(),
            mode,
        });
    }
    loaded.detach_others(&firewall.interfaces);
    Ok(loaded)
}

fn slots_in_force(image: &image_map::Outer) -> Result<Slots, FirewallError> {
    Ok(image_map::read(image)?.map_or_else(Slots::default, |lines| read_names(&lines)))
}

fn explain_in_kernel(
    loaded: &mut Loaded,
    frame: &[u8],
    interface: u32,
) -> Result<Answer, FirewallError> {
    let request = Answer::request();
    let data = [request.as_bytes(), frame].concat();
    let mut out = vec![0; data.len()];
    loaded.test_run(&data, size_of::<Answer>(), interface, &mut out)?;
    match Answer::read_from_prefix(&out) {
        Ok((answer, _)) if answer.answered == 1 => Ok(answer),
        _ => Err(FirewallError::NoAnswer),
    }
}

/// The way to the verdict, step by step.
fn path(label: Option<&Label>, verdict: Verdict, reason: Reason) -> Vec<String> {
    let verdict = verdict.name();
    let Some(label) = label else {
        return vec![format!("{}: {verdict}", reason.name())];
    };
    let here = match label.virtual_server() {
        Some(name) => format!("virtual server {name}"),
        None => label.context.clone(),
    };
    let mut path = Vec::new();
    if reason == Reason::Failsafe {
        path.push(format!("failsafe: {} matches: {verdict}", label.rule));
        return path;
    }
    if label.context == BUILT_IN {
        path.push(format!("{}: {verdict}", label.rule));
        return path;
    }
    path.push("failsafe: no entry matches".to_owned());
    path.push(format!("the packet is for: {here}"));
    match (label.policy.as_str(), reason) {
        ("", _) => path.push("policy: none".to_owned()),
        (policy, Reason::Policy) => {
            path.push(format!(
                "policy {policy}: rule {} matches: {verdict}",
                label.rule
            ));
            return path;
        }
        (policy, _) => path.push(format!("policy {policy}: no rule matches")),
    }
    path.push(format!("default: {verdict}"));
    path
}

/// Counters of a pinned filter, read without the daemon.
pub fn pinned_counters(pin_path: &Path) -> Result<Counters, FirewallError> {
    let maps = pin_path.join(format!("abi-{ABI_VERSION}"));
    if !maps.exists() {
        return Err(FirewallError::NotPinned {
            path: pin_path.to_owned(),
        });
    }
    let open = |name: &str| {
        MapData::from_pin(maps.join(name))
            .map_err(|error| LoadError::Refused(loader::chain(&error)))
    };
    let refused = |error: aya::maps::MapError| LoadError::Refused(loader::chain(&error));
    let outer = aya::maps::Map::ArrayOfMaps(open(MAP_IMAGE)?);
    let outer = image_map::Outer::try_from(outer).map_err(refused)?;
    let totals = aya::maps::Map::PerCpuArray(open(MAP_TOTALS)?);
    let counters = aya::maps::Map::PerCpuArray(open(MAP_COUNTERS)?);
    let slots = slots_in_force(&outer)?;
    Ok(counters::read(
        &PerCpuArray::try_from(totals).map_err(refused)?,
        &PerCpuArray::try_from(counters).map_err(refused)?,
        &slots,
    )?)
}
