//! Frames out of the kernel program, each with its verdict, for a bounded time.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustix::net::{AddressFamily, SocketType, netdevice, socket};
use serde::{Deserialize, Serialize};
use smtp_lb_common::abi::{CAPTURE_WORDS, SLOTS};
use smtp_lb_common::capture::{Control, Head, SNAP};
use smtp_lb_common::reason::{Reason, Verdict};
use thiserror::Error;
use zerocopy::FromBytes as _;

use super::label::{Label, Slots};
use super::loader::{self, CaptureMaps};
use crate::clock::{boot_ns, monotonic};

/// Longest time, in seconds.
pub(crate) const MAX_SECONDS: u64 = 3_600;
/// Most frames.
pub(crate) const MAX_PACKETS: u64 = 10_000_000;

/// Which frames are captured, how many, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureRequest {
    /// Words of verdicts. Empty: all.
    pub verdicts: Vec<String>,
    /// Rule or built-in reason that decided. `None`: any.
    pub rule: Option<String>,
    /// Policy of the rule. `None`: any.
    pub policy: Option<String>,
    /// Context, as counters name it. `None`: any.
    pub context: Option<String>,
    /// Octets kept of each, 1 to 1,536.
    pub snap: u32,
    /// Frames, 1 to 10,000,000.
    pub packets: u64,
    /// Seconds, 1 to 3,600.
    pub seconds: u64,
}

/// A captured frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedPacket {
    /// Nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Interface it came in by.
    pub interface: String,
    /// `accept`, `drop` or `reject`.
    pub verdict: String,
    /// One word.
    pub reason: String,
    /// Who decided.
    pub label: Option<Label>,
    /// Octets of the frame.
    pub length: u32,
    /// The first of them.
    #[serde(with = "base64_text")]
    pub data: Vec<u8>,
}

/// Frames cannot be captured as asked.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// Connections are judged, not packets.
    #[error("the filter is in userspace and sees connections, not frames; a capture needs XDP")]
    NoFrames,
    /// One at a time.
    #[error("another capture is running")]
    Busy,
    /// A bound is passed.
    #[error("{what} is not from 1 to {most}")]
    Bound {
        /// Field of the request.
        what: &'static str,
        /// Its bound.
        most: u64,
    },
    /// There is no such verdict.
    #[error("no verdict is called {0}")]
    NoVerdict(String),
    /// Nothing in force has that rule, policy and context.
    #[error(
        "nothing in force has this rule, policy and context; `smtp-lb firewall list` names all"
    )]
    NoSuchRule,
    /// The kernel refused.
    #[error("the kernel refused: {0}")]
    Kernel(String),
    /// Interfaces cannot be named.
    #[error("cannot look up interfaces: {0}")]
    Interfaces(io::Error),
}

/// A capture under way. It ends when this is dropped, and by the kernel's clock in any case.
pub struct Capture {
    home: Arc<Mutex<Option<CaptureMaps>>>,
    /// Some until the drop.
    maps: Option<CaptureMaps>,
    slots: Arc<ArcSwap<Slots>>,
    session: u64,
    until: u64,
    lost_before: u64,
    left: u64,
    interfaces: HashMap<u32, String>,
    socket: rustix::fd::OwnedFd,
}

impl Capture {
    pub(crate) fn begin(
        home: Arc<Mutex<Option<CaptureMaps>>>,
        slots: Arc<ArcSwap<Slots>>,
        request: &CaptureRequest,
    ) -> Result<Self, CaptureError> {
        for (what, value, most) in [
            ("snap", u64::from(request.snap), u64::from(SNAP)),
            ("packets", request.packets, MAX_PACKETS),
            ("seconds", request.seconds, MAX_SECONDS),
        ] {
            if !(1..=most).contains(&value) {
                return Err(CaptureError::Bound { what, most });
            }
        }
        let verdicts = verdicts(&request.verdicts)?;
        let words = words(&slots.load(), request).ok_or(CaptureError::NoSuchRule)?;
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)
            .map_err(|error| CaptureError::Interfaces(error.into()))?;
        let maps = home
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or(CaptureError::Busy)?;
        let now = monotonic();
        let mut capture = Self {
            home,
            maps: Some(maps),
            slots,
            // Times never come twice.
            session: now,
            until: now + request.seconds * 1_000_000_000,
            lost_before: 0,
            left: request.packets,
            interfaces: HashMap::new(),
            socket,
        };
        capture.lost_before = capture.lost_ever();
        capture.switch_on(verdicts, request.snap, &words)?;
        Ok(capture)
    }

    fn switch_on(&mut self, verdicts: u64, snap: u32, words: &[u64]) -> Result<(), CaptureError> {
        let control = Control {
            until: self.until,
            verdicts,
            snap: u64::from(snap),
            session: self.session,
        };
        let Some(maps) = &mut self.maps else {
            return Ok(());
        };
        let refused = |error: &dyn std::error::Error| CaptureError::Kernel(loader::chain(error));
        for (index, word) in (0..).zip(words) {
            maps.slots.set(index, word, 0).map_err(|e| refused(&e))?;
        }
        maps.control
            .set(0, control.words(), 0)
            .map_err(|e| refused(&e))
    }

    /// Takes what has come, up to `most` frames. Whether more may come: not when the count is
    /// reached, or the time is over and the ring is empty. Never waits.
    pub fn read(&mut self, most: usize, packets: &mut Vec<CapturedPacket>) -> bool {
        let over = monotonic() >= self.until;
        let boot = boot_ns();
        let slots = Arc::clone(&self.slots);
        let slots = slots.load();
        let mut taken = 0;
        while self.left > 0 && taken < most {
            let Some(maps) = &mut self.maps else {
                return false;
            };
            let Some(item) = maps.ring.next() else {
                return !over;
            };
            // A record of another layout does not exist: the maps go with the program.
            let Ok((head, data)) = Head::read_from_prefix(&item) else {
                continue;
            };
            if head.session != self.session {
                continue;
            }
            let data = data.get(..head.taken as usize).unwrap_or(data).to_vec();
            drop(item);
            packets.push(CapturedPacket {
                time_ns: boot.saturating_add(head.time),
                interface: self.interface(head.interface),
                verdict: Verdict::from_u8(head.verdict)
                    .map_or("unknown", Verdict::name)
                    .into(),
                reason: Reason::from_u8(head.reason)
                    .map_or("unknown", Reason::name)
                    .into(),
                label: slots.label(head.slot),
                length: head.length,
                data,
            });
            self.left -= 1;
            taken += 1;
        }
        self.left > 0
    }

    /// Frames of this capture that the program had to leave out: the ring was full, or the frame
    /// could not be read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_ever().saturating_sub(self.lost_before)
    }

    fn lost_ever(&self) -> u64 {
        let lost = self
            .maps
            .as_ref()
            .and_then(|maps| maps.lost.get(&0, 0).ok());
        lost.map_or(0, |lost| lost.iter().sum())
    }

    fn interface(&mut self, index: u32) -> String {
        if let Some(name) = self.interfaces.get(&index) {
            return name.clone();
        }
        let name = netdevice::index_to_name(&self.socket, index);
        let name = name.unwrap_or_else(|_| index.to_string());
        // Frames come by the few interfaces that are filtered.
        self.interfaces.insert(index, name.clone());
        name
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(mut maps) = self.maps.take() {
            // If the kernel refuses, the time runs out.
            let _ = maps.control.set(0, Control::default().words(), 0);
            while maps.ring.next().is_some() {}
            *self.home.lock().unwrap_or_else(PoisonError::into_inner) = Some(maps);
        }
    }
}

fn verdicts(words: &[String]) -> Result<u64, CaptureError> {
    if words.is_empty() {
        return Ok(u64::MAX);
    }
    let known = || (0..64).filter_map(|number| Some((number, Verdict::from_u8(number)?)));
    words.iter().try_fold(0, |mask, word| {
        let found = known().find(|(_, verdict)| verdict.name() == word);
        let (number, _) = found.ok_or_else(|| CaptureError::NoVerdict(word.clone()))?;
        Ok(mask | 1 << number)
    })
}

/// A bit for each slot that the request means; `None`: it names one, and none has the name.
fn words(slots: &Slots, request: &CaptureRequest) -> Option<Vec<u64>> {
    let names = [&request.context, &request.policy, &request.rule];
    if names.iter().all(|name| name.is_none()) {
        return Some(vec![u64::MAX; CAPTURE_WORDS as usize]);
    }
    let mut words = vec![0; CAPTURE_WORDS as usize];
    let mut any = false;
    for slot in 0..SLOTS {
        let Some(label) = slots.label(slot) else {
            continue;
        };
        let is = [&label.context, &label.policy, &label.rule];
        let mut pairs = names.iter().zip(is);
        if pairs.all(|(name, is)| name.as_ref().is_none_or(|name| name == is)) {
            words[slot as usize / 64] |= 1 << (slot % 64);
            any = true;
        }
    }
    any.then_some(words)
}

/// Octets in JSON.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(data))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'d, str>::deserialize(from)?;
        STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{CaptureRequest, verdicts, words};
    use crate::firewall::label::{Allocator, HOST, Label, Slots, Word};

    fn request(rule: Option<&str>, context: Option<&str>) -> CaptureRequest {
        CaptureRequest {
            verdicts: vec![],
            rule: rule.map(str::to_owned),
            policy: None,
            context: context.map(str::to_owned),
            snap: 1,
            packets: 1,
            seconds: 1,
        }
    }

    #[test]
    fn names_become_bits_of_slots() {
        let mut allocator = Allocator::new(Slots::default());
        for (context, verdict) in [("virtual-server:a", Word::Drop), (HOST, Word::Accept)] {
            allocator.slot(Label {
                context: context.into(),
                policy: "edge".into(),
                rule: "bad".into(),
                verdict,
            });
        }
        let slots = allocator.finish();
        let of = |rule, context| words(&slots, &request(rule, context));
        assert_eq!(of(Some("bad"), None).unwrap()[2], 0b11);
        assert_eq!(of(Some("bad"), Some("host")).unwrap()[2], 0b10);
        assert_eq!(of(Some("good"), None), None);
        // Built-in reasons have a slot for each verdict, too.
        assert_eq!(of(Some("arp"), None).unwrap()[0].count_ones(), 3);
        assert!(of(None, None).unwrap().iter().all(|word| *word == u64::MAX));
    }

    #[test]
    fn verdicts_become_bits() {
        let of = |word: &str| verdicts(&[word.to_owned()]);
        assert_eq!(of("accept").unwrap(), 1);
        assert_eq!(of("drop").unwrap(), 2);
        assert_eq!(of("reject").unwrap(), 4);
        assert!(of("dorp").is_err());
        assert_eq!(verdicts(&[]).unwrap(), u64::MAX);
    }
}
