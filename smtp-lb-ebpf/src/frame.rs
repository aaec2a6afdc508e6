//! Reads and writes of the frame. Audited: `unsafe` here is bounded by `data_end`, checked on every read,
//! or is a helper call that checks bounds itself.

#![expect(unsafe_code, reason = "packet reads")]

use core::ptr::{addr_of, from_ref, null_mut, read_unaligned, read_volatile};

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::helpers::{
    bpf_csum_diff, bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
    bpf_xdp_load_bytes, bpf_xdp_store_bytes,
};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::answer::{HEAD, LINK, QUOTE_V6, fold};
use smtp_lb_common::explain::{Answer, MAGIC};
use smtp_lb_common::packet::{Frame, MAX_OFFSET};
use smtp_lb_common::verdict::Decision;

/// Octets that the helper for sums takes at once on older kernels.
const PIECE: usize = 512;
/// What is summed, filled up to whole words, and one word more.
const QUOTED: usize = QUOTE_V6 + 8;

/// Where headers of an answer are made: they are too much for the stack.
#[repr(C)]
pub(crate) struct Room {
    pub(crate) head: [u8; HEAD],
    pub(crate) link: [u8; LINK],
}

#[btf_map]
static ROOM: PerCpuArray<Room, 1> = PerCpuArray::new();
#[btf_map]
static QUOTE: PerCpuArray<[u8; QUOTED], 1> = PerCpuArray::new();

/// The frame of one program run.
pub(crate) struct XdpFrame<'a> {
    ctx: &'a XdpContext,
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    pub(crate) const fn new(ctx: &'a XdpContext) -> Self {
        Self { ctx }
    }

    // Volatile, because LLVM would otherwise move or merge the checks that the verifier needs.
    #[inline(always)]
    fn data(&self) -> usize {
        // SAFETY: the context is valid for the whole run, and `data` is one of its fields.
        unsafe { read_volatile(addr_of!((*self.ctx.ctx).data)) as usize }
    }

    #[inline(always)]
    fn data_end(&self) -> usize {
        // SAFETY: as above.
        unsafe { read_volatile(addr_of!((*self.ctx.ctx).data_end)) as usize }
    }

    #[inline(always)]
    fn data_meta(&self) -> usize {
        // SAFETY: as above.
        unsafe { read_volatile(addr_of!((*self.ctx.ctx).data_meta)) as usize }
    }

    /// Octets of the whole frame, all fragments of the buffer included.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        // SAFETY: the helper only reads the context.
        let length = unsafe { bpf_xdp_get_buff_len(self.ctx.ctx) };
        #[expect(clippy::cast_possible_truncation, reason = "less than 4 GiB")]
        let length = length as u32;
        length
    }

    /// Index of the interface that it came in by.
    #[inline(always)]
    pub(crate) fn interface(&self) -> u32 {
        // SAFETY: the context is valid for the whole run, and `ingress_ifindex` is one of its fields.
        unsafe { read_volatile(addr_of!((*self.ctx.ctx).ingress_ifindex)) }
    }

    /// Whether the frame is an explain request, as no real one is.
    #[inline(always)]
    pub(crate) fn is_request(&self) -> bool {
        let meta = self.data_meta();
        if meta + size_of::<Answer>() > self.data() {
            return false;
        }
        // SAFETY: the area before `data` was just checked to hold an `Answer`; metadata is
        // aligned to 4 octets, so the access is an unaligned one.
        unsafe { read_unaligned(meta as *const u64) == MAGIC }
    }

    /// Writes `decision`, and what staged policies would have done, over an explain request.
    #[inline(always)]
    pub(crate) fn explain(&self, decision: &Decision, staged: (u32, u32)) {
        let meta = self.data_meta();
        if meta + size_of::<Answer>() > self.data() {
            return;
        }
        let answer = meta as *mut Answer;
        // SAFETY: as above.
        unsafe {
            let words = answer.cast::<u32>();
            words.add(2).write_volatile(decision.slot);
            words.add(4).write_volatile(decision.listed.set);
            words.add(5).write_volatile(decision.passed.slot);
            words.add(6).write_volatile(staged.0);
            words.add(7).write_volatile(staged.1);
            let answer = answer.cast::<u8>();
            answer.add(12).write_volatile(decision.verdict as u8);
            answer.add(13).write_volatile(decision.reason as u8);
            answer.add(14).write_volatile(u8::from(decision.log));
            answer.add(15).write_volatile(1);
        }
    }
}

impl XdpFrame<'_> {
    /// Room for one answer.
    #[inline(always)]
    pub(crate) fn room() -> Option<&'static mut Room> {
        // SAFETY: the element is this CPU's own, XDP does not preempt itself on a CPU, and a run asks
        // once.
        ROOM.get_ptr_mut(0).map(|room| unsafe { &mut *room })
    }

    /// Ones' complement sum, as a word in network order, of the `length` octets from `offset`; of
    /// [`QUOTE_V6`] at the most, and of none at all there is none.
    #[inline(always)]
    pub(crate) fn sum(&self, offset: usize, length: usize) -> Option<u16> {
        let room: *mut u8 = QUOTE.get_ptr_mut(0)?.cast();
        // Of memory, so that LLVM cannot leave out what the verifier wants.
        // SAFETY: the value is a local one.
        let length = unsafe { read_volatile(&raw const length) };
        if length == 0 || length > QUOTE_V6 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 22 and 1,232")]
        let (offset, octets) = (offset as u32, length as u32);
        // SAFETY: the element is this CPU's own and has room for a word behind `QUOTE_V6` octets; the
        // context is valid for the whole run.
        unsafe {
            room.add(length & !3)
                .cast::<[u8; 4]>()
                .write_volatile([0; 4]);
            if bpf_xdp_load_bytes(self.ctx.ctx, offset, room.cast(), octets) != 0 {
                return None;
            }
        }
        let words = (length + 3) & !3;
        let mut sum = piece(room, 0, words, 0)?;
        if words > PIECE {
            sum = piece(room, PIECE, words - PIECE, sum)?;
        }
        if words > 2 * PIECE {
            sum = piece(room, 2 * PIECE, words - 2 * PIECE, sum)?;
        }
        Some(u16::from_be(fold(sum)))
    }

    /// Grows the frame by `front` octets before it, and cuts what is then `length` octets to `wanted`.
    #[inline(always)]
    pub(crate) fn resize(&self, front: usize, length: usize, wanted: usize) -> Option<()> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "lengths of a frame"
        )]
        let (front, rest) = (-(front as i32), wanted as i32 - length as i32);
        // SAFETY: the context is valid for the whole run; no pointer into the frame outlives a read.
        let refused = unsafe {
            front != 0 && bpf_xdp_adjust_head(self.ctx.ctx, front) != 0
                || rest != 0 && bpf_xdp_adjust_tail(self.ctx.ctx, rest) != 0
        };
        (!refused).then_some(())
    }

    /// Writes octets over those at `offset`.
    #[inline(always)]
    pub(crate) fn store<const N: usize>(&self, offset: usize, octets: &[u8; N]) -> Option<()> {
        let from = from_ref(octets).cast_mut().cast();
        #[expect(clippy::cast_possible_truncation, reason = "at most 22 and 64")]
        let (offset, length) = (offset as u32, N as u32);
        // SAFETY: the helper reads `N` octets of ours, and checks where they go.
        let refused = unsafe { bpf_xdp_store_bytes(self.ctx.ctx, offset, from, length) != 0 };
        (!refused).then_some(())
    }
}

/// Adds up to [`PIECE`] octets of the `left` ones from `at` to a sum.
#[inline(always)]
fn piece(room: *mut u8, at: usize, left: usize, sum: u32) -> Option<u32> {
    let length = if left < PIECE { left } else { PIECE };
    #[expect(clippy::cast_possible_truncation, reason = "at most 512")]
    let length = length as u32;
    // SAFETY: the caller has so many octets there.
    let sum = unsafe { bpf_csum_diff(null_mut(), 0, room.add(at).cast(), length, sum) };
    u32::try_from(sum).ok()
}

#[cfg(feature = "bench")]
impl XdpFrame<'_> {
    /// Makes the frame anew, whatever an answer has made of it: what it grew, it grew in front, and what
    /// it lost, it lost behind.
    #[inline(always)]
    pub(crate) fn rebuild(&self, template: &crate::kernel::Template) -> Option<()> {
        // Of memory, so that LLVM cannot leave out what the verifier wants.
        // SAFETY: the element is there for the whole run.
        let wanted = unsafe { read_volatile(addr_of!(template.length)) };
        let length = self.length();
        #[expect(clippy::cast_possible_wrap, reason = "lengths of a frame")]
        let more = wanted as i32 - length as i32;
        // SAFETY: the context is valid for the whole run; the helper reads `wanted` octets, of which
        // there are as many; no pointer into the frame outlives a read.
        unsafe {
            if more < 0 {
                bpf_xdp_adjust_head(self.ctx.ctx, -more);
            } else if more > 0 {
                bpf_xdp_adjust_tail(self.ctx.ctx, more);
            }
            if wanted == 0 || wanted > 128 {
                return None;
            }
            let from = from_ref(&template.octets).cast_mut().cast();
            (bpf_xdp_store_bytes(self.ctx.ctx, 0, from, wanted) == 0).then_some(())
        }
    }

    /// Writes a whole IPv4 frame of 64 octets with its source and the checksum of its header.
    #[inline(always)]
    pub(crate) fn write_v4(&self, template: &crate::kernel::Template, source: u32) -> Option<()> {
        let at = self.data();
        if at + 64 > self.data_end() {
            return None;
        }
        let mut sum = template.sum + (source >> 16) + (source & 0xffff);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        #[expect(clippy::cast_possible_truncation, reason = "folded")]
        let sum = !(sum as u16);
        // SAFETY: `at..at + 64` was just checked to lie within the frame; the element has 128 octets.
        unsafe {
            let from = from_ref(&template.octets).cast::<u64>();
            let to = at as *mut u64;
            for word in 0..8 {
                to.add(word).write_unaligned(read_unaligned(from.add(word)));
            }
            ((at + 24) as *mut [u8; 2]).write(sum.to_be_bytes());
            ((at + 26) as *mut [u8; 4]).write(source.to_be_bytes());
        }
        Some(())
    }

    /// Overwrites the source of an untagged IPv4 frame.
    #[inline(always)]
    pub(crate) fn set_source_v4(&self, source: u32) {
        let at = self.data() + 26;
        if at + 4 <= self.data_end() {
            // SAFETY: `at..at + 4` was just checked to lie within the frame.
            unsafe { (at as *mut [u8; 4]).write(source.to_be_bytes()) }
        }
    }

    /// Overwrites the source of an untagged IPv6 frame.
    #[inline(always)]
    pub(crate) fn set_source_v6(&self, source: [u64; 2]) {
        let at = self.data() + 22;
        if at + 16 <= self.data_end() {
            // SAFETY: `at..at + 16` was just checked to lie within the frame.
            unsafe {
                (at as *mut [[u8; 8]; 2]).write([source[0].to_be_bytes(), source[1].to_be_bytes()]);
            }
        }
    }
}

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        let at = self.data() + offset;
        if at + N > self.data_end() {
            return None;
        }
        // SAFETY: `at..at + N` was just checked to lie within the frame.
        Some(unsafe { read_unaligned(at as *const [u8; N]) })
    }
}
