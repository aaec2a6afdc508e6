//! Builds the kernel program, then the daemon that embeds it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::provision::{self, Ebpf};
use crate::{paths, sh};

/// Cargo's name of the target.
const TARGET: &str = "bpfel-unknown-none";

/// Everything a user runs.
pub(crate) fn all(release: bool) -> Result<()> {
    ebpf()?;
    let mut cargo = sh::cargo();
    cargo.args(["build", "--package", "smtp-lb"]);
    if release {
        cargo.arg("--release");
    }
    sh::run(&mut cargo)
}

/// The kernel program alone.
pub(crate) fn ebpf() -> Result<()> {
    sh::run(&mut cargo_ebpf("build", &provision::ebpf()?))?;
    install(&paths::ebpf_object())
}

/// The kernel program with its rivals, and the one with an `LPM_TRIE` in place of its look-up, for the
/// bench alone.
pub(crate) fn ebpf_bench() -> Result<()> {
    let tools = provision::ebpf()?;
    for (feature, object) in [
        ("bench", paths::ebpf_bench_object()),
        ("trie", paths::ebpf_trie_object()),
    ] {
        sh::run(cargo_ebpf("build", &tools).args(["--features", feature]))?;
        install(&object)?;
    }
    Ok(())
}

/// Copies what was built. Only when it differs: its age decides whether the daemon is built
/// anew.
fn install(object: &Path) -> Result<()> {
    let built = paths::ebpf_target().join(TARGET).join("ebpf/smtp-lb-ebpf");
    let new = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    if fs::read(object).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(folder) = object.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = object.with_extension("partial");
    fs::write(&partial, new)?;
    fs::rename(&partial, object).with_context(|| format!("cannot write {}", object.display()))
}

/// A cargo command on the kernel program.
pub(crate) fn cargo_ebpf(command: &str, tools: &Ebpf) -> Command {
    let mut cargo = sh::cargo();
    cargo
        .args([command, "--package", "smtp-lb-ebpf", "--profile", "ebpf"])
        .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
        .arg(paths::ebpf_target())
        // `build-std` is not stable; only this one build is let use it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &tools.linker)
        // Debug information carries the types, of which the linker makes BTF.
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            ["-Cdebuginfo=2", "-Clink-arg=--btf"].join("\x1f"),
        );
    if let Some(library) = &tools.library {
        // Cargo's own tests use this to point it at another library than the sysroot's; the
        // other way would be to write into the user's sysroot.
        cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", library);
    }
    cargo
}
