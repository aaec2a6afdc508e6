//! SYNs that are counted, and the kernel's number that answers one. Audited: `unsafe` here is one map element
//! or one helper call at a time.

use core::ffi::c_void;
use core::mem::zeroed;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{bpf_fib_lookup as Route, bpf_sock};
use aya_ebpf::btf_maps::{Array, PerCpuArray};
use aya_ebpf::helpers::{
    bpf_fib_lookup, bpf_ktime_get_ns, bpf_sk_release, bpf_skc_lookup_tcp, bpf_tcp_gen_syncookie,
    bpf_xdp_load_bytes,
};
use aya_ebpf::macros::btf_map;
use core::intrinsics::AtomicOrdering::SeqCst;
use core::intrinsics::atomic_cxchg;
use smtp_lb_common::abi::SLOTS;
use smtp_lb_common::cookie::{IP, MOST_TCP, Place, Protection, Watch, Watcher};
use smtp_lb_common::packet::Packet;

use super::{CURRENT_NETNS, Kernel, LISTEN, state, words};

/// `AF_INET` and `AF_INET6`.
const FAMILIES: [u8; 2] = [2, 10];
/// What the look-up of a route says of an address that is not for another host, and where no
/// packets are forwarded: `BPF_FIB_LKUP_RET_NOT_FWDED` and `BPF_FIB_LKUP_RET_FWD_DISABLED`.
const NOT_FORWARDED: [i64; 2] = [4, 5];

/// As the helpers want them.
const IP_LENGTH: u32 = 40;
const ROUTE_LENGTH: i32 = 64;
const _: () = assert!(IP == 40 && size_of::<Route>() == 64);

/// Where headers lie while a number is made of them, and then the number.
#[repr(C)]
struct Room {
    ip: [u8; IP],
    tcp: [u8; MOST_TCP],
    number: u64,
    tuple: [u32; 9],
    route: Route,
}

#[btf_map]
static WATCHES: Array<Watch, { SLOTS as usize }> = Array::new();
#[btf_map]
static GUARDED: Array<u64, { SLOTS as usize }> = Array::new();
#[btf_map]
static COOKIE: PerCpuArray<Room, 1> = PerCpuArray::new();

impl Watcher for Kernel<'_> {
    #[inline(always)]
    fn is_on(&self, protection: &Protection) -> bool {
        let Some(mark) = protection.mark else {
            return true;
        };
        let (Some(watch), Some(guarded)) = (
            WATCHES.get_ptr_mut(protection.slot),
            GUARDED.get_ptr_mut(protection.slot),
        ) else {
            return false;
        };
        // SAFETY: an array element of aligned words of eight octets, each of which is loaded and stored
        // by single instructions: whoever else writes one is seen before or after. The helper has no
        // precondition.
        unsafe {
            let now = bpf_ktime_get_ns();
            let before = Watch {
                bucket: read_volatile(addr_of!((*watch).bucket)),
                until: read_volatile(addr_of!((*watch).until)),
                since: 0,
            };
            let seen = before.see(mark, read_volatile(guarded), now);
            if self.peeks {
                return seen.on;
            }
            if let Some(next) = seen.bucket {
                // Of CPUs that collide one is counted; there is no bucket to lose from while it is full.
                let bucket = addr_of_mut!((*watch).bucket);
                let _ = atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(bucket, before.bucket, next);
            }
            if let Some(until) = seen.until {
                write_volatile(addr_of_mut!((*watch).until), until);
            }
            if let Some(since) = seen.since {
                write_volatile(addr_of_mut!((*watch).since), since);
            }
            seen.on
        }
    }
}

impl Kernel<'_> {
    /// Makes the number that answers a SYN, for [`cookie`]: one that the kernel knows again. False: there is
    /// nobody who listens, the kernel takes none now, or its queue of connections is full.
    #[inline(always)]
    pub(crate) fn challenge(&self, packet: &Packet, place: &Place) -> bool {
        let Some(room) = COOKIE.get_ptr_mut(0) else {
            return false;
        };
        // Of memory, so that LLVM cannot leave out what the verifier wants.
        // SAFETY: the value is a local one.
        let length = unsafe { read_volatile(&raw const place.length) };
        if !(20..=MOST_TCP).contains(&length) {
            return false;
        }
        #[expect(clippy::cast_possible_truncation, reason = "of a frame")]
        let (link, tcp, length) = (place.link as u32, place.tcp as u32, length as u32);
        let ctx: *mut c_void = self.ctx.as_ptr();
        // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU; `length` is at
        // most what it has room for; an IPv4 packet with TCP has 40 octets, too.
        let loaded = unsafe {
            bpf_xdp_load_bytes(
                self.ctx.ctx,
                link,
                addr_of_mut!((*room).ip).cast(),
                IP_LENGTH,
            ) == 0
                && bpf_xdp_load_bytes(self.ctx.ctx, tcp, addr_of_mut!((*room).tcp).cast(), length)
                    == 0
        };
        if !loaded {
            return false;
        }
        // As `bpf_sock_tuple` has it: source, destination, both ports.
        // SAFETY: the element is this CPU's own.
        let key = unsafe { addr_of_mut!((*room).tuple) };
        let ([s0, s1], [d0, d1]) = (packet.sport.to_be_bytes(), packet.dport.to_be_bytes());
        let ports = u32::from_ne_bytes([s0, s1, d0, d1]);
        let (source, destination) = (words(packet.src), words(packet.dst));
        let size = if packet.v6 {
            let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (source, destination);
            // SAFETY: as above.
            unsafe { write_volatile(key, [s0, s1, s2, s3, d0, d1, d2, d3, ports]) }
            36
        } else {
            // SAFETY: as above.
            unsafe { write_volatile(key, [source[3], destination[3], ports, 0, 0, 0, 0, 0, 0]) }
            12
        };
        // SAFETY: the tuple is as long as `size` says, and the socket is released on every way.
        unsafe {
            let socket = bpf_skc_lookup_tcp(ctx, key.cast(), size, CURRENT_NETNS, 0);
            if socket.is_null() {
                return false;
            }
            let listens = state(socket) == LISTEN;
            let anywhere = is_anywhere(socket);
            let number = if listens && !self.peeks {
                bpf_tcp_gen_syncookie(
                    socket.cast(),
                    addr_of_mut!((*room).ip).cast(),
                    IP_LENGTH,
                    addr_of_mut!((*room).tcp).cast(),
                    length,
                )
            } else {
                0
            };
            bpf_sk_release(socket.cast());
            if !listens || number < 0 {
                return false;
            }
            write_volatile(addr_of_mut!((*room).number), number.cast_unsigned());
            !anywhere || self.is_ours(packet, room)
        }
    }

    /// Whether a packet is not one to be forwarded: who listens anywhere is found for those, too.
    ///
    /// # Safety
    /// `room` must be this CPU's element of `COOKIE`.
    #[inline(always)]
    unsafe fn is_ours(&self, packet: &Packet, room: *mut Room) -> bool {
        // SAFETY: by the caller's promise; all of a route may be zero; the context is valid for the whole run;
        // the helper writes no more than a route.
        unsafe {
            let route = addr_of_mut!((*room).route);
            route.write(zeroed());
            (*route).family = FAMILIES[usize::from(packet.v6)];
            (*route).ifindex = (*self.ctx.ctx).ingress_ifindex;
            if packet.v6 {
                (*route).__bindgen_anon_3.ipv6_src = words(packet.src);
                (*route).__bindgen_anon_4.ipv6_dst = words(packet.dst);
            } else {
                (*route).__bindgen_anon_3.ipv4_src = words(packet.src)[3];
                (*route).__bindgen_anon_4.ipv4_dst = words(packet.dst)[3];
            }
            let found = bpf_fib_lookup(self.ctx.as_ptr(), route, ROUTE_LENGTH, 0);
            NOT_FORWARDED.contains(&found)
        }
    }
}

/// The number that [`Kernel::challenge`] made, and the greatest segment that it stands for.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "parts of a word")]
pub(crate) fn cookie() -> Option<(u32, u16)> {
    let room = COOKIE.get_ptr_mut(0)?;
    // SAFETY: the element is this CPU's own, and XDP does not preempt itself on a CPU.
    let number = unsafe { read_volatile(addr_of!((*room).number)) };
    Some((number as u32, (number >> 32) as u16))
}

/// Whether a socket listens on all addresses. One of IPv6 with an address has another one of IPv4, of no
/// meaning, there.
///
/// # Safety
/// `socket` must be one that a look-up helper returned and that is not yet released.
#[inline(always)]
unsafe fn is_anywhere(socket: *mut bpf_sock) -> bool {
    // SAFETY: by the caller's promise; the address may be read of every socket kind.
    unsafe { read_volatile(addr_of!((*socket).src_ip4)) == 0 }
}
