//! The verdict: failsafe → reputation → global policy → policy of the context → default.
//!
//! What the global policy accepts goes on to the context's policy. If no rule there decides it, the
//! global one has.

use core::cell::Cell;

use crate::answer;
use crate::image::{
    AFTER_HEADER, Context, FAILSAFE_COLUMN, FLAG_DEFAULT_DROP, FLAG_DEFAULT_REJECT,
    FLAG_DESTINATIONS, FLAG_FAILSAFE, FLAG_GLOBAL, FLAG_LOG_DEFAULT, FLAG_REPUTATION, FLAG_STAGED,
    Header, Image, Line, MAX_PROBES, Server, halves, word,
};
use crate::lookup::class_of;
use crate::packet::{
    Flow, Frame, Packet, Parsed, TCP_ACK, TCP_SYN, Transport, inner_flow, mapped, protocol,
};
use crate::reason::{Reason, Verdict};
use crate::reputation::{
    ALLOW, NO_PROFILE, PROFILE_LINES, PROFILES, Profile, SETS, SLOTS_PER_LINE, Standing, lowest,
};
use crate::staged::{Compared, Policies};
use crate::walk::{Match, Meter, walk};

/// What the verdict must ask of the host beside the image.
pub trait Host: Meter {
    /// Does the host have this very connection: a TCP socket that does not listen, or a UDP
    /// socket connected to that peer?
    fn has_connection(&self, flow: &Flow) -> bool;

    /// Who lists the source, by the feeds.
    fn listed(&self, v6: bool, source: [u64; 2]) -> Standing;

    /// By which added entry is the source listed now?
    fn added(&self, v6: bool, source: [u64; 2]) -> Standing;
}

/// A host without connections, to which all sources are alike.
pub struct NoConnections;

impl Meter for NoConnections {}

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
    /// The rule of the global policy that accepted, before another context decided.
    pub passed: Passed,
    /// What the source's reputation came to.
    pub listed: Listed,
}

/// A rule that let a packet go on to the next context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Counter slot of what it let go on; 0: there is no such rule.
    pub slot: u32,
    /// It asks for an event.
    pub log: bool,
}

impl Passed {
    /// There is no such rule.
    pub const NO: Self = Self {
        slot: 0,
        log: false,
    };
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
            passed: Passed::NO,
            listed: self.listed,
        }
    }

    /// The event of a rule that let the packet go on, where [`Passed::log`] says so.
    #[must_use]
    #[inline(always)]
    pub const fn before(&self) -> Self {
        Self {
            verdict: Verdict::Accept,
            reason: Reason::Policy,
            slot: self.passed.slot,
            log: true,
            passed: Passed::NO,
            listed: Listed::NO,
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
            (self.passed.slot as u64) << 32
                | (self.verdict as u64) << 16
                | (self.reason as u64) << 8
                | (self.passed.log as u64) << 1
                | self.log as u64,
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
            passed: Passed {
                slot: (rest >> 32) as u32,
                log: rest >> 1 & 1 == 1,
            },
            listed: Listed {
                hit,
                set,
                slot: beside,
            },
        }
    }

    /// Of a frame for which there is no image that could decide it.
    pub const NO_IMAGE: Self = Self::built_in(Verdict::Accept, Reason::NoImage);

    const fn built_in(verdict: Verdict, reason: Reason) -> Self {
        Self {
            verdict,
            reason,
            slot: reason.slot(verdict),
            log: false,
            passed: Passed::NO,
            listed: Listed::NO,
        }
    }
}

/// What a frame's way is known by, once its addresses are classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Of the image: [`Header::token`].
    pub token: u64,
    /// Of the image: `FLAG_…`.
    pub flags: u32,
    /// Class of the destination.
    pub destination: u32,
    /// Where the failsafe list begins for the source.
    pub failsafe: u32,
    /// Where the global policy does.
    pub global: u32,
    /// Where that of the context does.
    pub own: u32,
    /// The context.
    pub context: Context,
}

impl Route {
    /// Where a column begins for the source.
    #[must_use]
    #[inline(always)]
    pub const fn cell(&self, column: u32) -> u32 {
        // The failsafe list is column 0.
        self.failsafe.wrapping_add(column)
    }

    /// As words.
    #[must_use]
    #[inline(always)]
    pub const fn pack(&self) -> [u64; 5] {
        [
            self.token,
            word(self.flags, self.destination),
            word(self.failsafe, self.global),
            self.own as u64,
            self.context.pack(),
        ]
    }

    /// The route that [`Self::pack`] made words of.
    #[must_use]
    #[inline(always)]
    pub const fn unpack(words: &[u64; 5]) -> Self {
        let ((flags, destination), (failsafe, global)) = (halves(words[1]), halves(words[2]));
        Self {
            token: words[0],
            flags,
            destination,
            failsafe,
            global,
            own: halves(words[3]).1,
            context: Context::unpack(words[4]),
        }
    }
}

/// The parts of a verdict, in the kernel each a call of its own: its stack is small, and its verifier
/// follows every way through a part once. What they find they keep.
pub trait Stages {
    /// Finds the way; `None`: the frame is decided without one.
    fn route(&self) -> Option<Route>;

    /// First rule from a cell on.
    fn walk(&self, route: &Route, cell: u32) -> Match;

    /// Whether the source's reputation decides.
    fn reputation(&self, route: &Route) -> bool;

    /// A failsafe entry decides.
    fn failsafe(&self, entry: Match);

    /// What policies or the default decide.
    fn policies(&self, route: &Route, global: Match, own: Match);

    /// The image leads nowhere.
    fn damaged(&self);

    /// Drops what is rejected and may not be answered.
    fn answer(&self);

    /// Holds staged policies against what the enforced ones have for a packet.
    fn staged(&self, route: &Route, global: Match, own: Match);
}

/// Decides by stages. False: another image came into force meanwhile, and nothing is decided.
#[inline(always)]
pub fn judge<S: Stages>(stages: &S) -> bool {
    let Some(route) = stages.route() else {
        return true;
    };
    let (mut failsafe, mut global, mut own) = (Match::NONE, Match::NONE, Match::NONE);
    if route.flags & FLAG_FAILSAFE != 0 {
        failsafe = stages.walk(&route, route.failsafe);
    }
    if failsafe.is_some() {
        stages.failsafe(failsafe);
        return true;
    }
    if route.flags & FLAG_REPUTATION != 0 && stages.reputation(&route) {
        stages.answer();
        return true;
    }
    if route.flags & FLAG_GLOBAL != 0 {
        global = stages.walk(&route, route.global);
    }
    if !global.ends() {
        own = stages.walk(&route, route.own);
    }
    if failsafe.is_changed() || global.is_changed() || own.is_changed() {
        return false;
    }
    if failsafe.is_damaged() || global.is_damaged() || own.is_damaged() {
        stages.damaged();
        return true;
    }
    stages.policies(&route, global, own);
    stages.answer();
    if route.flags & FLAG_STAGED != 0 {
        stages.staged(&route, global, own);
    }
    true
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
    decide_staged(image, host, frame, parsed).0
}

/// The same, and what staged policies would have done: of the global context, and of the other one.
#[inline(always)]
pub fn decide_staged<I: Image + ?Sized, H: Host, F: Frame + ?Sized>(
    image: &I,
    host: &H,
    frame: &F,
    parsed: &Parsed,
) -> (Decision, [Compared; 2]) {
    let stages = Direct {
        image,
        host,
        frame,
        parsed,
        found: Cell::new(Found::NOTHING),
        decision: Cell::new(Decision::NO_IMAGE),
        compared: Cell::new(Compared::NEITHER),
    };
    judge(&stages);
    (stages.decision.get(), stages.compared.get())
}

/// All stages at once, of an image that nobody changes.
struct Direct<'a, I: ?Sized, H, F: ?Sized> {
    image: &'a I,
    host: &'a H,
    frame: &'a F,
    parsed: &'a Parsed,
    found: Cell<Found>,
    decision: Cell<Decision>,
    compared: Cell<[Compared; 2]>,
}

impl<I: Image + ?Sized, H: Host, F: Frame + ?Sized> Stages for Direct<'_, I, H, F> {
    fn route(&self) -> Option<Route> {
        match route(self.image, self.parsed) {
            Ok(route) => Some(route),
            Err(decision) => {
                self.decision.set(decision);
                None
            }
        }
    }

    fn walk(&self, route: &Route, cell: u32) -> Match {
        let destination = route.destination;
        walk(self.image, self.host, cell, destination, self.parsed)
    }

    fn reputation(&self, route: &Route) -> bool {
        let found = reputation(self.image, self.host, route.context, &self.parsed.packet);
        self.found.set(found);
        if found.decides {
            self.decision.set(found.decision());
        }
        found.decides
    }

    fn failsafe(&self, entry: Match) {
        self.decision.set(by_failsafe(entry));
    }

    fn policies(&self, route: &Route, global: Match, own: Match) {
        let decision = by_policies(
            self.host,
            self.frame,
            route,
            &self.parsed.packet,
            global,
            own,
        );
        self.decision.set(Decision {
            listed: self.found.get().listed(),
            ..decision
        });
    }

    fn damaged(&self) {
        self.decision.set(Decision::NO_IMAGE);
    }

    fn answer(&self) {
        let decision = self.decision.get();
        if matches!(decision.verdict, Verdict::Reject)
            && !answer::may_be(self.frame, &self.parsed.packet)
        {
            self.decision.set(decision.dropped());
        }
    }

    fn staged(&self, route: &Route, global: Match, own: Match) {
        let packet = &self.parsed.packet;
        let Some(policies) = Policies::of(self.image, packet) else {
            return;
        };
        let compared = policies.compare(
            route.context,
            [global, own],
            |column, question| {
                let parsed = Parsed {
                    question: self.parsed.question || question,
                    ..*self.parsed
                };
                let cell = route.cell(column);
                walk(self.image, self.host, cell, route.destination, &parsed)
            },
            || by_nobody(self.host, self.frame, route, packet).verdict,
        );
        self.compared.set(compared);
    }
}

#[inline(always)]
const fn without_packet(reason: Reason) -> Verdict {
    match reason {
        Reason::NonIp | Reason::Arp => Verdict::Accept,
        _ => Verdict::Drop,
    }
}

/// The way of a frame, or what decides it without one.
#[inline(always)]
pub fn route<I: Image + ?Sized>(image: &I, parsed: &Parsed) -> Result<Route, Decision> {
    if let Some(reason) = parsed.stop {
        return Err(Decision::built_in(without_packet(reason), reason));
    }
    let packet = &parsed.packet;
    if is_neighbor(packet) {
        return Err(Decision::built_in(Verdict::Accept, Reason::Neighbor));
    }
    find(image, packet).ok_or(Decision::NO_IMAGE)
}

#[inline(always)]
fn find<I: Image + ?Sized>(image: &I, packet: &Packet) -> Option<Route> {
    let header = image.line(0).and_then(Header::unpack)?;
    let class = class_of(image, header.sources, packet.v6, packet.src)?;
    let destination = if header.flags & FLAG_DESTINATIONS == 0 {
        0
    } else {
        class_of(image, header.destinations, packet.v6, packet.dst)?
    };
    let context = context_of(image, &header, packet)?;
    Some(Route {
        token: header.token,
        flags: header.flags,
        destination,
        failsafe: header.cell(class, FAILSAFE_COLUMN),
        global: header.cell(class, header.global),
        own: header.cell(class, context.column),
        context,
    })
}

/// What a failsafe entry decides.
#[must_use]
#[inline(always)]
pub fn by_failsafe(entry: Match) -> Decision {
    by_rule(entry, Reason::Failsafe, Passed::NO)
}

/// What policies or the default decide.
#[must_use]
#[inline(always)]
pub fn by_policies<H: Host, F: Frame + ?Sized>(
    host: &H,
    frame: &F,
    route: &Route,
    packet: &Packet,
    global: Match,
    own: Match,
) -> Decision {
    match combine(global, own) {
        Some(decision) => decision,
        None => by_nobody(host, frame, route, packet),
    }
}

/// What the rules that match in the global policy and in the context's come to.
#[inline(always)]
fn combine(global: Match, own: Match) -> Option<Decision> {
    if !own.is_some() {
        return global
            .is_some()
            .then(|| by_rule(global, Reason::Policy, Passed::NO));
    }
    let passed = if global.is_some() {
        Passed {
            slot: global.slot().wrapping_add(1),
            log: global.log(),
        }
    } else {
        Passed::NO
    };
    Some(by_rule(own, Reason::Policy, passed))
}

/// What a context does with a source's reputation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    hit: u32,
    set: u32,
    slot: u32,
    verdict: u8,
    /// It decides.
    pub decides: bool,
    log: bool,
}

impl Found {
    /// Nothing at all.
    pub const NOTHING: Self = Self {
        hit: NO_HIT,
        set: 0,
        slot: 0,
        verdict: Verdict::Accept as u8,
        decides: false,
        log: false,
    };

    /// As words.
    #[must_use]
    #[inline(always)]
    pub const fn pack(self) -> [u64; 3] {
        [
            word(self.hit, self.set),
            self.slot as u64,
            (self.verdict as u64) << 16 | (self.decides as u64) << 8 | self.log as u64,
        ]
    }

    /// What [`Self::pack`] made words of.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fields of packed words")]
    pub const fn unpack([first, slot, rest]: [u64; 3]) -> Self {
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

    /// Where it decides.
    #[must_use]
    #[inline(always)]
    pub fn decision(self) -> Decision {
        Decision {
            verdict: Verdict::from_u8(self.verdict).unwrap_or(Verdict::Drop),
            reason: Reason::Reputation,
            slot: self.slot,
            log: self.log,
            passed: Passed::NO,
            listed: Listed {
                hit: self.hit,
                set: self.set,
                slot: 0,
            },
        }
    }

    /// Of what goes on to the policy.
    #[must_use]
    #[inline(always)]
    pub const fn listed(self) -> Listed {
        Listed {
            hit: self.hit,
            set: self.set,
            slot: if self.log { self.slot } else { 0 },
        }
    }
}

/// Failsafe has not decided: does the source's reputation? A damaged image says nothing of it.
#[must_use]
#[inline(always)]
pub fn reputation<I: Image + ?Sized, H: Host>(
    image: &I,
    host: &H,
    context: Context,
    packet: &Packet,
) -> Found {
    found(image, host, context, packet).unwrap_or(Found::NOTHING)
}

#[inline(always)]
fn found<I: Image + ?Sized, H: Host>(
    image: &I,
    host: &H,
    context: Context,
    packet: &Packet,
) -> Option<Found> {
    let first = AFTER_HEADER.wrapping_add(context.column.wrapping_mul(PROFILE_LINES));
    let profile = Profile::unpack(image.line(first)?);
    if profile.number == NO_PROFILE {
        return None;
    }
    let standing = standing(host, &profile, packet);
    if standing.set == 0 {
        return None;
    }
    let mut found = Found {
        hit: (standing.set % SETS) * PROFILES + profile.number % PROFILES,
        set: standing.set,
        ..Found::NOTHING
    };
    if standing.mask & ALLOW != 0 {
        return Some(found);
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
        return Some(found);
    }
    let category = lowest(told);
    let slots = image.line(first.wrapping_add(1 + category / SLOTS_PER_LINE))?;
    let (odd, even) = halves(slots[(category % SLOTS_PER_LINE / 2) as usize]);
    found.slot = if category.is_multiple_of(2) {
        even
    } else {
        odd
    };
    found.log = profile.log >> category & 1 == 1;
    Some(found)
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

/// What no rule decides.
#[must_use]
#[inline(always)]
pub fn by_nobody<H: Host, F: Frame + ?Sized>(
    host: &H,
    frame: &F,
    route: &Route,
    packet: &Packet,
) -> Decision {
    if route.flags & FLAG_DEFAULT_DROP == 0 {
        return by_default(route, packet, Verdict::Accept);
    }
    if let Some(reason) = answers(host, frame, packet) {
        return Decision::built_in(Verdict::Accept, reason);
    }
    let verdict = if route.flags & FLAG_DEFAULT_REJECT == 0 {
        Verdict::Drop
    } else {
        Verdict::Reject
    };
    by_default(route, packet, verdict)
}

#[inline(always)]
const fn by_default(route: &Route, packet: &Packet, verdict: Verdict) -> Decision {
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
        slot: route.context.default_slot,
        log: route.flags & FLAG_LOG_DEFAULT != 0,
        passed: Passed::NO,
        listed: Listed::NO,
    }
}

#[inline(always)]
fn by_rule(found: Match, reason: Reason, passed: Passed) -> Decision {
    Decision {
        verdict: found.verdict(),
        reason,
        slot: found.slot(),
        log: found.log(),
        passed,
        listed: Listed::NO,
    }
}

/// The virtual server that a TCP packet is for, by address and port or by port alone; else the
/// host. `None`: the image leads nowhere.
#[inline(always)]
pub(crate) fn context_of<I: Image + ?Sized>(
    image: &I,
    header: &Header,
    packet: &Packet,
) -> Option<Context> {
    let found = server_of(image, header, packet).ok()?;
    Some(match found {
        Some(line) => Server::context(line),
        None => header.host,
    })
}

/// The line of that virtual server.
#[inline(always)]
pub(crate) fn server_of<'a, I: Image + ?Sized>(
    image: &'a I,
    header: &Header,
    packet: &Packet,
) -> Result<Option<&'a Line>, Damaged> {
    if !matches!(packet.transport, Transport::Tcp) {
        return Ok(None);
    }
    let any = if packet.v6 { [0, 0] } else { mapped(0) };
    match server(image, header, packet.dst, packet.dport) {
        Ok(None) => server(image, header, any, packet.dport),
        found => found,
    }
}

/// The image leads nowhere: no compiler of ours wrote it.
pub(crate) struct Damaged;

#[inline(always)]
fn server<'a, I: Image + ?Sized>(
    image: &'a I,
    header: &Header,
    address: [u64; 2],
    port: u16,
) -> Result<Option<&'a Line>, Damaged> {
    let hash = Server::hash(address, port);
    for probe in 0..MAX_PROBES {
        let at = hash.wrapping_add(probe) & header.servers_mask;
        let line = image.line(header.servers.wrapping_add(at)).ok_or(Damaged)?;
        if Server::matches(line, address, port) {
            return Ok(Some(line));
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
