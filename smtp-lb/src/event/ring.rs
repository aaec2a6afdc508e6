//! The ring reader: from the kernel's ring buffers, one for each CPU, onto the bus.
//!
//! The kernel wakes the reader only when a quarter of a ring waits; else the reader looks every
//! [`POLL`]. What finds no room in a ring is counted by the kernel, what finds none on the bus
//! by the bus.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketType, netdevice, socket};
use smtp_lb_common::event::RawEvent;
use smtp_lb_common::packet::NO_VLAN;
use smtp_lb_common::reason::{Reason, Verdict};
use zerocopy::FromBytes as _;

use super::Bus;
use super::model::{Event, FirewallEvent, Kind};
use crate::clock::boot_ns;

/// Time between two looks at quiet rings: the age of an event at the most.
const POLL: Duration = Duration::from_millis(10);
/// Events taken from one ring before the next has its turn.
const BATCH: usize = 4096;
/// Names of interfaces and slots that are kept; past it they are looked up each time.
const NAMES: usize = 65_536;

/// Whose a counter slot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotName {
    /// Virtual server, empty for the host and built-in reasons.
    pub virtual_server: Arc<str>,
    /// Policy, empty where none decided.
    pub policy: Arc<str>,
    /// Rule or reason.
    pub rule: Arc<str>,
}

/// Names slots. A slot's name never changes while the reader lives.
pub type NameSlot = Box<dyn Fn(u32) -> Option<SlotName> + Send>;

/// Names the feeds of a reputation set, by commas.
pub type NameSet = Box<dyn Fn(u32) -> Option<Arc<str>> + Send>;

/// Reads rings on a thread of its own until it is stopped or dropped.
pub struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts reading. No rings: a reader that does nothing.
    pub fn start(
        rings: Vec<RingBuf<MapData>>,
        name: NameSlot,
        set: NameSet,
        bus: Bus,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = if rings.is_empty() {
            None
        } else {
            let mut worker = Worker {
                rings,
                names: Names::new(name, set)?,
                bus,
                stop: Arc::clone(&stop),
            };
            let thread = std::thread::Builder::new().name("rings".into());
            Some(thread.spawn(move || worker.run())?)
        };
        Ok(Self { stop, thread })
    }

    /// Empties the rings once more and ends. Takes [`POLL`] at the most, and what the bus takes.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there has been reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.join();
    }
}

struct Worker {
    rings: Vec<RingBuf<MapData>>,
    names: Names,
    bus: Bus,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&mut self) {
        loop {
            // Read before the rings are, so that what came before the stop is still delivered.
            let last = self.stop.load(Ordering::Relaxed);
            let mut full = false;
            let boot = boot_ns();
            for ring in &mut self.rings {
                let mut taken = 0;
                let names = &mut self.names;
                let events = std::iter::from_fn(|| {
                    if taken == BATCH {
                        return None;
                    }
                    let item = ring.next()?;
                    taken += 1;
                    Some(RawEvent::read_from_bytes(&item).ok())
                });
                let events = events.flatten();
                self.bus
                    .emit_batch(events.map(|raw| names.event(&raw, boot)));
                full |= taken == BATCH;
            }
            if last {
                return;
            }
            if !full {
                self.wait();
            }
        }
    }

    fn wait(&self) {
        let mut polled: Vec<PollFd<'_>> = self
            .rings
            .iter()
            .map(|ring| PollFd::new(ring, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(POLL.subsec_nanos()),
        };
        // An interrupted wait is a short wait.
        let _ = poll(&mut polled, Some(&timeout));
        // A ring that is not empty and was not woken for is readable all the same: rest, or the
        // wait would be no wait.
        if polled.iter().any(|fd| fd.revents().contains(PollFlags::IN)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Names as events need them, looked up once each.
struct Names {
    slot: NameSlot,
    set: NameSet,
    slots: HashMap<u32, SlotName>,
    interfaces: HashMap<u32, Arc<str>>,
    socket: rustix::fd::OwnedFd,
}

impl Names {
    fn new(slot: NameSlot, set: NameSet) -> io::Result<Self> {
        Ok(Self {
            slot,
            set,
            slots: HashMap::new(),
            interfaces: HashMap::new(),
            // Any socket: the names asked for are those of its namespace.
            socket: socket(AddressFamily::INET, SocketType::DGRAM, None)?,
        })
    }

    fn slot(&mut self, slot: u32) -> SlotName {
        if let Some(name) = self.slots.get(&slot) {
            return name.clone();
        }
        let Some(name) = (self.slot)(slot) else {
            // Of a plan that is just coming into force: not kept, the name will be known.
            let empty: Arc<str> = Arc::from("");
            return SlotName {
                virtual_server: Arc::clone(&empty),
                policy: empty,
                rule: format!("slot {slot}").into(),
            };
        };
        if self.slots.len() < NAMES {
            self.slots.insert(slot, name.clone());
        }
        name
    }

    /// Not kept: a set's number may be another's after a while.
    fn feeds(&self, set: u32) -> Option<Arc<str>> {
        if set == 0 { None } else { (self.set)(set) }
    }

    fn interface(&mut self, index: u32) -> Arc<str> {
        if let Some(name) = self.interfaces.get(&index) {
            return Arc::clone(name);
        }
        let name: Arc<str> = netdevice::index_to_name(&self.socket, index)
            .unwrap_or_else(|_| index.to_string())
            .into();
        if self.interfaces.len() < NAMES {
            self.interfaces.insert(index, Arc::clone(&name));
        }
        name
    }

    fn event(&mut self, raw: &RawEvent, boot: u64) -> Event {
        let SlotName {
            virtual_server,
            policy,
            rule,
        } = self.slot(raw.slot);
        Event {
            time_ns: boot.saturating_add(raw.time),
            kind: Kind::Firewall(FirewallEvent {
                action: Verdict::from_u8(raw.verdict).map_or("unknown", Verdict::name),
                reason: Reason::from_u8(raw.reason).map_or("unknown", Reason::name),
                interface: self.interface(raw.interface),
                vlan: (raw.vlan != NO_VLAN).then_some(raw.vlan),
                virtual_server,
                policy,
                rule,
                protocol: raw.protocol,
                src_ip: address(raw.src),
                src_port: raw.src_port,
                dest_ip: address(raw.dst),
                dest_port: raw.dst_port,
                tcp_flags: raw.tcp_flags,
                length: raw.length,
                feeds: self.feeds(raw.set),
            }),
        }
    }
}

fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes as _;

    #[test]
    fn a_record_becomes_an_event_with_names_and_time() {
        let mut raw = RawEvent::read_from_bytes(&[0; 72]).expect("72 octets");
        raw.time = 5;
        raw.slot = 70;
        raw.src[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 9]);
        raw.dst
            .copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        (raw.verdict, raw.reason, raw.vlan) = (1, 17, 12);
        (raw.interface, raw.dst_port, raw.length) = (u32::MAX, 25, 60);
        assert_eq!(raw.as_bytes().len(), 72);
        let mut names = Names::new(
            Box::new(|slot| {
                assert_eq!(slot, 70);
                Some(SlotName {
                    virtual_server: "mail".into(),
                    policy: "edge".into(),
                    rule: "blocked".into(),
                })
            }),
            Box::new(|set| Some(format!("feed-{set}").into())),
        )
        .expect("a socket");
        raw.set = 70;
        let event = names.event(&raw, 1_000);
        assert_eq!(event.time_ns, 1_005);
        let Kind::Firewall(told) = event.kind else {
            panic!("a firewall event");
        };
        assert_eq!((told.action, told.reason), ("drop", "policy"));
        assert_eq!(told.src_ip.to_string(), "192.0.2.9");
        assert_eq!(told.dest_ip.to_string(), "2001:db8::1");
        assert_eq!(
            (&*told.rule, told.vlan, told.dest_port),
            ("blocked", Some(12), 25)
        );
        assert_eq!(&*told.interface, u32::MAX.to_string());
        assert_eq!(told.feeds.as_deref(), Some("feed-70"));
        raw.set = 0;
        assert!(matches!(names.event(&raw, 1).kind, Kind::Firewall(told) if told.feeds.is_none()));
    }
}
