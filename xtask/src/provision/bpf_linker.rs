//! bpf-linker, which makes one BPF object of many crates, linked against the LLVM that the
//! compiler itself brings.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::rustc::Rustc;
use crate::{paths, sh};

const VERSION: &str = "0.13.0";

/// The linker, built if it is not there or does not run.
pub(crate) fn linker(rustc: &Rustc) -> Result<PathBuf> {
    let root = paths::toolchain().join(format!("bpf-linker-{VERSION}-rust-{}", rustc.version));
    let linker = root.join("bin/bpf-linker");
    if !runs(&linker) {
        sh::say(&format!(
            "building bpf-linker {VERSION}, about a minute on two cores"
        ));
        install(rustc, &root).with_context(|| {
            format!(
                "bpf-linker {VERSION} is missing, which links the kernel program, and could not be \
                 built. crates.io must be reachable; `cargo xtask provision` tries again"
            )
        })?;
    }
    Ok(linker)
}

/// A toolchain moved or replaced takes its LLVM with it: asking is the one sure test.
fn runs(linker: &Path) -> bool {
    Command::new(linker)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn install(rustc: &Rustc, root: &Path) -> Result<()> {
    let lib = rustc.sysroot.join("lib");
    let llvm = llvm_of(&lib)?;
    // The build looks for `$LLVM_PREFIX/lib/libLLVM.so`; rustc ships it under a longer name.
    let prefix = root.join("llvm");
    if prefix.exists() {
        fs::remove_dir_all(&prefix)?;
    }
    fs::create_dir_all(prefix.join("lib"))?;
    symlink(&llvm, prefix.join("lib/libLLVM.so"))?;
    let scratch = root.join("build");
    sh::run(
        sh::cargo()
            .args(["install", "bpf-linker", "--version", VERSION, "--locked"])
            .args(["--quiet", "--force", "--no-default-features", "--features"])
            .arg(format!("llvm-{}", rustc.llvm))
            .arg("--root")
            .arg(root)
            .env("LLVM_PREFIX", &prefix)
            .env("CARGO_TARGET_DIR", &scratch)
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                format!("-Clink-arg=-Wl,-rpath,{}", lib.display()),
            ),
    )?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// Rustc's own LLVM.
fn llvm_of(lib: &Path) -> Result<PathBuf> {
    fs::read_dir(lib)
        .with_context(|| format!("cannot read {}", lib.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libLLVM.so."))
        })
        .with_context(|| {
            format!(
                "no libLLVM.so.* in {}: this rustc does not bring its own LLVM, as rustup's do; \
                 `rustup toolchain install stable` gives one that does",
                lib.display()
            )
        })
}
