//! Maps and helpers. Audited: `unsafe` here is one map element or one helper call at a time.

#![expect(unsafe_code, reason = "map access and helper calls")]

#[cfg(feature = "bench")]
mod bench;
mod cookie;
mod gate;
pub(crate) mod rules;

use core::ffi::c_void;
use core::intrinsics::AtomicOrdering::SeqCst;
use core::intrinsics::atomic_cxchg;
use core::ptr::{addr_of, from_mut, from_ref, read_volatile};

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{
    BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, bpf_sock, bpf_sock_tuple, bpf_sock_tuple__bindgen_ty_1,
    bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1, bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2,
};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap, PerCpuArray, RingBuf};
use aya_ebpf::helpers::{
    bpf_get_smp_processor_id, bpf_ktime_get_coarse_ns, bpf_ktime_get_ns, bpf_ringbuf_query,
    bpf_sk_lookup_udp, bpf_sk_release, bpf_skc_lookup_tcp, bpf_xdp_load_bytes,
};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::abi::{
    CAPTURE_BYTES, CAPTURE_WORDS, MAX_CPUS, RING_BYTES, RING_RECORD, RING_WATERMARK, SLOTS,
    SlotTally, Tally, Totals,
};
use smtp_lb_common::added::{self, ADDED as MOST_ADDED};
use smtp_lb_common::capture::{Captured, Control, Head, SNAP};
use smtp_lb_common::event::RawEvent;
use smtp_lb_common::flat::{self, Flat};
use smtp_lb_common::image::{ANSWERS, Header, Image, Line, PAGE_LINES, Page, halves, rate, word};
use smtp_lb_common::packet::{Flow, Parsed};
use smtp_lb_common::reason::{Reason, Verdict};
use smtp_lb_common::reputation::{HITS as MOST_HITS, Standing};
use smtp_lb_common::staged::{Compared, Policies};
use smtp_lb_common::verdict::{Decision, Found, Host, NO_HIT, Route};

#[cfg(feature = "bench")]
pub(crate) use bench::{Template, random_source, template, trie_v4, trie_v6};

/// `BPF_F_MMAPABLE | BPF_F_INNER_MAP`: filled through mmap, and of any size.
const IMAGE_FLAGS: usize = (1 << 10) | (1 << 12);
type Pages = Array<Page, 1, IMAGE_FLAGS>;
/// `BPF_RB_AVAIL_DATA`.
const AVAILABLE: u64 = 0;
/// `BPF_F_CURRENT_NETNS`.
const CURRENT_NETNS: u64 = u64::MAX;
/// `TCP_ESTABLISHED`, which is also the state of a connected UDP socket, and `TCP_LISTEN`.
const ESTABLISHED: u32 = 1;
const LISTEN: u32 = 10;

/// Helpers such as socket look-up are for programs under a licence compatible with the GPL's.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[btf_map]
static IMAGE: ArrayOfMaps<Pages, 1> = ArrayOfMaps::new();
#[btf_map]
static COUNTERS: PerCpuArray<SlotTally, { SLOTS as usize }> = PerCpuArray::new();
#[btf_map]
static TOTALS: PerCpuArray<Totals, 1> = PerCpuArray::new();
#[btf_map]
static BUCKETS: Array<u64, { SLOTS as usize }> = Array::new();
#[btf_map]
static RINGS: ArrayOfMaps<RingBuf<RawEvent, { RING_BYTES as usize }>, { MAX_CPUS as usize }> =
    ArrayOfMaps::new();

#[btf_map]
static REPUTATION: ArrayOfMaps<Pages, 1> = ArrayOfMaps::new();
#[btf_map]
static HITS: PerCpuArray<Tally, { MOST_HITS as usize }> = PerCpuArray::new();
#[btf_map]
static ADDED: HashMap<added::Key, added::Entry, { MOST_ADDED as usize }> = HashMap::new();
#[btf_map]
static LENGTHS: Array<u64, 1> = Array::new();
#[btf_map]
static CAPTURE: Array<Control, 1> = Array::new();
#[btf_map]
static CAPTURE_SLOTS: Array<u64, { CAPTURE_WORDS as usize }> = Array::new();
#[btf_map]
static CAPTURED: RingBuf<Captured, { CAPTURE_BYTES as usize }> = RingBuf::new();
#[btf_map]
static CAPTURE_LOST: PerCpuArray<u64, 1> = PerCpuArray::new();

#[btf_map]
static SCRATCH: PerCpuArray<Flat, 1> = PerCpuArray::new();
#[btf_map]
static ROUTE: PerCpuArray<[u64; 5], 1> = PerCpuArray::new();
#[btf_map]
static FOUND: PerCpuArray<[u64; 3], 1> = PerCpuArray::new();
#[btf_map]
static STAGED: PerCpuArray<[u64; 2], 1> = PerCpuArray::new();
#[btf_map]
static COMPARED: PerCpuArray<u64, 1> = PerCpuArray::new();
#[btf_map]
static DECIDED: PerCpuArray<[u64; 3], 1> = PerCpuArray::new();
#[btf_map]
static ANSWERED: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Leaves what was parsed for [`settled`] (see [`smtp_lb_common::flat`]).
#[inline(always)]
pub(crate) fn settle(parsed: &Parsed) {
    if let Some(scratch) = SCRATCH.get_ptr_mut(0) {
        // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU.
        unsafe { scratch.write_volatile(flat::pack(parsed)) }
    }
}

/// What was parsed in this run.
#[inline(always)]
pub(crate) fn settled() -> Option<Parsed> {
    let scratch = SCRATCH.get_ptr_mut(0)?;
    // SAFETY: as above.
    Some(flat::unpack(&unsafe { scratch.read_volatile() }))
}

/// Leaves a route for [`route`].
#[inline(always)]
pub(crate) fn leave(route: &Route) {
    if let Some(kept) = ROUTE.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { kept.write_volatile(route.pack()) }
    }
}

/// The route of this run.
#[inline(always)]
pub(crate) fn route() -> Option<Route> {
    let kept = ROUTE.get_ptr_mut(0)?;
    // SAFETY: as above.
    Some(Route::unpack(&unsafe { kept.read_volatile() }))
}

/// Leaves staged policies for [`staged`].
#[inline(always)]
pub(crate) fn stage(policies: Policies) {
    if let Some(kept) = STAGED.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { kept.write_volatile(policies.pack()) }
    }
}

/// The staged policies of this run.
#[inline(always)]
pub(crate) fn staged() -> Option<Policies> {
    let kept = STAGED.get_ptr_mut(0)?;
    // SAFETY: as above.
    Some(Policies::unpack(unsafe { kept.read_volatile() }))
}

/// Leaves what staged policies would have done for [`compared`].
#[inline(always)]
pub(crate) fn compare([global, own]: [Compared; 2]) {
    if let Some(kept) = COMPARED.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { kept.write_volatile(word(global.pack(), own.pack())) }
    }
}

/// What staged policies would have done in this run, packed: the global one, and the other.
#[inline(always)]
pub(crate) fn compared() -> (u32, u32) {
    COMPARED.get_ptr_mut(0).map_or((0, 0), |kept| {
        // SAFETY: as above.
        halves(unsafe { kept.read_volatile() })
    })
}

/// Leaves what the source's reputation came to for [`found`].
#[inline(always)]
pub(crate) fn find(found: Found) {
    if let Some(kept) = FOUND.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { kept.write_volatile(found.pack()) }
    }
}

/// What the source's reputation came to in this run.
#[inline(always)]
pub(crate) fn found() -> Option<Found> {
    let kept = FOUND.get_ptr_mut(0)?;
    // SAFETY: as above.
    Some(Found::unpack(unsafe { kept.read_volatile() }))
}

/// Leaves a decision for [`decision`].
#[inline(always)]
pub(crate) fn decide(decision: &Decision) {
    if let Some(kept) = DECIDED.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { kept.write_volatile(decision.pack()) }
    }
}

/// What was decided in this run.
#[inline(always)]
pub(crate) fn decision() -> Option<Decision> {
    let kept = DECIDED.get_ptr_mut(0)?;
    // SAFETY: as above.
    Some(Decision::unpack(unsafe { kept.read_volatile() }))
}

/// Whether the last decision has this verdict.
#[inline(always)]
pub(crate) fn is_decided(verdict: Verdict) -> bool {
    decision().is_some_and(|decision| decision.verdict as u8 == verdict as u8)
}

/// The image in force, held for one frame so that a swap cannot fall between two reads.
pub(crate) struct KernelImage {
    pages: &'static Pages,
    first: &'static Page,
}

impl KernelImage {
    #[inline(always)]
    fn of(pages: &'static Pages) -> Option<Self> {
        let first = pages.get(0)?;
        Some(Self { pages, first })
    }
}

/// The image in force, if one is loaded.
#[inline(always)]
pub(crate) fn image() -> Option<KernelImage> {
    IMAGE.get(0).and_then(KernelImage::of)
}

/// The reputation image in force, if one is loaded.
#[inline(always)]
pub(crate) fn reputation() -> Option<KernelImage> {
    REPUTATION.get(0).and_then(KernelImage::of)
}

/// The added entries.
struct Added;

impl added::Entries for Added {
    #[inline(always)]
    fn get(&self, key: &added::Key) -> Option<(u64, u32)> {
        // SAFETY: an entry that is replaced or removed meanwhile is still memory of this map, and
        // words of it are read one by one: what is read is that of one entry or the other.
        let entry = unsafe { ADDED.get(key) }?;
        Some((entry.expires, entry.category))
    }
}

impl Image for KernelImage {
    #[inline(always)]
    fn line(&self, index: u32) -> Option<&Line> {
        let page = if index < PAGE_LINES {
            self.first
        } else {
            self.pages.get(index / PAGE_LINES)?
        };
        page.0.get((index % PAGE_LINES) as usize)
    }
}

/// The kernel, for one program run.
pub(crate) struct Kernel<'a> {
    ctx: &'a XdpContext,
    /// What it would say is asked: it keeps nothing of it.
    peeks: bool,
}

impl<'a> Kernel<'a> {
    #[inline(always)]
    pub(crate) const fn new(ctx: &'a XdpContext) -> Self {
        Self { ctx, peeks: false }
    }

    /// One that keeps nothing of what it is asked, if `peeks`.
    #[inline(always)]
    pub(crate) const fn peeking(ctx: &'a XdpContext, peeks: bool) -> Self {
        Self { ctx, peeks }
    }

    /// Sends an event, if the rule's rate and the ring have room; counts it in any case.
    #[inline(always)]
    pub(crate) fn tell(&self, parsed: &Parsed, decision: &Decision, length: u32) {
        self.tell_beside(parsed, decision, decision.verdict, length);
    }

    /// The same of a staged policy, beside what was enforced.
    #[inline(always)]
    pub(crate) fn tell_beside(
        &self,
        parsed: &Parsed,
        decision: &Decision,
        enforced: Verdict,
        length: u32,
    ) {
        let Some(totals) = TOTALS.get_ptr_mut(0) else {
            return;
        };
        // SAFETY: as in `count`.
        let totals = unsafe { &mut *totals };
        totals.asked += 1;
        // SAFETY: the helper has no precondition.
        let now = unsafe { bpf_ktime_get_ns() };
        if !admit(decision.slot, now) {
            totals.limited += 1;
        } else if self.send(parsed, decision, enforced, length, now) {
            totals.sent += 1;
        } else {
            totals.ring_full += 1;
        }
    }

    #[inline(always)]
    fn send(
        &self,
        parsed: &Parsed,
        decision: &Decision,
        enforced: Verdict,
        length: u32,
        now: u64,
    ) -> bool {
        // SAFETY: the helper has no precondition.
        let cpu = unsafe { bpf_get_smp_processor_id() };
        let Some(ring) = RINGS.get(cpu) else {
            return false;
        };
        // SAFETY: the map is a ring buffer.
        let unread = unsafe { bpf_ringbuf_query(from_ref(ring).cast_mut().cast(), AVAILABLE) };
        let Some(mut entry) = ring.reserve(0) else {
            return false;
        };
        // SAFETY: the context is valid for the whole run.
        let interface = unsafe { (*self.ctx.ctx).ingress_ifindex };
        let raw = entry.as_mut_ptr();
        fill(raw, parsed, decision, enforced, length, now, interface);
        // The reader polls. It is woken once, by the event that fills a quarter of the ring: a
        // wake-up for each event past that would cost more than all the rest.
        entry.submit(u64::from(
            if unread.wrapping_sub(RING_WATERMARK) < RING_RECORD {
                BPF_RB_FORCE_WAKEUP
            } else {
                BPF_RB_NO_WAKEUP
            },
        ));
        true
    }
}

impl Kernel<'_> {
    /// Gives a frame to whoever captures its kind now.
    #[inline(always)]
    pub(crate) fn capture(&self, decision: &Decision, length: u32) {
        let Some(control) = CAPTURE.get_ptr_mut(0) else {
            return;
        };
        // SAFETY: an array element, read word by word while userspace may write it.
        let until = unsafe { read_volatile(addr_of!((*control).until)) };
        if until == 0 {
            return;
        }
        // SAFETY: the helper has no precondition; the element as above.
        let (now, verdicts) = unsafe {
            (
                bpf_ktime_get_ns(),
                read_volatile(addr_of!((*control).verdicts)),
            )
        };
        let verdict = decision.verdict as u8;
        if now >= until || verdicts >> (verdict & 63) & 1 == 0 || !is_captured(decision.slot) {
            return;
        }
        // SAFETY: as above.
        let (snap, session) = unsafe {
            (
                read_volatile(addr_of!((*control).snap)),
                read_volatile(addr_of!((*control).session)),
            )
        };
        if !self.copy(decision, length, snap, session, now)
            && let Some(lost) = CAPTURE_LOST.get_ptr_mut(0)
        {
            // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU.
            unsafe { *lost += 1 }
        }
    }

    #[inline(always)]
    fn copy(&self, decision: &Decision, length: u32, snap: u64, session: u64, now: u64) -> bool {
        let Some(mut entry) = CAPTURED.reserve(0) else {
            return false;
        };
        #[expect(clippy::cast_possible_truncation, reason = "compared whole")]
        let wanted = if snap < u64::from(length) {
            snap as u32
        } else {
            length
        };
        // Of memory, so that LLVM cannot know the bound and leave out what the verifier wants.
        // SAFETY: the value is a local one.
        let wanted = unsafe { read_volatile(&raw const wanted) };
        if wanted == 0 || wanted > SNAP {
            entry.discard(0);
            return false;
        }
        let record = entry.as_mut_ptr();
        // SAFETY: the ring has reserved a whole, aligned `Captured` for us alone; the context is
        // valid for the whole run; the helper writes `wanted` octets, of which there is room.
        let read = unsafe {
            (&raw mut (*record).head).write(Head {
                time: now,
                session,
                slot: decision.slot,
                interface: (*self.ctx.ctx).ingress_ifindex,
                length,
                taken: wanted,
                verdict: decision.verdict as u8,
                reason: decision.reason as u8,
                reserved: [0; 6],
            });
            let data = (&raw mut (*record).data).cast();
            bpf_xdp_load_bytes(self.ctx.ctx, 0, data, wanted)
        };
        if read != 0 {
            entry.discard(0);
            return false;
        }
        entry.submit(u64::from(BPF_RB_NO_WAKEUP));
        true
    }
}

#[inline(always)]
fn is_captured(slot: u32) -> bool {
    let Some(word) = CAPTURE_SLOTS.get_ptr_mut(slot / 64) else {
        return false;
    };
    // SAFETY: an array element of eight octets, read at once.
    let word = unsafe { read_volatile(word) };
    word >> (slot % 64) & 1 == 1
}

/// Counts a frame in the totals and under its slot.
#[inline(always)]
pub(crate) fn count(decision: &Decision, length: u32) {
    const DROP: u8 = Verdict::Drop as u8;
    const REJECT: u8 = Verdict::Reject as u8;
    let verdict = decision.verdict as u8;
    if let Some(totals) = TOTALS.get_ptr_mut(0) {
        // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU.
        let totals = unsafe { &mut *totals };
        add(&mut totals.received, length);
        // Of memory: LLVM would reckon the place from the verdict, and knows its range. The verifier
        // does not.
        // SAFETY: the value is a local one.
        match unsafe { read_volatile(&raw const verdict) } {
            DROP => add(&mut totals.dropped, length),
            REJECT => add(&mut totals.rejected, length),
            _ => add(&mut totals.accepted, length),
        }
    }
    if let Some(hits) = COUNTERS.get_ptr_mut(decision.slot) {
        // SAFETY: as above; the helper has no precondition.
        let (hits, now) = unsafe { (&mut *hits, bpf_ktime_get_coarse_ns()) };
        add(&mut hits.tally, length);
        hits.last = now;
    }
    if decision.passed.slot != 0 {
        beside(decision.passed.slot, length);
    }
    if decision.listed.hit != NO_HIT
        && let Some(tally) = HITS.get_ptr_mut(decision.listed.hit)
    {
        // SAFETY: as above.
        add(unsafe { &mut *tally }, length);
    }
}

/// Counts a frame under a slot beside its decision's.
#[inline(always)]
pub(crate) fn beside(slot: u32, length: u32) {
    if let Some(hits) = COUNTERS.get_ptr_mut(slot) {
        // SAFETY: as above; the helper has no precondition.
        let (hits, now) = unsafe { (&mut *hits, bpf_ktime_get_coarse_ns()) };
        add(&mut hits.tally, length);
        hits.last = now;
    }
}

#[inline(always)]
fn add(tally: &mut Tally, length: u32) {
    tally.packets += 1;
    tally.bytes += u64::from(length);
}

/// Takes one answer from this CPU's bucket, or counts that there was none.
#[inline(always)]
pub(crate) fn may_answer() -> bool {
    let image = image();
    let rate = image.as_ref().and_then(|image| {
        let header = image.line(0).and_then(Header::unpack)?;
        rate(image, &header, ANSWERS)
    });
    if let (Some(rate), Some(state)) = (rate, ANSWERED.get_ptr_mut(0)) {
        // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU; the helper
        // has no precondition.
        unsafe {
            if let Some(next) = rate.admit(*state, bpf_ktime_get_ns()) {
                *state = next;
                return true;
            }
        }
    }
    if let Some(totals) = TOTALS.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { (*totals).answers_limited += 1 }
    }
    false
}

/// Counts a rejection whose answer could not be made.
#[inline(always)]
pub(crate) fn answer_failed() {
    if let Some(totals) = TOTALS.get_ptr_mut(0) {
        // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU.
        unsafe { (*totals).answers_failed += 1 }
    }
}

/// Takes one event from the slot's bucket. CPUs that collide on it lose the event, not the rate.
#[inline(always)]
fn admit(slot: u32, now: u64) -> bool {
    let Some(image) = image() else { return false };
    let Some(header) = image.line(0).and_then(Header::unpack) else {
        return false;
    };
    let (Some(rate), Some(bucket)) = (rate(&image, &header, slot), BUCKETS.get_ptr_mut(slot))
    else {
        return false;
    };
    // SAFETY: an array element of eight octets, aligned; loads of it are single instructions and
    // its one store is the compare-and-swap.
    unsafe {
        let state = read_volatile(bucket);
        let Some(next) = rate.admit(state, now) else {
            return false;
        };
        atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(bucket, state, next).1
    }
}

#[inline(always)]
fn fill(
    event: *mut RawEvent,
    parsed: &Parsed,
    decision: &Decision,
    enforced: Verdict,
    length: u32,
    now: u64,
    interface: u32,
) {
    let mut raw = RawEvent {
        time: now,
        src: [0; 16],
        dst: [0; 16],
        slot: decision.slot,
        interface,
        length,
        src_port: 0,
        dst_port: 0,
        vlan: parsed.vlan,
        protocol: 0,
        tcp_flags: 0,
        verdict: decision.verdict as u8,
        reason: decision.reason as u8,
        family: 0,
        enforced: enforced as u8,
        set: 0,
        unused: 0,
    };
    if matches!(decision.reason, Reason::Reputation) {
        raw.set = decision.listed.set;
    }
    if parsed.stop.is_none() {
        let packet = &parsed.packet;
        raw.src = join(packet.src);
        raw.dst = join(packet.dst);
        raw.src_port = packet.sport;
        raw.dst_port = packet.dport;
        raw.protocol = packet.protocol;
        raw.tcp_flags = packet.flags;
        raw.family = if packet.v6 { 6 } else { 4 };
    }
    // SAFETY: the ring has reserved a whole, aligned `RawEvent` for us alone.
    unsafe { event.write(raw) }
}

#[inline(always)]
fn join(halves: [u64; 2]) -> [u8; 16] {
    ((u128::from(halves[0]) << 64) | u128::from(halves[1])).to_be_bytes()
}

impl Host for Kernel<'_> {
    #[inline(always)]
    fn listed(&self, v6: bool, source: [u64; 2]) -> Standing {
        #[cfg(feature = "trie")]
        return bench::listed(v6, source);
        #[cfg(not(feature = "trie"))]
        match reputation() {
            Some(image) => smtp_lb_common::reputation::standing(&image, v6, source),
            None => Standing::NONE,
        }
    }

    #[inline(always)]
    fn added(&self, v6: bool, source: [u64; 2]) -> Standing {
        let Some(lengths) = LENGTHS.get(0) else {
            return Standing::NONE;
        };
        let (of_v6, of_v4) = halves(*lengths);
        let lengths = if v6 { of_v6 } else { of_v4 };
        if lengths == 0 {
            return Standing::NONE;
        }
        // SAFETY: the helper has no precondition.
        let now = unsafe { bpf_ktime_get_ns() };
        added::added(&Added, lengths, v6, source, now)
    }

    #[inline(always)]
    fn has_connection(&self, flow: &Flow) -> bool {
        if flow.v6 {
            let tuple = bpf_sock_tuple__bindgen_ty_1 {
                ipv6: bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2 {
                    saddr: words(flow.src),
                    daddr: words(flow.dst),
                    sport: flow.remote.to_be(),
                    dport: flow.local.to_be(),
                },
            };
            return self.find(tuple, 36, flow.tcp);
        }
        let tuple = bpf_sock_tuple__bindgen_ty_1 {
            ipv4: bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1 {
                saddr: words(flow.src)[3],
                daddr: words(flow.dst)[3],
                sport: flow.remote.to_be(),
                dport: flow.local.to_be(),
            },
        };
        self.find(tuple, 12, flow.tcp)
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
const fn words(halves: [u64; 2]) -> [u32; 4] {
    [
        ((halves[0] >> 32) as u32).to_be(),
        (halves[0] as u32).to_be(),
        ((halves[1] >> 32) as u32).to_be(),
        (halves[1] as u32).to_be(),
    ]
}

impl Kernel<'_> {
    #[inline(always)]
    fn find(&self, tuple: bpf_sock_tuple__bindgen_ty_1, size: u32, tcp: bool) -> bool {
        let mut tuple = bpf_sock_tuple {
            __bindgen_anon_1: tuple,
        };
        let tuple = from_mut(&mut tuple);
        let ctx: *mut c_void = self.ctx.as_ptr();
        // SAFETY: the tuple is as long as `size` says, and each socket found is released.
        unsafe {
            let socket = if tcp {
                bpf_skc_lookup_tcp(ctx, tuple, size, CURRENT_NETNS, 0)
            } else {
                bpf_sk_lookup_udp(ctx, tuple, size, CURRENT_NETNS, 0)
            };
            if socket.is_null() {
                return false;
            }
            let state = state(socket);
            bpf_sk_release(socket.cast());
            if tcp {
                state != LISTEN
            } else {
                state == ESTABLISHED
            }
        }
    }
}

/// # Safety
/// `socket` must be one that a look-up helper returned and that is not yet released.
#[inline(always)]
unsafe fn state(socket: *mut bpf_sock) -> u32 {
    // SAFETY: by the caller's promise; `state` may be read of every socket kind.
    unsafe { read_volatile(addr_of!((*socket).state)) }
}

pub(crate) use cookie::cookie;
