//! The verdict: failsafe → reputation → policy of the context → default.

use crate::answer;
use crate::image::{
    AFTER_ROOTS, ANY_PROTOCOL, CELLS_PER_LINE, Context, ENTRIES_PER_LINE, Entry, FLAG_DEFAULT_DROP,
    FLAG_DEFAULT_REJECT, FLAG_LOG_DEFAULT, FLAG_REPUTATION, Header, Image, MAX_CHAIN, MAX_PROBES,
    Server, halves, word,
};
use crate::lookup::{class_v4, class_v6};
use crate::packet::{
    Flow, Frame, Packet, Parsed, TCP_ACK, TCP_SYN, Transport, inner_flow, mapped, protocol,
};
use crate::reason::{Reason, Verdict};
use crate::reputation::{
    ALLOW, NO_PROFILE, PROFILE_LINES, PROFILES, Profile, SETS, SLOTS_PER_LINE, Standing, lowest,
};

/// What the verdict must ask of the host beside the image.
pub trait Host {
    /// Does the host have this very connection: a TCP socket that does not listen, or a UDP
    /// socket connected to that peer?
    fn has_connection(&self, flow: &Flow) -> bool;

    /// Who lists the source, by the feeds.
    fn listed(&self, v6: bool, source: [u64; 2]) -> Standing;

    /// By which added entry is the source listed now?
    fn added(&self, v6: bool, source: [u64; 2]) -> Standing;

    /// The same words, of which the kernel's verifier knows nothing.
    fn settle(&self, words: [u64; 3]) -> [u64; 3] {
        words
    }
}

/// A host without connections, to which all sources are alike.
pub struct NoConnections;

impl Host for NoConnections {
    fn has_connection(&self, _: &Flow) -> bool {
        false
    }

    fn listed(&self, _: bool, _: [u64; 2]) -> Standing {
        Standing::NONE
    }

    fn added(&self, _: bool, _: [u64; 2]) -> Standing {
        Standing::NONE
    }
}

/// A verdict, why, who counts it, and whether an event was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the frame.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Counter slot.
    pub slot: u32,
    /// An event is asked for.
    pub log: bool,
    /// What the source's reputation came to.
    pub listed: Listed,
}

/// What the reputation of a source came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Counter of set and profile, or [`NO_HIT`].
    pub hit: u32,
    /// The set.
    pub set: u32,
    /// Counter slot of the category of which an event is asked for beside the decision's own, as
    /// it did not decide; 0: none.
    pub slot: u32,
}

/// In place of a counter: nobody lists the source, or nobody asks.
pub const NO_HIT: u32 = u32::MAX;

impl Listed {
    /// Nobody lists the source, or nobody asks.
    pub const NO: Self = Self {
        hit: NO_HIT,
        set: 0,
        slot: 0,
    };
}

impl Decision {
    /// The event that is asked for beside the decision's own, where [`Listed::slot`] is one.
    #[must_use]
    #[inline(always)]
    pub const fn beside(&self) -> Self {
        Self {
            verdict: Verdict::Accept,
            reason: Reason::Reputation,
            slot: self.listed.slot,
            log: true,
            listed: self.listed,
        }
    }

    /// The same, but dropped: a rejected packet that is not answered. The slot that counts those is
    /// behind the one of the rejection.
    #[must_use]
    #[inline(always)]
    pub const fn dropped(self) -> Self {
        Self {
            verdict: Verdict::Drop,
            slot: self.slot.wrapping_add(1),
            ..self
        }
    }

    /// As words.
    #[must_use]
    #[inline(always)]
    pub const fn pack(self) -> [u64; 3] {
        [
            word(self.slot, self.listed.slot),
            word(self.listed.hit, self.listed.set),
            (self.verdict as u64) << 16 | (self.reason as u64) << 8 | self.log as u64,
        ]
    }

    /// The decision that [`Self::pack`] made words of.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fields of packed words")]
    pub const fn unpack([slots, listed, rest]: [u64; 3]) -> Self {
        let ((slot, beside), (hit, set)) = (halves(slots), halves(listed));
        Self {
            verdict: match Verdict::from_u8((rest >> 16) as u8) {
                Some(verdict) => verdict,
                None => Verdict::Drop,
            },
            reason: match Reason::from_u8((rest >> 8) as u8) {
                Some(reason) => reason,
                None => Reason::NoImage,
            },
            slot,
            log: rest & 1 == 1,
            listed: Listed {
                hit,
                set,
                slot: beside,
            },
        }
    }

    const fn built_in(verdict: Verdict, reason: Reason) -> Self {
        Self {
            verdict,
            reason,
            slot: reason.slot(verdict),
            log: false,
            listed: Listed::NO,
        }
    }
}

/// Decides a parsed frame. A damaged image lets everything on, counted as such: a filter that
/// is not there must not cut the host off.
#[inline(always)]
pub fn decide<I: Image + ?Sized, H: Host, F: Frame + ?Sized>(
    image: &I,
    host: &H,
    frame: &F,
    parsed: &Parsed,
) -> Decision {
    if let Some(reason) = parsed.stop {
        return Decision::built_in(without_packet(reason), reason);
    }
    match judge(image, host, frame, &parsed.packet) {
        Ok(decision) if matches!(decision.verdict, Verdict::Reject) => {
            // All that rejects is one from here on, for the verifier.
            let decision = Decision::unpack(host.settle(decision.pack()));
            if answer::may_be(frame, &parsed.packet) {
                decision
            } else {
                decision.dropped()
            }
        }
        Ok(decision) => decision,
        Err(Damaged) => Decision::built_in(Verdict::Accept, Reason::NoImage),
    }
}

#[inline(always)]
const fn without_packet(reason: Reason) -> Verdict {
    match reason {
        Reason::NonIp | Reason::Arp => Verdict::Accept,
        _ => Verdict::Drop,
    }
}

#[inline(always)]
fn judge<I: Image + ?Sized, H: Host, F: Frame + ?Sized>(
    image: &I,
    host: &H,
    frame: &F,
    packet: &Packet,
) -> Result<Decision, Damaged> {
    if is_neighbor(packet) {
        return Ok(Decision::built_in(Verdict::Accept, Reason::Neighbor));
    }
    let header = image.line(0).and_then(Header::unpack).ok_or(Damaged)?;
    let class = if packet.v6 {
        class_v6(image, packet.src[0], packet.src[1])
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the IPv4 address is the low half"
        )]
        class_v4(image, packet.src[1] as u32)
    }
    .ok_or(Damaged)?;
    if let Some(entry) = first_match(image, &header, class, header.failsafe, packet)? {
        return Ok(by_rule(&entry, Reason::Failsafe));
    }
    let context = context(image, &header, packet)?;
    // Many ways lead here, and the verifier follows each through all that comes after, unless
    // they are one: see `flat`.
    let [found, asked, _] = host.settle([u64::from(class), context.pack(), 0]);
    #[expect(clippy::cast_possible_truncation, reason = "it was 32 bits")]
    let (class, context) = (found as u32, Context::unpack(asked));
    let found = reputation(image, host, &header, context, packet)?;
    let found = Found::unpack(host.settle(found.pack()));
    if found.decides {
        return Ok(found.decision());
    }
    let decision = by_policy(image, host, frame, &header, class, context, packet)?;
    Ok(Decision {
        listed: found.listed(),
        ..decision
    })
}

/// What a context does with a source's reputation.
#[derive(Clone, Copy)]
struct Found {
    hit: u32,
    set: u32,
    slot: u32,
    verdict: u8,
    decides: bool,
    log: bool,
}

impl Found {
    const NOTHING: Self = Self {
        hit: NO_HIT,
        set: 0,
        slot: 0,
        verdict: Verdict::Accept as u8,
        decides: false,
        log: false,
    };

    #[inline(always)]
    const fn pack(self) -> [u64; 3] {
        [
            word(self.hit, self.set),
            self.slot as u64,
            (self.verdict as u64) << 16 | (self.decides as u64) << 8 | self.log as u64,
        ]
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fields of packed words")]
    const fn unpack([first, slot, rest]: [u64; 3]) -> Self {
        let (hit, set) = halves(first);
        Self {
            hit,
            set,
            slot: slot as u32,
            verdict: (rest >> 16) as u8,
            decides: rest >> 8 & 1 == 1,
            log: rest & 1 == 1,
        }
    }

    #[inline(always)]
    fn decision(self) -> Decision {
        Decision {
            verdict: Verdict::from_u8(self.verdict).unwrap_or(Verdict::Drop),
            reason: Reason::Reputation,
            slot: self.slot,
            log: self.log,
            listed: Listed {
                hit: self.hit,
                set: self.set,
                slot: 0,
            },
        }
    }

    /// Of what goes on to the policy.
    #[inline(always)]
    const fn listed(self) -> Listed {
        Listed {
            hit: self.hit,
            set: self.set,
            slot: if self.log { self.slot } else { 0 },
        }
    }
}

/// Failsafe has not decided: does the source's reputation?
#[inline(always)]
fn reputation<I: Image + ?Sized, H: Host>(
    image: &I,
    host: &H,
    header: &Header,
    context: Context,
    packet: &Packet,
) -> Result<Found, Damaged> {
    if header.flags & FLAG_REPUTATION == 0 {
        return Ok(Found::NOTHING);
    }
    let first = AFTER_ROOTS.wrapping_add(context.column.wrapping_mul(PROFILE_LINES));
    let profile = Profile::unpack(image.line(first).ok_or(Damaged)?);
    if profile.number == NO_PROFILE {
        return Ok(Found::NOTHING);
    }
    let standing = standing(host, &profile, packet);
    if standing.set == 0 {
        return Ok(Found::NOTHING);
    }
    let mut found = Found {
        hit: (standing.set % SETS) * PROFILES + profile.number % PROFILES,
        set: standing.set,
        ..Found::NOTHING
    };
    if standing.mask & ALLOW != 0 {
        return Ok(found);
    }
    let mut told = standing.mask & profile.drop;
    if told != 0 {
        (found.decides, found.verdict) = (true, Verdict::Drop as u8);
    } else {
        told = standing.mask & profile.reject;
        if told != 0 {
            (found.decides, found.verdict) = (true, Verdict::Reject as u8);
        } else {
            told = standing.mask & profile.log;
        }
    }
    if told == 0 {
        return Ok(found);
    }
    let category = lowest(told);
    let slots = image
        .line(first.wrapping_add(1 + category / SLOTS_PER_LINE))
        .ok_or(Damaged)?;
    let (odd, even) = halves(slots[(category % SLOTS_PER_LINE / 2) as usize]);
    found.slot = if category.is_multiple_of(2) {
        even
    } else {
        odd
    };
    found.log = profile.log >> category & 1 == 1;
    Ok(found)
}

/// Who lists the source. An allow entry wins over all others, and a feed's entry that acts over an
/// added one.
#[inline(always)]
fn standing<H: Host>(host: &H, profile: &Profile, packet: &Packet) -> Standing {
    let acts = profile.drop | profile.reject;
    let by_feeds = host.listed(packet.v6, packet.src);
    if by_feeds.mask & (acts | ALLOW) != 0 {
        return by_feeds;
    }
    let added = host.added(packet.v6, packet.src);
    if by_feeds.set == 0 || added.mask & acts != 0 {
        added
    } else {
        by_feeds
    }
}

#[inline(always)]
fn by_policy<I: Image + ?Sized, H: Host, F: Frame + ?Sized>(
    image: &I,
    host: &H,
    frame: &F,
    header: &Header,
    class: u32,
    context: Context,
    packet: &Packet,
) -> Result<Decision, Damaged> {
    if let Some(entry) = first_match(image, header, class, context, packet)? {
        return Ok(by_rule(&entry, Reason::Policy));
    }
    if header.flags & FLAG_DEFAULT_DROP == 0 {
        return Ok(by_default(header, context, packet, Verdict::Accept));
    }
    if let Some(reason) = answers(host, frame, packet) {
        return Ok(Decision::built_in(Verdict::Accept, reason));
    }
    let verdict = if header.flags & FLAG_DEFAULT_REJECT == 0 {
        Verdict::Drop
    } else {
        Verdict::Reject
    };
    Ok(by_default(header, context, packet, verdict))
}

#[inline(always)]
const fn by_default(
    header: &Header,
    context: Context,
    packet: &Packet,
    verdict: Verdict,
) -> Decision {
    if matches!(packet.transport, Transport::Later) {
        let verdict = match verdict {
            Verdict::Accept => Verdict::Accept,
            // Nobody answers a later fragment.
            Verdict::Drop | Verdict::Reject => Verdict::Drop,
        };
        return Decision::built_in(verdict, Reason::LaterFragment);
    }
    Decision {
        verdict,
        reason: Reason::Default,
        slot: context.default_slot,
        log: header.flags & FLAG_LOG_DEFAULT != 0,
        listed: Listed::NO,
    }
}

#[inline(always)]
const fn by_rule(entry: &Entry, reason: Reason) -> Decision {
    Decision {
        verdict: entry.verdict,
        reason,
        slot: entry.slot,
        log: entry.log,
        listed: Listed::NO,
    }
}

/// The image leads nowhere: no compiler of ours wrote it.
struct Damaged;

/// First rule of the context's policy that matches a source of `class` and the packet.
#[inline(always)]
fn first_match<I: Image + ?Sized>(
    image: &I,
    header: &Header,
    class: u32,
    context: Context,
    packet: &Packet,
) -> Result<Option<Entry>, Damaged> {
    let cell = class
        .wrapping_mul(header.columns)
        .wrapping_add(context.column);
    let line = image
        .line(header.matrix.wrapping_add(cell / CELLS_PER_LINE))
        .ok_or(Damaged)?;
    let pair = line[(cell % CELLS_PER_LINE / 2) as usize];
    #[expect(clippy::cast_possible_truncation, reason = "half of a word")]
    let mut at = if cell.is_multiple_of(2) {
        pair as u32
    } else {
        (pair >> 32) as u32
    };
    for _ in 0..MAX_CHAIN {
        let line = image
            .line(header.chains.wrapping_add(at / ENTRIES_PER_LINE))
            .ok_or(Damaged)?;
        let word = (at % ENTRIES_PER_LINE * 2) as usize;
        let entry = Entry::unpack(line[word], line[word + 1]);
        if entry.end {
            return Ok(None);
        }
        if matches(&entry, packet) {
            return Ok(Some(entry));
        }
        at = at.wrapping_add(1);
    }
    Err(Damaged)
}

#[inline(always)]
fn matches(entry: &Entry, packet: &Packet) -> bool {
    if entry.protocol != ANY_PROTOCOL && entry.protocol != u16::from(packet.protocol) {
        return false;
    }
    let Some((low, high)) = entry.ports else {
        return true;
    };
    matches!(packet.transport, Transport::Tcp | Transport::Udp)
        && low <= packet.dport
        && packet.dport <= high
}

/// As [`context`]; `None`: the image leads nowhere.
#[inline(always)]
pub(crate) fn context_of<I: Image + ?Sized>(
    image: &I,
    header: &Header,
    packet: &Packet,
) -> Option<Context> {
    context(image, header, packet).ok()
}

/// The virtual server that a TCP packet is for, by address and port or by port alone; else the
/// host.
#[inline(always)]
fn context<I: Image + ?Sized>(
    image: &I,
    header: &Header,
    packet: &Packet,
) -> Result<Context, Damaged> {
    if !matches!(packet.transport, Transport::Tcp) {
        return Ok(header.host);
    }
    if let Some(context) = server(image, header, packet.dst, packet.dport)? {
        return Ok(context);
    }
    let any = if packet.v6 { [0, 0] } else { mapped(0) };
    Ok(server(image, header, any, packet.dport)?.unwrap_or(header.host))
}

#[inline(always)]
fn server<I: Image + ?Sized>(
    image: &I,
    header: &Header,
    address: [u64; 2],
    port: u16,
) -> Result<Option<Context>, Damaged> {
    let hash = Server::hash(address, port);
    for probe in 0..MAX_PROBES {
        let at = hash.wrapping_add(probe) & header.servers_mask;
        let line = image.line(header.servers.wrapping_add(at)).ok_or(Damaged)?;
        if Server::matches(line, address, port) {
            return Ok(Some(Context::unpack(line[3])));
        }
        if line[2] == 0 {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Router and neighbour messages, redirects (hop limit 255: from this link, RFC 4861), and
/// listener queries and reports (hop limit 1, RFC 3810). Without them IPv6 falls silent.
#[inline(always)]
const fn is_neighbor(packet: &Packet) -> bool {
    if !packet.v6
        || packet.protocol != protocol::ICMPV6
        || !matches!(packet.transport, Transport::Icmp)
    {
        return false;
    }
    match packet.icmp_type {
        133..=137 => packet.hops == 255,
        130..=132 | 143 => packet.hops == 1,
        _ => false,
    }
}

/// Is this an answer to something that the host began?
#[inline(always)]
fn answers<H: Host, F: Frame + ?Sized>(host: &H, frame: &F, packet: &Packet) -> Option<Reason> {
    let v6 = packet.v6;
    let (flow, reason) = match packet.transport {
        // A bare SYN begins a connection: a flood of them must not cost a look-up each.
        Transport::Tcp if packet.flags & (TCP_SYN | TCP_ACK) == TCP_SYN => return None,
        // DHCP clients listen on unconnected or raw sockets (RFC 2131, RFC 8415).
        Transport::Udp if is_dhcp(packet) => return Some(Reason::Dhcp),
        Transport::Tcp | Transport::Udp => (flow(packet), Reason::Reply),
        // Destination unreachable, packet too big, time exceeded, parameter problem.
        Transport::Icmp if v6 && matches!(packet.icmp_type, 1..=4) => {
            (inner_flow(frame, packet.offset, v6)?, Reason::IcmpError)
        }
        Transport::Icmp if !v6 && matches!(packet.icmp_type, 3 | 11 | 12) => {
            (inner_flow(frame, packet.offset, v6)?, Reason::IcmpError)
        }
        _ => return None,
    };
    host.has_connection(&flow).then_some(reason)
}

#[inline(always)]
const fn is_dhcp(packet: &Packet) -> bool {
    if packet.v6 {
        packet.sport == 547 && packet.dport == 546
    } else {
        packet.sport == 67 && packet.dport == 68
    }
}

#[inline(always)]
const fn flow(packet: &Packet) -> Flow {
    Flow {
        v6: packet.v6,
        src: packet.src,
        dst: packet.dst,
        tcp: matches!(packet.transport, Transport::Tcp),
        remote: packet.sport,
        local: packet.dport,
    }
}
