//! Events as they travel: that of a packet by value, the kernel's record and the number of its names;
//! all others behind one pointer.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use smtp_lb_common::event::RawEvent;
use smtp_lb_common::packet::NO_VLAN;
use smtp_lb_common::reason::{Reason, Verdict};

use super::label::{Label, Labels};
use super::model::{Event, FirewallEvent, Kind};

/// Events that [`Packets`] keeps: a power of two.
const KEPT: usize = 64;

/// A packet and its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// As the kernel wrote it, save that its time is that of the wall clock.
    pub(super) raw: RawEvent,
    /// Its names, by [`Labels`].
    pub(super) label: u32,
}

/// What packets have in common whose records differ in addresses, ports, numbers and times alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Like {
    label: u32,
    verdict: u8,
    reason: u8,
    enforced: u8,
    protocol: u8,
    vlan: u16,
}

impl Like {
    /// A number for a table: neighbours do not meet.
    pub(super) fn place(self) -> usize {
        let verdicts = self.verdict ^ self.reason ^ self.enforced << 1;
        let mixed = self.label.wrapping_mul(4) ^ u32::from(verdicts);
        usize::try_from(mixed ^ u32::from(self.protocol) << 3 ^ u32::from(self.vlan)).unwrap_or(0)
    }
}

/// An event in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Packet(Packet),
    Other(Arc<Event>),
}

impl Item {
    /// What it has in common with others, if it is a packet.
    pub(super) fn like(&self) -> Option<Like> {
        let Self::Packet(Packet { raw, label }) = self else {
            return None;
        };
        Some(Like {
            label: *label,
            verdict: raw.verdict,
            reason: raw.reason,
            enforced: raw.enforced,
            protocol: raw.protocol,
            vlan: raw.vlan,
        })
    }

    pub(super) fn time_ns(&self) -> u64 {
        match self {
            Self::Packet(packet) => packet.raw.time,
            Self::Other(event) => event.time_ns,
        }
    }
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Self::Other(Arc::new(event))
    }
}

/// The event of a packet. `raw.time` is that of the wall clock.
pub(super) fn event(raw: &RawEvent, label: &Label) -> Event {
    let mut event = named(label);
    fill(&mut event, raw);
    event
}

/// What all packets of a label have in common.
fn named(label: &Label) -> Event {
    Event {
        time_ns: 0,
        kind: Kind::Firewall(FirewallEvent {
            action: "",
            reason: "",
            interface: Arc::clone(&label.interface),
            vlan: None,
            virtual_server: Arc::clone(&label.virtual_server),
            policy: Arc::clone(&label.policy),
            rule: Arc::clone(&label.rule),
            protocol: 0,
            src_ip: Ipv6Addr::UNSPECIFIED.into(),
            src_port: 0,
            dest_ip: Ipv6Addr::UNSPECIFIED.into(),
            dest_port: 0,
            tcp_flags: 0,
            length: 0,
            feeds: label.feeds.clone(),
            enforced: None,
        }),
    }
}

/// All of an event that is not its names.
fn fill(event: &mut Event, raw: &RawEvent) {
    event.time_ns = raw.time;
    let Kind::Firewall(told) = &mut event.kind else {
        return;
    };
    told.action = Verdict::from_u8(raw.verdict).map_or("unknown", Verdict::name);
    told.reason = Reason::from_u8(raw.reason).map_or("unknown", Reason::name);
    told.enforced = (raw.reason == Reason::Staged as u8)
        .then(|| Verdict::from_u8(raw.enforced).map_or("unknown", Verdict::name));
    told.vlan = (raw.vlan != NO_VLAN).then_some(raw.vlan);
    told.protocol = raw.protocol;
    told.src_ip = address(raw.src);
    told.src_port = raw.src_port;
    told.dest_ip = address(raw.dst);
    told.dest_port = raw.dst_port;
    told.tcp_flags = raw.tcp_flags;
    told.length = raw.length;
}

fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

/// Shows items as events. Those of packets are written over one of a few that are kept, each with its
/// names, so that nothing is allocated for a packet.
#[derive(Debug)]
pub(super) struct Packets {
    labels: Arc<Labels>,
    kept: Vec<(u32, Event)>,
}

impl Packets {
    pub(super) fn new(labels: Arc<Labels>) -> Self {
        Self {
            labels,
            kept: Vec::new(),
        }
    }

    /// The event of an item, until the next is asked for.
    pub(super) fn event<'a>(&'a mut self, item: &'a Item) -> &'a Event {
        match item {
            Item::Other(event) => event,
            Item::Packet(packet) => self.packet(packet),
        }
    }

    fn packet(&mut self, packet: &Packet) -> &Event {
        if self.kept.is_empty() {
            self.kept.resize_with(KEPT, || (u32::MAX, empty()));
        }
        let place = usize::try_from(packet.label).unwrap_or_default() % KEPT;
        // There are KEPT of them.
        let (label, event) = &mut self.kept[place];
        if *label != packet.label {
            *label = packet.label;
            // Every label of a packet was given out by `labels`, which forgets none.
            *event = self.labels.get(packet.label).map_or_else(empty, named);
        }
        fill(event, &packet.raw);
        event
    }

    /// The event of an item, to be kept.
    pub(super) fn shared(&self, item: &Item) -> Arc<Event> {
        match item {
            Item::Other(event) => Arc::clone(event),
            Item::Packet(packet) => {
                let mut told = self.labels.get(packet.label).map_or_else(empty, named);
                fill(&mut told, &packet.raw);
                Arc::new(told)
            }
        }
    }
}

fn empty() -> Event {
    let none: Arc<str> = Arc::default();
    named(&Label {
        interface: Arc::clone(&none),
        virtual_server: Arc::clone(&none),
        policy: Arc::clone(&none),
        rule: none,
        feeds: None,
    })
}
