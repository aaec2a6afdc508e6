//! The ring reader: from the kernel's ring buffers, one for each CPU, onto the bus.
//!
//! The kernel wakes the reader only when a quarter of a ring waits; else the reader looks every
//! [`POLL`]. What finds no room in a ring is counted by the kernel, what finds none on the bus
//! by the bus.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketType, netdevice, socket};
use smtp_lb_common::abi::RING_BYTES;
use smtp_lb_common::event::RawEvent;
use zerocopy::FromBytes as _;

use super::Bus;
use super::label::{Label, Labels};
use super::packet::{Item, Packet, event};
use crate::clock::boot_ns;

/// Time between two looks at quiet rings: the age of an event at the most.
const POLL: Duration = Duration::from_millis(10);
/// Events taken from one ring before the next has its turn.
const BATCH: usize = 4096;
/// Looks at the rings after a stop: enough for all that they held then, and no end of what still comes.
const LAST: usize = RING_BYTES as usize / size_of::<RawEvent>() / BATCH + 1;
/// Events handed to the bus at once.
const CHUNK: usize = 256;
/// Labels that are known without looking: a power of two.
const CACHED: usize = 1024;
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
                intake: Intake::new(name, set, bus)?,
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
    intake: Intake,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&mut self) {
        let mut passes = 0;
        loop {
            // Read before the rings are, so that what came before the stop is still delivered.
            let last = self.stop.load(Ordering::Relaxed);
            let full = self.pass();
            passes = if last { passes + 1 } else { 0 };
            if last && (!full || passes == LAST) {
                return;
            }
            if !full {
                self.wait();
            }
        }
    }

    /// Has a look at every ring. `true`: there may be more in one of them.
    fn pass(&mut self) -> bool {
        let mut full = false;
        let boot = boot_ns();
        for ring in &mut self.rings {
            let mut taken = 0;
            while taken < BATCH {
                let Some(record) = ring.next() else { break };
                taken += 1;
                let Ok(raw) = RawEvent::read_from_bytes(&record) else {
                    continue;
                };
                drop(record);
                self.intake.put(raw, boot);
            }
            self.intake.flush();
            full |= taken == BATCH;
        }
        full
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

/// From the kernel's records to the bus, some hundred at a time.
pub struct Intake {
    names: Names,
    bus: Bus,
    chunk: Vec<Item>,
}

impl Intake {
    /// Nothing is put yet.
    pub fn new(name: NameSlot, set: NameSet, bus: Bus) -> io::Result<Self> {
        Ok(Self {
            names: Names::new(name, set, Arc::clone(bus.labels()))?,
            bus,
            chunk: Vec::with_capacity(CHUNK),
        })
    }

    /// Takes a record. `boot`: nanoseconds from the Unix epoch to when the clock of records began.
    pub fn put(&mut self, raw: RawEvent, boot: u64) {
        self.chunk.push(self.names.item(raw, boot));
        if self.chunk.len() == CHUNK {
            self.flush();
        }
    }

    /// Hands on what was put.
    pub fn flush(&mut self) {
        self.bus.emit_items(&mut self.chunk);
    }
}

/// Names as events need them, looked up once each.
struct Names {
    slot: NameSlot,
    set: NameSet,
    slots: HashMap<u32, SlotName>,
    interfaces: HashMap<u32, Arc<str>>,
    labels: Arc<Labels>,
    cached: Vec<Option<Known>>,
    socket: rustix::fd::OwnedFd,
}

/// What names depend on: slot, interface, reputation set.
type Key = (u32, u32, u32);

/// A label that was found before.
struct Known {
    key: Key,
    feeds: Option<Arc<str>>,
    label: u32,
}

impl Names {
    fn new(slot: NameSlot, set: NameSet, labels: Arc<Labels>) -> io::Result<Self> {
        let mut cached = Vec::new();
        cached.resize_with(CACHED, || None);
        Ok(Self {
            slot,
            set,
            slots: HashMap::new(),
            interfaces: HashMap::new(),
            labels,
            cached,
            // Any socket: the names asked for are those of its namespace.
            socket: socket(AddressFamily::INET, SocketType::DGRAM, None)?,
        })
    }

    /// A record as it goes to the bus, with the time of the wall clock.
    fn item(&mut self, mut raw: RawEvent, boot: u64) -> Item {
        raw.time = boot.saturating_add(raw.time);
        let key = (raw.slot, raw.interface, raw.set);
        let feeds = self.feeds(raw.set);
        let place = place(key);
        if let Some(Some(known)) = self.cached.get(place)
            && known.key == key
            && known.feeds == feeds
        {
            let label = known.label;
            return Item::Packet(Packet { raw, label });
        }
        let (lasting, slot) = self.slot(raw.slot);
        let names = Label {
            interface: self.interface(raw.interface),
            virtual_server: slot.virtual_server,
            policy: slot.policy,
            rule: slot.rule,
            feeds,
        };
        let Some(label) = self.labels.number(&names) else {
            return event(&raw, &names).into();
        };
        if lasting && let Some(cached) = self.cached.get_mut(place) {
            let feeds = names.feeds;
            *cached = Some(Known { key, feeds, label });
        }
        Item::Packet(Packet { raw, label })
    }

    /// The names of a slot, and whether it has any yet.
    fn slot(&mut self, slot: u32) -> (bool, SlotName) {
        if let Some(name) = self.slots.get(&slot) {
            return (true, name.clone());
        }
        let Some(name) = (self.slot)(slot) else {
            // Of a plan that is just coming into force: not kept, the name will be known.
            let empty: Arc<str> = Arc::from("");
            let nameless = SlotName {
                virtual_server: Arc::clone(&empty),
                policy: empty,
                rule: format!("slot {slot}").into(),
            };
            return (false, nameless);
        };
        if self.slots.len() < NAMES {
            self.slots.insert(slot, name.clone());
        }
        (true, name)
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
}

/// Where a label is kept. Slots are numbered in a row, so neighbours do not meet.
fn place((slot, interface, set): Key) -> usize {
    let mixed = slot
        .wrapping_add(interface.wrapping_mul(0x9e37_79b1))
        .wrapping_add(set.wrapping_mul(0x85eb_ca77));
    usize::try_from(mixed).unwrap_or_default() % CACHED
}

#[cfg(test)]
mod tests {
    use super::super::model::Kind;
    use super::super::packet::Packets;
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
        let (mut names, labels) = names();
        raw.set = 70;
        let item = names.item(raw, 1_000);
        let mut packets = Packets::new(Arc::clone(&labels));
        assert_eq!(*packets.shared(&item), packets.event(&item).clone());
        let event = packets.event(&item);
        assert_eq!((event.time_ns, item.time_ns()), (1_005, 1_005));
        let Kind::Firewall(told) = &event.kind else {
            panic!("a firewall event");
        };
        assert_eq!((told.action, told.reason), ("drop", "policy"));
        assert_eq!(told.src_ip.to_string(), "192.0.2.9");
        assert_eq!(told.dest_ip.to_string(), "2001:db8::1");
        assert_eq!(
            (&*told.rule, told.vlan, told.dest_port),
            ("rule-70", Some(12), 25)
        );
        assert_eq!(&*told.interface, u32::MAX.to_string());
        assert_eq!(told.feeds.as_deref(), Some("feed-70"));
        raw.set = 0;
        let item = names.item(raw, 1);
        let event = packets.event(&item);
        assert!(matches!(&event.kind, Kind::Firewall(told) if told.feeds.is_none()));
    }

    /// However slots, interfaces and sets meet in the caches, on both ends, and when labels have run out.
    #[test]
    fn each_record_has_its_own_names() {
        for full in [false, true] {
            let (mut names, labels) = names();
            if full {
                let label = |number: u32| Label {
                    interface: number.to_string().into(),
                    ..labels.get(0).cloned().expect("the first")
                };
                let first = RawEvent::read_from_bytes(&[0; 72]).expect("72 octets");
                names.item(first, 0);
                assert!((0..70_000).any(|number| labels.number(&label(number)).is_none()));
            }
            let mut packets = Packets::new(labels);
            for round in 0..2_u8 {
                for number in 0..3000_u32 {
                    let mut raw = RawEvent::read_from_bytes(&[round; 72]).expect("72 octets");
                    (raw.slot, raw.interface) = (number * 64, u32::MAX - number % 7);
                    raw.set = number % 5;
                    let item = names.item(raw, 0);
                    assert_eq!(matches!(item, Item::Other(_)), full);
                    let Kind::Firewall(told) = &packets.event(&item).kind else {
                        panic!("a firewall event");
                    };
                    assert_eq!(*told.rule, format!("rule-{}", number * 64));
                    assert_eq!(*told.interface, (u32::MAX - number % 7).to_string());
                    let feeds = (raw.set > 0).then(|| format!("feed-{}", raw.set));
                    assert_eq!(told.feeds.as_deref(), feeds.as_deref());
                }
            }
        }
    }

    /// A slot of a plan that is just coming into force, and a set whose number is another's now.
    #[test]
    fn what_may_change_is_asked_for_again() {
        use std::sync::atomic::AtomicU32;
        let age = Arc::new(AtomicU32::new(0));
        let (of_slot, of_set) = (Arc::clone(&age), Arc::clone(&age));
        let labels = Arc::<Labels>::default();
        let mut names = Names::new(
            Box::new(move |_| {
                let known = of_slot.load(Ordering::Relaxed) > 0;
                known.then(|| SlotName {
                    virtual_server: "mail".into(),
                    policy: "edge".into(),
                    rule: "blocked".into(),
                })
            }),
            Box::new(move |_| Some(format!("feed-{}", of_set.load(Ordering::Relaxed)).into())),
            Arc::clone(&labels),
        )
        .expect("a socket");
        let mut packets = Packets::new(labels);
        let mut raw = RawEvent::read_from_bytes(&[0; 72]).expect("72 octets");
        raw.set = 9;
        for (now, rule) in [(0, "slot 0"), (1, "blocked"), (2, "blocked")] {
            age.store(now, Ordering::Relaxed);
            let item = names.item(raw, 0);
            let Kind::Firewall(told) = &packets.event(&item).kind else {
                panic!("a firewall event");
            };
            assert_eq!(&*told.rule, rule);
            assert_eq!(told.feeds.as_deref(), Some(&*format!("feed-{now}")));
        }
    }

    fn names() -> (Names, Arc<Labels>) {
        let labels = Arc::<Labels>::default();
        let names = Names::new(
            Box::new(|slot| {
                Some(SlotName {
                    virtual_server: "mail".into(),
                    policy: "edge".into(),
                    rule: format!("rule-{slot}").into(),
                })
            }),
            Box::new(|set| Some(format!("feed-{set}").into())),
            Arc::clone(&labels),
        );
        (names.expect("a socket"), labels)
    }
}
