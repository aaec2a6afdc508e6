//! A stand whose pins are its test's own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use smtp_lb::firewall::Stand;

/// A loaded program.
pub(crate) fn load() -> Stand {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(format!(
        "/sys/fs/bpf/slb-test-{}-{number}",
        std::process::id()
    ));
    Stand::load(&path).expect("the program loads; it takes root and `cargo xtask build`")
}
