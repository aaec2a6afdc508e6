//! Removes all that the demonstration makes.

use std::fs;
use std::path::Path;

use smtp_lb_tests::netns;

/// As in `config/demo.toml`.
pub(crate) const PINS: &str = "/sys/fs/bpf/smtp-lb-demo";

/// As in `config/demo.toml`: the control socket and the event file.
pub(crate) const FILES: &str = "/run/smtp-lb-demo";

/// Removes what the process with this id made, and what crashed ones left. What is not there
/// is well, too.
pub(crate) fn all(pid: u32) {
    netns::remove_all_of(pid);
    netns::sweep();
    for folder in [PINS, FILES] {
        if Path::new(folder).exists()
            && let Err(error) = fs::remove_dir_all(folder)
        {
            eprintln!("smtp-lb-demo: {folder} could not be removed: {error}");
        }
    }
}
