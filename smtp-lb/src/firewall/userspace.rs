//! The fallback: the same image and the same code, asked at accept.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use smtp_lb_common::abi::{Tally, Totals};
use smtp_lb_common::image::Line;
use smtp_lb_common::packet::{
    NO_VLAN, Packet, Parsed, TCP_SYN, Transport, mapped, protocol, split,
};
use smtp_lb_common::reason::Verdict;
use smtp_lb_common::verdict::{Decision, NoConnections, decide};

use super::compile::Compiled;
use super::counters::{Counters, present};
use super::label::Slots;

/// Image and counters. Sessions begin some thousand times a second at most: a lock will do.
pub(crate) struct Userspace {
    state: Mutex<State>,
}

struct State {
    lines: Vec<Line>,
    slots: Slots,
    totals: Totals,
    tallies: BTreeMap<u32, Tally>,
}

impl Userspace {
    pub(crate) fn new(compiled: Compiled) -> Self {
        Self {
            state: Mutex::new(State {
                lines: compiled.lines,
                slots: compiled.slots,
                totals: Totals::default(),
                tallies: BTreeMap::new(),
            }),
        }
    }

    // No code under the lock can panic; if one did, the counters would still be counters.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, compiled: Compiled) {
        let mut state = self.state();
        state.lines = compiled.lines;
        state.slots = compiled.slots;
    }

    pub(crate) fn slots(&self) -> Slots {
        self.state().slots.clone()
    }

    /// Decides and counts a connection, as one SYN of 0 octets.
    pub(crate) fn allows(&self, client: SocketAddr, local: SocketAddr) -> bool {
        let mut state = self.state();
        let decision = decide_connection(&state.lines, client, local);
        state.totals.received.packets += 1;
        let verdict = match decision.verdict {
            Verdict::Accept => &mut state.totals.accepted,
            Verdict::Drop => &mut state.totals.dropped,
        };
        verdict.packets += 1;
        state.tallies.entry(decision.slot).or_default().packets += 1;
        decision.verdict == Verdict::Accept
    }

    pub(crate) fn counters(&self) -> Counters {
        let state = self.state();
        let mut tallies = state.tallies.clone();
        for (slot, _) in state.slots.iter() {
            tallies.entry(slot).or_default();
        }
        present(&state.totals, &tallies, &state.slots)
    }

    /// Decides a made-up frame without counting it.
    pub(crate) fn explain(&self, frame: &[u8]) -> Decision {
        let parsed = smtp_lb_common::packet::parse(frame);
        decide(
            self.state().lines.as_slice(),
            &NoConnections,
            frame,
            &parsed,
        )
    }
}

fn decide_connection(lines: &[Line], client: SocketAddr, local: SocketAddr) -> Decision {
    let packet = Packet {
        v6: client.is_ipv6(),
        src: words(client.ip()),
        dst: words(local.ip()),
        protocol: protocol::TCP,
        hops: 64,
        transport: Transport::Tcp,
        sport: client.port(),
        dport: local.port(),
        flags: TCP_SYN,
        icmp_type: 0,
        icmp_offset: 0,
    };
    let parsed = Parsed {
        vlan: NO_VLAN,
        stop: None,
        packet,
    };
    decide(lines, &NoConnections, [].as_slice(), &parsed)
}

fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(ip) => mapped(ip.into()),
        IpAddr::V6(ip) => split(ip.octets()),
    }
}
