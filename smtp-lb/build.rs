//! Embeds the kernel program, if it has been built.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Name of the embedded object in `OUT_DIR`.
const NAME: &str = "smtp-lb.bpf.o";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rustc-check-cfg=cfg(bpf_object)");
    println!("cargo::rerun-if-env-changed=SMTP_LB_BPF");
    println!("cargo::rerun-if-changed=build.rs");
    let object = match env::var_os("SMTP_LB_BPF") {
        Some(path) => PathBuf::from(path),
        None => default_object()?,
    };
    if object.is_file() {
        println!("cargo::rerun-if-changed={}", object.display());
        let embedded = Path::new(&env::var_os("OUT_DIR").ok_or("no OUT_DIR")?).join(NAME);
        fs::copy(&object, embedded)?;
        println!("cargo::rustc-cfg=bpf_object");
    } else {
        println!(
            "cargo::warning=built without the XDP program ({} is not there), so the firewall can \
             only work in userspace; `cargo xtask build` makes the whole",
            object.display()
        );
    }
    Ok(())
}

/// Where `cargo xtask build` puts it.
fn default_object() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&manifest)
        .parent()
        .ok_or("the crate has no workspace")?
        .join("target/ebpf");
    // Watched as a folder that is always there: cargo runs a script anew at each build while
    // a path that it watches is missing.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    Ok(folder.join(NAME))
}
