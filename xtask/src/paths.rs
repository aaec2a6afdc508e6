//! Where things lie.

use std::path::{Path, PathBuf};

/// Root of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Cargo's target folder for the host.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Exim, unpacked, where `tests/src/exim.rs` looks for it.
pub(crate) fn exim() -> PathBuf {
    target().join("exim")
}

/// syslog-ng, unpacked, where `tests/src/syslog_ng.rs` looks for it.
pub(crate) fn syslog_ng() -> PathBuf {
    target().join("syslog-ng")
}

/// Parts of the eBPF toolchain. In `target/`, so that removing it leaves nothing behind.
pub(crate) fn toolchain() -> PathBuf {
    root().join("target/ebpf-toolchain")
}

/// Cargo's target folder for the kernel program: apart, so that its flags disturb no host build.
pub(crate) fn ebpf_target() -> PathBuf {
    root().join("target/ebpf-build")
}

/// The kernel program with what it is measured against.
pub(crate) fn ebpf_bench_object() -> PathBuf {
    root().join("target/ebpf-bench/smtp-lb.bpf.o")
}

/// The same program with an `LPM_TRIE` in place of its look-up of feeds.
pub(crate) fn ebpf_trie_object() -> PathBuf {
    root().join("target/ebpf-bench/smtp-lb-trie.bpf.o")
}

/// The finished kernel program, where `smtp-lb/build.rs` looks for it.
pub(crate) fn ebpf_object() -> PathBuf {
    root().join("target/ebpf/smtp-lb.bpf.o")
}

/// What fuzzing makes: programs, inputs it grew, inputs that broke something.
pub(crate) fn fuzz() -> PathBuf {
    root().join("target/fuzz")
}
