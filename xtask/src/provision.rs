//! Finds or fetches what the machine lacks.
//!
//! The parts of the eBPF toolchain go into `target/ebpf-toolchain` and nowhere else: the user's
//! own toolchain is read and never altered. All of it is quiet when nothing is missing.

mod beside;
mod bpf_linker;
pub(crate) mod debian;
mod rust_src;
mod rustc;

use std::path::PathBuf;

use anyhow::Result;

use rustc::Rustc;

/// What building the kernel program takes besides rustc and cargo.
pub(crate) struct Ebpf {
    /// Folder with the source of `core`, where cargo would not find it by itself.
    pub(crate) library: Option<PathBuf>,
    /// The linker.
    pub(crate) linker: PathBuf,
}

/// Makes sure that the kernel program can be built.
pub(crate) fn ebpf() -> Result<Ebpf> {
    let rustc = Rustc::ask()?;
    Ok(Ebpf {
        library: rust_src::library(&rustc)?,
        linker: bpf_linker::linker(&rustc)?,
    })
}

/// Makes sure that the servers and clients are there that the end-to-end tests run.
pub(crate) fn tests() -> Result<()> {
    debian::packages(debian::FOR_TESTS)?;
    beside::unpacked()
}
