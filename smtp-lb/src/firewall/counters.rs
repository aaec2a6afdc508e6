//! Counters as people read them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use aya::maps::{Map, MapData, MapError, PerCpuArray};
use serde::{Deserialize, Serialize};
use smtp_lb_common::abi::{
    self, ABI_VERSION, MAP_COUNTERS, MAP_IMAGE, MAP_REPUTATION, MAP_TOTALS, SlotTally, Tally,
};
use smtp_lb_common::image::Line;
use smtp_lb_common::reason::FIRST_RULE_SLOT;

use super::FirewallError;
use super::image_map;
use super::label::{Label, Slots};
use super::loader::{self, LoadError};

/// Packets and octets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Octets of their frames.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, tally: Tally) {
        self.packets += tally.packets;
        self.bytes += tally.bytes;
    }
}

/// What became of the events that rules asked for: `asked = sent + rate_limited + ring_full`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Asked for.
    pub asked: u64,
    /// Given to a ring.
    pub sent: u64,
    /// Held back by the rule's rate.
    pub rate_limited: u64,
    /// Lost, because the ring was full.
    pub ring_full: u64,
}

/// What became of answers to those who are rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerCounts {
    /// Not given, being past the rate of answers; counted as dropped.
    pub rate_limited: u64,
    /// Could not be made in the frame; counted as rejected.
    pub failed: u64,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Whose it is.
    #[serde(flatten)]
    pub label: Label,
    /// What it counted.
    #[serde(flatten)]
    pub count: Count,
    /// Time of the last packet, in nanoseconds of the kernel's monotonic clock, up to 10 ms
    /// early. `None`: there was none.
    #[serde(default)]
    pub last_hit_ns: Option<u64>,
}

/// All counters. `received = accepted + dropped + rejected = Σ rows` when no packet is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames that the filter saw.
    pub received: Count,
    /// Let on.
    pub accepted: Count,
    /// Taken away without a word.
    pub dropped: Count,
    /// Taken away, and the sender told so.
    #[serde(default)]
    pub rejected: Count,
    /// Answers to those who are rejected.
    #[serde(default)]
    pub answers: AnswerCounts,
    /// Events.
    pub events: EventCounts,
    /// Each rule and reason that a plan names or that has counted.
    pub rows: Vec<Row>,
    /// What is counted beside who decides: packets that a rule of the global policy let go on, and
    /// another context decided; and what rules of staged policies would have decided. Not in the sums.
    #[serde(default)]
    pub beside: Vec<Row>,
}

/// The kernel's totals, over all CPUs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) totals: abi::Totals,
}

impl Sums {
    fn add(&mut self, words: [u64; 14]) {
        let t = &mut self.totals;
        let fields = [
            &mut t.received.packets,
            &mut t.received.bytes,
            &mut t.accepted.packets,
            &mut t.accepted.bytes,
            &mut t.dropped.packets,
            &mut t.dropped.bytes,
            &mut t.rejected.packets,
            &mut t.rejected.bytes,
            &mut t.asked,
            &mut t.sent,
            &mut t.limited,
            &mut t.ring_full,
            &mut t.answers_limited,
            &mut t.answers_failed,
        ];
        for (field, word) in fields.into_iter().zip(words) {
            *field += word;
        }
    }
}

/// Reads the kernel's counters.
pub(crate) fn read(
    totals: &loader::Totals,
    counters: &loader::Counters,
    slots: &Slots,
) -> Result<Counters, LoadError> {
    let refused = |error: MapError| LoadError::Refused(loader::chain(&error));
    let mut tallies = BTreeMap::new();
    let named = slots.iter().map(|(slot, _)| slot);
    for slot in (0..FIRST_RULE_SLOT).chain(named) {
        let mut hits = SlotTally::default();
        for [packets, bytes, last] in counters.get(&slot, 0).map_err(refused)?.iter().copied() {
            hits.tally.packets += packets;
            hits.tally.bytes += bytes;
            hits.last = hits.last.max(last);
        }
        tallies.insert(slot, hits);
    }
    let mut sums = Sums::default();
    for words in totals.get(&0, 0).map_err(refused)?.iter().copied() {
        sums.add(words);
    }
    Ok(present(&sums.totals, &tallies, slots))
}

/// Counters under their names; built-in reasons that never happened are left out.
pub(crate) fn present(
    totals: &abi::Totals,
    tallies: &BTreeMap<u32, SlotTally>,
    slots: &Slots,
) -> Counters {
    let mut counters = Counters::default();
    counters.received.add(totals.received);
    counters.accepted.add(totals.accepted);
    counters.dropped.add(totals.dropped);
    counters.rejected.add(totals.rejected);
    counters.answers = AnswerCounts {
        rate_limited: totals.answers_limited,
        failed: totals.answers_failed,
    };
    counters.events = EventCounts {
        asked: totals.asked,
        sent: totals.sent,
        rate_limited: totals.limited,
        ring_full: totals.ring_full,
    };
    let mut by_label = HashMap::new();
    for (slot, hits) in tallies {
        if *slot < FIRST_RULE_SLOT && hits.tally.packets == 0 {
            continue;
        }
        if let Some(label) = slots.label(*slot) {
            let mut count = Count::default();
            count.add(hits.tally);
            let last_hit_ns = (hits.last != 0).then_some(hits.last);
            if label.is_beside() {
                counters.beside.push(Row {
                    label,
                    count,
                    last_hit_ns,
                });
                continue;
            }
            // What a rule drops, and what one of that name that rejects drops, is one for people.
            let shown = *by_label.entry(label.clone()).or_insert(counters.rows.len());
            if let Some(row) = counters.rows.get_mut(shown) {
                row.count.packets += count.packets;
                row.count.bytes += count.bytes;
                row.last_hit_ns = row.last_hit_ns.max(last_hit_ns);
                continue;
            }
            counters.rows.push(Row {
                label,
                count,
                last_hit_ns,
            });
        }
    }
    counters
}

/// Image of a pinned filter, read without the daemon.
pub(crate) fn pinned_image(pin_path: &Path) -> Result<Vec<Line>, FirewallError> {
    let not_pinned = || FirewallError::NotPinned {
        path: pin_path.to_owned(),
    };
    let pin = pin_path.join(format!("abi-{ABI_VERSION}")).join(MAP_IMAGE);
    if !pin.exists() {
        return Err(not_pinned());
    }
    let refused = |error: MapError| LoadError::Refused(loader::chain(&error));
    let map = MapData::from_pin(pin).map_err(refused)?;
    let outer = image_map::Outer::try_from(Map::ArrayOfMaps(map)).map_err(refused)?;
    image_map::read(&outer)?.ok_or_else(not_pinned)
}

/// Names of the reputation image of a pinned filter, if there is one.
#[must_use]
pub fn pinned_reputation(pin_path: &Path) -> Option<Vec<u8>> {
    let path = pin_path
        .join(format!("abi-{ABI_VERSION}"))
        .join(MAP_REPUTATION);
    let outer = Map::ArrayOfMaps(MapData::from_pin(path).ok()?);
    let outer = image_map::Outer::try_from(outer).ok()?;
    image_map::reputation_names(&outer).ok()?
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
    let refused = |error: MapError| LoadError::Refused(loader::chain(&error));
    let outer = Map::ArrayOfMaps(open(MAP_IMAGE)?);
    let outer = image_map::Outer::try_from(outer).map_err(refused)?;
    let totals = Map::PerCpuArray(open(MAP_TOTALS)?);
    let counters = Map::PerCpuArray(open(MAP_COUNTERS)?);
    let slots = image_map::slots(&outer)?;
    Ok(read(
        &PerCpuArray::try_from(totals).map_err(refused)?,
        &PerCpuArray::try_from(counters).map_err(refused)?,
        &slots,
    )?)
}
