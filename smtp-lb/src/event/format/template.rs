//! Records of packets that are alike: what they have in common is kept as text, and addresses, ports, numbers
//! and times are written into its holes.

use super::super::model::{Event, FirewallEvent, Kind};
use super::super::packet::Like;
use super::message;
use super::text::{self, Clock, Octets};

/// Templates that an encoder keeps: a power of two.
const KEPT: usize = 64;

/// What is different in every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hole {
    /// Its time, with microseconds.
    Micros,
    /// Its time, with nanoseconds.
    Nanos,
    /// Its number.
    Sequence,
    SrcIp,
    SrcPort,
    DestIp,
    DestPort,
    TcpFlags,
    Length,
    /// Both ends of the packet, as the message for people has them.
    Ends,
}

impl Hole {
    /// The hole that the value of a packet's field is; `None`: it is the same in all that are alike.
    pub(super) fn of(field: &str) -> Option<Self> {
        Some(match field {
            "src_ip" => Self::SrcIp,
            "src_port" => Self::SrcPort,
            "dest_ip" => Self::DestIp,
            "dest_port" => Self::DestPort,
            "tcp_flags" => Self::TcpFlags,
            "length" => Self::Length,
            _ => return None,
        })
    }
}

/// A record with holes.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) text: Vec<u8>,
    /// Each behind so many octets of the text.
    holes: Vec<(usize, Hole)>,
}

impl Template {
    /// Leaves a hole behind what was written until now.
    pub(super) fn leave(&mut self, hole: Hole) {
        self.holes.push((self.text.len(), hole));
    }

    /// Appends the record of a packet.
    fn fill(
        &self,
        clock: &mut Clock,
        (sequence, time_ns): (u32, u64),
        packet: &FirewallEvent,
        out: &mut Vec<u8>,
    ) {
        let mut from = 0;
        for &(to, hole) in &self.holes {
            out.extend_from_slice(self.text.get(from..to).unwrap_or_default());
            from = to;
            write(hole, clock, (sequence, time_ns), packet, out);
        }
        out.extend_from_slice(self.text.get(from..).unwrap_or_default());
    }
}

fn write(
    hole: Hole,
    clock: &mut Clock,
    (sequence, time_ns): (u32, u64),
    packet: &FirewallEvent,
    out: &mut Vec<u8>,
) {
    let octets = &mut Octets(out);
    // Writing to a Vec cannot fail.
    let _ = match hole {
        Hole::Micros => return clock.micros(time_ns, out),
        Hole::Nanos => return clock.nanos(time_ns, out),
        Hole::Sequence => text::number(sequence, octets),
        Hole::SrcIp => text::address(packet.src_ip, octets),
        Hole::SrcPort => text::number(packet.src_port, octets),
        Hole::DestIp => text::address(packet.dest_ip, octets),
        Hole::DestPort => text::number(packet.dest_port, octets),
        Hole::TcpFlags => text::number(packet.tcp_flags, octets),
        Hole::Length => text::number(packet.length, octets),
        Hole::Ends => message::ends(packet, octets),
    };
}

/// Those of an encoder.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<Kept>);

#[derive(Debug, Default)]
struct Kept {
    like: Option<Like>,
    /// Can its records be written by it?
    is_good: bool,
    template: Template,
}

impl Templates {
    /// Appends the record of a packet. `make` writes the template of its like, and says whether there can be one.
    /// `false`: nothing is written.
    pub(super) fn write(
        &mut self,
        clock: &mut Clock,
        (sequence, like): (u32, Like),
        event: &Event,
        out: &mut Vec<u8>,
        make: impl FnOnce(&FirewallEvent, &mut Template) -> bool,
    ) -> bool {
        let Kind::Firewall(packet) = &event.kind else {
            return false;
        };
        if self.0.is_empty() {
            self.0.resize_with(KEPT, Kept::default);
        }
        // There are KEPT of them.
        let kept = &mut self.0[like.place() % KEPT];
        if kept.like != Some(like) {
            kept.like = Some(like);
            kept.template.text.clear();
            kept.template.holes.clear();
            kept.is_good = make(packet, &mut kept.template);
        }
        if kept.is_good {
            let different = (sequence, event.time_ns);
            kept.template.fill(clock, different, packet, out);
        }
        kept.is_good
    }
}

#[cfg(test)]
mod tests;
