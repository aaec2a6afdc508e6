//! Reads of the frame. Audited: `unsafe` here is bounded by `data_end`, checked on every read.

#![expect(unsafe_code, reason = "packet reads")]

use core::ptr::{addr_of, read_unaligned, read_volatile};

use aya_ebpf::helpers::bpf_xdp_get_buff_len;
use aya_ebpf::programs::XdpContext;
use smtp_lb_common::explain::{Answer, MAGIC};
use smtp_lb_common::packet::{Frame, MAX_OFFSET};
use smtp_lb_common::verdict::Decision;

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

    /// Writes `decision` over an explain request. False: there is none, as on every real frame.
    #[inline(always)]
    pub(crate) fn explain(&self, decision: &Decision) -> bool {
        let meta = self.data_meta();
        if meta + size_of::<Answer>() > self.data() {
            return false;
        }
        let answer = meta as *mut Answer;
        // SAFETY: the area before `data` was just checked to hold an `Answer`; metadata is
        // aligned to 4 octets, so the accesses are unaligned ones.
        unsafe {
            if read_unaligned(answer.cast::<u64>()) != MAGIC {
                return false;
            }
            let words = answer.cast::<u32>();
            words.add(2).write_volatile(decision.slot);
            words.add(4).write_volatile(decision.listed.set);
            let answer = answer.cast::<u8>();
            answer.add(12).write_volatile(decision.verdict as u8);
            answer.add(13).write_volatile(decision.reason as u8);
            answer.add(14).write_volatile(u8::from(decision.log));
            answer.add(15).write_volatile(1);
        }
        true
    }
}

#[cfg(feature = "bench")]
impl XdpFrame<'_> {
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
