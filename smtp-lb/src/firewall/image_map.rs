//! The image in the kernel: written through mmap, made live by one write.

#![expect(unsafe_code, reason = "mmap of an array map")]

use std::os::fd::AsFd as _;

use aya::maps::{ArrayOfMaps, MapData, MapError};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use smtp_lb_common::image::{Header, Line, PAGE_LINES, Page};
use thiserror::Error;

use super::compile::read_names;
use super::label::Slots;
use crate::clock;

/// `BPF_F_MMAPABLE | BPF_F_INNER_MAP`.
const FLAGS: u32 = (1 << 10) | (1 << 12);

const ARRAY: u32 = aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY as u32;
const PAGE_BYTES: u32 = 1 << 20;
const _: () = assert!(size_of::<Page>() == PAGE_BYTES as usize);

/// The outer map.
pub(crate) type Outer = ArrayOfMaps<MapData, MapData>;

/// The image could not be given to the kernel, or read back.
#[derive(Debug, Error)]
pub enum ImageMapError {
    /// The map was refused: memory, or the bound of map sizes.
    #[error("cannot make a map of {lines} lines for the image: {source}")]
    Create {
        /// Lines asked for.
        lines: usize,
        /// The kernel's answer.
        source: MapError,
    },
    /// The map could not be mapped into memory.
    #[error("cannot map the image: {0}")]
    Map(#[from] rustix::io::Errno),
    /// The switch failed.
    #[error("cannot switch the image: {0}")]
    Switch(#[from] MapError),
}

/// An image that is in the kernel and not yet in force.
pub(crate) struct Filled {
    map: MapData,
}

/// Copies `lines` into a new map.
pub(crate) fn fill(lines: &[Line]) -> Result<Filled, ImageMapError> {
    let pages = lines.len().div_ceil(PAGE_LINES as usize);
    let count = u32::try_from(pages).unwrap_or(u32::MAX);
    let shape = aya_obj::Map::new_from_params(ARRAY, 4, PAGE_BYTES, count, FLAGS);
    let map = MapData::create(shape, "image", None).map_err(|source| ImageMapError::Create {
        lines: lines.len(),
        source,
    })?;
    with_mapping(&map, pages, |mapped| {
        mapped[..lines.len()].copy_from_slice(lines);
        if let Some(first) = mapped.first_mut()
            && let Some(header) = Header::unpack(first)
        {
            // Nanoseconds since the boot: no two images are begun at the same.
            let token = clock::monotonic();
            *first = Header { token, ..header }.pack();
        }
    })?;
    Ok(Filled { map })
}

impl Filled {
    /// Makes it the image in force: the next packet sees all of it, none sees a part.
    pub(crate) fn switch(&self, outer: &mut Outer) -> Result<(), ImageMapError> {
        Ok(outer.set(0, &self.map, 0)?)
    }
}

/// The image in force; `None` if there is none.
pub(crate) fn read(outer: &Outer) -> Result<Option<Vec<Line>>, ImageMapError> {
    let inner = match outer.get(&0, 0) {
        Ok(inner) => inner,
        Err(MapError::KeyNotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let count = inner.info()?.max_entries() as usize;
    Ok(Some(with_mapping(&inner, count, |mapped| mapped.to_vec())?))
}

/// The names of the reputation image in force, if there is one.
pub(crate) fn reputation_names(outer: &Outer) -> Result<Option<Vec<u8>>, ImageMapError> {
    let inner = match outer.get(&0, 0) {
        Ok(inner) => inner,
        Err(MapError::KeyNotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let count = inner.info()?.max_entries() as usize;
    let names = with_mapping(&inner, count, |mapped| {
        crate::reputation::image::read_names(mapped)
    })?;
    Ok(Some(names))
}

/// Names of the slots of the image in force.
pub(crate) fn slots(outer: &Outer) -> Result<Slots, ImageMapError> {
    Ok(read(outer)?.map_or_else(Slots::default, |lines| read_names(&lines)))
}

fn with_mapping<T>(
    map: &MapData,
    pages: usize,
    with: impl FnOnce(&mut [Line]) -> T,
) -> Result<T, ImageMapError> {
    let bytes = pages * size_of::<Page>();
    let fd = map.fd().as_fd();
    // SAFETY: a fresh shared mapping of a map that has so many elements of a page, which the
    // kernel keeps contiguous and page-aligned; nothing else in this process maps it, and an
    // image is never written after the switch.
    unsafe {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let start = mmap(
            core::ptr::null_mut(),
            bytes,
            protection,
            MapFlags::SHARED,
            fd,
            0,
        )?;
        let result = with(core::slice::from_raw_parts_mut(
            start.cast(),
            pages * PAGE_LINES as usize,
        ));
        munmap(start, bytes)?;
        Ok(result)
    }
}
