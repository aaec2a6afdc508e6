//! The kernel program: loaded once, its maps pinned, attached to interfaces by pinned links.
//!
//! Pins are laid out so that enforcement outlives the daemon and an upgrade leaves no gap:
//! `PIN/abi-N/MAP` for the maps, `PIN/links/INTERFACE` for the links. A link's program is
//! replaced in place; a link is only made where there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{ProgramError, TestRun as _, TestRunOptions, Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader, VerifierLogLevel};
use smtp_lb_common::abi::{
    ABI_VERSION, MAP_ADDED, MAP_BUCKETS, MAP_CAPTURE, MAP_CAPTURE_LOST, MAP_CAPTURE_SLOTS,
    MAP_CAPTURED, MAP_COUNTERS, MAP_FLOODS, MAP_GUARDED, MAP_HITS, MAP_IMAGE, MAP_LENGTHS,
    MAP_REPUTATION, MAP_RINGS, MAP_SPENT, MAP_TOTALS, MAP_WATCHES, MAX_CPUS, RING_BYTES,
};
use thiserror::Error;

use super::image_map::Outer;
use super::netlink;
use super::pins::{self, PinError};

/// Hits and totals as the words that they are.
pub(crate) type Counters = PerCpuArray<MapData, [u64; 3]>;
/// See [`Counters`].
pub(crate) type Tallies = PerCpuArray<MapData, [u64; 2]>;
/// See [`Counters`].
pub(crate) type Totals = PerCpuArray<MapData, [u64; 14]>;

/// Added reputation entries, key and entry as the octets that they are.
pub(crate) type Added = HashMap<MapData, [u8; 24], [u8; 120]>;
/// Lengths of their networks.
pub(crate) type Lengths = Array<MapData, u64>;
/// What the packet path knows of SYNs, as the words that it is.
pub(crate) type Watches = Array<MapData, [u64; 3]>;
/// Until when the daemon protects.
pub(crate) type Guarded = Array<MapData, u64>;
/// What a capture is made by. Never pinned.
pub(crate) struct CaptureMaps {
    pub(crate) control: Array<MapData, [u64; 4]>,
    pub(crate) slots: Array<MapData, u64>,
    pub(crate) ring: Ring,
    pub(crate) lost: PerCpuArray<MapData, u64>,
}

/// A map of an object that has more than the filter needs.
pub type ExtraMap = aya::maps::Map;

/// An event ring.
pub type Ring = RingBuf<MapData>;

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

/// How a program may sit on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachMode {
    /// In the driver.
    Native,
    /// In the kernel's generic hook.
    Generic,
}

impl From<AttachMode> for XdpMode {
    fn from(mode: AttachMode) -> Self {
        match mode {
            AttachMode::Native => Self::Driver,
            AttachMode::Generic => Self::Skb,
        }
    }
}

const RINGBUF: u32 = aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32;

/// Why the kernel program is not in force.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Plain `cargo build` leaves it out.
    #[error("this smtp-lb was built without its kernel program; `cargo xtask build` builds it in")]
    NoObject,
    /// Not root and without the capabilities.
    #[error(
        "no privilege to use XDP: run as root, or with CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
    )]
    NoPrivilege,
    /// The pin folder.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The kernel refused the object or the program.
    #[error("the kernel refused the program: {0}")]
    Refused(String),
    /// An interface of that name does not exist.
    #[error("no such interface: {name}")]
    NoInterface {
        /// As configured.
        name: String,
    },
    /// The interface has another program, which is left alone.
    #[error("{interface} already has an XDP program, {program} (id {id}); it was not replaced")]
    Occupied {
        /// Interface.
        interface: String,
        /// Name of the program.
        program: String,
        /// Its id.
        id: u32,
    },
    /// Neither or not the wanted mode can be had.
    #[error("cannot attach to {interface}: {reason}")]
    Attach {
        /// Interface.
        interface: String,
        /// The kernel's answer.
        reason: String,
    },
    /// The interface could not be looked up.
    #[error(transparent)]
    Netlink(#[from] netlink::NetlinkError),
}

/// Text of an error with all its causes: aya keeps the kernel's answer in the last.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Does an error go back to EPERM? EACCES is what the verifier says of a bad program.
fn is_privilege(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error());
        }
        cause = error.source();
    }
    false
}

pub(crate) fn refused(error: &(dyn std::error::Error + 'static)) -> LoadError {
    if is_privilege(error) {
        LoadError::NoPrivilege
    } else {
        LoadError::Refused(chain(error))
    }
}

/// The loaded program and its maps.
pub(crate) struct Loaded {
    ebpf: Ebpf,
    program: String,
    pub(crate) image: Outer,
    pub(crate) counters: Counters,
    pub(crate) totals: Totals,
    pub(crate) reputation: Outer,
    pub(crate) hits: Tallies,
    pub(crate) added: Added,
    pub(crate) lengths: Lengths,
    pub(crate) watches: Watches,
    pub(crate) guarded: Guarded,
    /// Taken out by the one capture at a time.
    pub(crate) capture: Arc<Mutex<Option<CaptureMaps>>>,
    links: PathBuf,
}

/// Loads the object, going on with the pinned maps of the same layout if there are any.
pub(crate) fn load(
    object: Option<&[u8]>,
    name: &str,
    pin_path: &Path,
) -> Result<Loaded, LoadError> {
    let object = object.ok_or(LoadError::NoObject)?;
    if !rustix::process::geteuid().is_root() && !may_use_bpf() {
        return Err(LoadError::NoPrivilege);
    }
    let maps = pin_path.join(format!("abi-{ABI_VERSION}"));
    let links = pin_path.join("links");
    pins::prepare(pin_path, &[&maps, &links])?;
    let mut options = EbpfLoader::new();
    options.verifier_log_level(VerifierLogLevel::STATS);
    let names = [
        MAP_IMAGE,
        MAP_COUNTERS,
        MAP_TOTALS,
        MAP_BUCKETS,
        MAP_RINGS,
        MAP_REPUTATION,
        MAP_HITS,
        MAP_ADDED,
        MAP_LENGTHS,
        MAP_FLOODS,
        MAP_WATCHES,
        MAP_GUARDED,
        MAP_SPENT,
    ];
    let paths: Vec<PathBuf> = names.iter().map(|name| maps.join(name)).collect();
    for (name, path) in names.iter().zip(&paths) {
        options.map_pin_path(name, path);
    }
    let mut ebpf = options.load(object).map_err(|error| refused(&error))?;
    program(&mut ebpf, name)?
        .load()
        .map_err(|error| refused(&error))?;
    let mut loaded = Loaded {
        image: take(&mut ebpf, MAP_IMAGE)?,
        counters: take(&mut ebpf, MAP_COUNTERS)?,
        totals: take(&mut ebpf, MAP_TOTALS)?,
        reputation: take(&mut ebpf, MAP_REPUTATION)?,
        hits: take(&mut ebpf, MAP_HITS)?,
        added: take(&mut ebpf, MAP_ADDED)?,
        lengths: take(&mut ebpf, MAP_LENGTHS)?,
        watches: take(&mut ebpf, MAP_WATCHES)?,
        guarded: take(&mut ebpf, MAP_GUARDED)?,
        capture: Arc::new(Mutex::new(Some(CaptureMaps {
            control: take(&mut ebpf, MAP_CAPTURE)?,
            slots: take(&mut ebpf, MAP_CAPTURE_SLOTS)?,
            ring: take(&mut ebpf, MAP_CAPTURED)?,
            lost: take(&mut ebpf, MAP_CAPTURE_LOST)?,
        }))),
        links,
        program: name.to_owned(),
        ebpf,
    };
    loaded.make_rings()?;
    Ok(loaded)
}

/// The map of that name that is pinned in a folder, if there is one.
pub(crate) fn pinned_guarded(folder: &Path) -> Option<Guarded> {
    let map = MapData::from_pin(folder.join(MAP_GUARDED)).ok()?;
    Array::try_from(aya::maps::Map::Array(map)).ok()
}

fn may_use_bpf() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    // The last for opening the image in force, which is known by its id alone.
    let needed = CapabilitySet::NET_ADMIN
        | CapabilitySet::BPF
        | CapabilitySet::PERFMON
        | CapabilitySet::SYS_ADMIN;
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, LoadError> {
    ebpf.program_mut(name)
        .ok_or_else(|| LoadError::Refused(format!("the object has no program {name}")))?
        .try_into()
        .map_err(|error: ProgramError| refused(&error))
}

fn take<M>(ebpf: &mut Ebpf, name: &str) -> Result<M, LoadError>
where
    M: TryFrom<aya::maps::Map, Error = aya::maps::MapError>,
{
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| LoadError::Refused(format!("the object has no map {name}")))?;
    M::try_from(map).map_err(|error| refused(&error))
}

impl Loaded {
    /// One ring for each CPU that may come up; those that a former daemon made are kept, with
    /// what they hold.
    fn make_rings(&mut self) -> Result<(), LoadError> {
        let mut rings: aya::maps::ArrayOfMaps<&mut MapData, MapData> = self
            .ebpf
            .map_mut(MAP_RINGS)
            .ok_or_else(|| LoadError::Refused(format!("the object has no map {MAP_RINGS}")))?
            .try_into()
            .map_err(|error: aya::maps::MapError| refused(&error))?;
        for cpu in 0..cpus() {
            if rings.get(&cpu, 0).is_ok() {
                continue;
            }
            let shape = aya_obj::Map::new_from_params(RINGBUF, 0, 0, RING_BYTES, 0);
            let ring = MapData::create(shape, "ring", None).map_err(|e| refused(&e))?;
            rings.set(cpu, &ring, 0).map_err(|e| refused(&e))?;
        }
        Ok(())
    }

    /// The rings, opened anew for a reader.
    pub(crate) fn rings(&self) -> Result<Vec<Ring>, LoadError> {
        let rings: aya::maps::ArrayOfMaps<&MapData, Ring> = self
            .ebpf
            .map(MAP_RINGS)
            .ok_or_else(|| LoadError::Refused(format!("the object has no map {MAP_RINGS}")))?
            .try_into()
            .map_err(|error: aya::maps::MapError| refused(&error))?;
        (0..cpus())
            .map(|cpu| rings.get(&cpu, 0).map_err(|error| refused(&error)))
            .collect()
    }

    /// Puts the program on `interface`: in place of its own predecessor, else in `modes` in
    /// turn. Returns whether it runs natively and why former modes could not be had.
    pub(crate) fn attach(
        &mut self,
        interface: &str,
        modes: &[AttachMode],
    ) -> Result<(bool, Vec<String>), LoadError> {
        let link = find(interface)?;
        let pin = self.links.join(pins::link_name(interface));
        if let Some(attached) = link.xdp {
            if !pin.exists() {
                return Err(occupied(interface, attached.program));
            }
            let kept = kept(interface, attached.native, modes)?;
            self.replace(&pin)
                .map_err(|_| occupied(interface, attached.program))?;
            return Ok(kept);
        }
        // A pin without a program on the interface is of an interface that is gone.
        let _ = fs::remove_file(&pin);
        let mut refusals = Vec::new();
        for mode in modes {
            match self.attach_new(link.index, *mode, &pin) {
                Ok(()) => return Ok((*mode == AttachMode::Native, refusals)),
                Err(LoadError::Refused(reason)) => refusals.push(reason),
                Err(error) => return Err(error),
            }
        }
        Err(LoadError::Attach {
            interface: interface.to_owned(),
            reason: refusals.join("; "),
        })
    }

    /// Replaces the program of a pinned link, if the link is still on an interface.
    fn replace(&mut self, pin: &Path) -> Result<(), LoadError> {
        let pinned = PinnedLink::from_pin(pin).map_err(|error| refused(&error))?;
        let link = aya::programs::xdp::XdpLink::try_from(FdLink::from(pinned))
            .map_err(|error| refused(&error))?;
        let program = program(&mut self.ebpf, &self.program)?;
        let id = program
            .attach_to_link(link)
            .map_err(|error| refused(&error))?;
        // The pin holds the link; a handle kept here would hold it past a detach.
        drop(program.take_link(id).map_err(|error| refused(&error))?);
        Ok(())
    }

    fn attach_new(&mut self, index: u32, mode: AttachMode, pin: &Path) -> Result<(), LoadError> {
        let program = program(&mut self.ebpf, &self.program)?;
        let id = program
            .attach_to_if_index(index, mode.into())
            .map_err(|error| refused(&error))?;
        let link = program.take_link(id).map_err(|error| refused(&error))?;
        let link = FdLink::try_from(link).map_err(|error| refused(&error))?;
        link.pin(pin).map_err(|error| refused(&error))?;
        Ok(())
    }

    /// Takes the links of interfaces away that are not in `keep`.
    pub(crate) fn detach_others(&self, keep: &[String]) {
        let Ok(pins) = fs::read_dir(&self.links) else {
            return;
        };
        for pin in pins.flatten() {
            if !keep
                .iter()
                .any(|name| pin.file_name() == pins::link_name(name).as_str())
            {
                let _ = fs::remove_file(pin.path());
            }
        }
    }

    /// Runs the program on a frame, which may have a metadata area of `meta` octets in front. Returns
    /// its XDP action and the octets of the frame afterwards.
    pub(crate) fn test_run(
        &mut self,
        data: &[u8],
        meta: usize,
        interface: u32,
        out: &mut [u8],
    ) -> Result<(u32, usize), LoadError> {
        let context = context(meta, data.len(), interface);
        let mut options = TestRunOptions::new();
        options.data_in = Some(data);
        options.data_out = Some(out);
        options.ctx_in = Some(&context);
        let result = program(&mut self.ebpf, &self.program)?
            .test_run(options)
            .map_err(|error| refused(&error))?;
        Ok((result.return_value, result.data_size_out as usize))
    }
}

impl Loaded {
    /// Takes another program of the object for what follows.
    pub(crate) fn choose(&mut self, name: &str) -> Result<(), LoadError> {
        let program = program(&mut self.ebpf, name)?;
        if program.fd().is_err() {
            program.load().map_err(|error| refused(&error))?;
        }
        name.clone_into(&mut self.program);
        Ok(())
    }

    /// A map of the object that the filter itself does not use.
    pub(crate) fn take_map(&mut self, name: &str) -> Option<ExtraMap> {
        self.ebpf.take_map(name)
    }

    /// Runs the program `repeat` times on a frame; returns the mean time of a run.
    pub(crate) fn test_time(&mut self, data: &[u8], repeat: u32) -> Result<Duration, LoadError> {
        let mut options = TestRunOptions::new();
        options.data_in = Some(data);
        options.repeat = repeat;
        let result = program(&mut self.ebpf, &self.program)?
            .test_run(options)
            .map_err(|error| refused(&error))?;
        Ok(result.duration)
    }
}

/// A `struct xdp_md`: `data`, `data_end`, `data_meta`, `ingress_ifindex`, `rx_queue_index`,
/// `egress_ifindex`.
fn context(meta: usize, length: usize, interface: u32) -> Vec<u8> {
    let offset = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    [offset(meta), offset(length), 0, interface, 0, 0]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect()
}

/// CPUs that may come up, as far as the ring map goes.
fn cpus() -> u32 {
    let possible = aya::util::nr_cpus().map_or(1, |n| u32::try_from(n).unwrap_or(MAX_CPUS));
    possible.clamp(1, MAX_CPUS)
}

/// A link keeps its mode when its program is replaced; another mode would leave a gap.
fn kept(
    interface: &str,
    native: bool,
    modes: &[AttachMode],
) -> Result<(bool, Vec<String>), LoadError> {
    let (mode, word) = if native {
        (AttachMode::Native, "native")
    } else {
        (AttachMode::Generic, "generic")
    };
    if !modes.contains(&mode) {
        return Err(LoadError::Attach {
            interface: interface.to_owned(),
            reason: format!(
                "a former run's filter is in force there in {word} mode; \
                 `smtp-lb firewall detach` takes it away first"
            ),
        });
    }
    let warnings = if modes.first() == Some(&mode) {
        Vec::new()
    } else {
        vec![format!("a former run's filter is kept in {word} mode")]
    };
    Ok((native, warnings))
}

/// The interface, or an error that names it.
pub(crate) fn find(interface: &str) -> Result<netlink::Link, LoadError> {
    netlink::link(interface)?.ok_or_else(|| LoadError::NoInterface {
        name: interface.to_owned(),
    })
}

fn occupied(interface: &str, id: u32) -> LoadError {
    let program = aya::programs::loaded_programs()
        .flatten()
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    LoadError::Occupied {
        interface: interface.to_owned(),
        program: program.unwrap_or_else(|| "of unknown name".to_owned()),
        id,
    }
}
