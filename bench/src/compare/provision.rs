//! Gets the peers from Debian, without starting them as services.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::subject::Subject;

/// Asked by Debian's packages before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing.
pub(crate) fn provision(subjects: &[Subject], smtp_lb: &Path) -> Result<()> {
    if subjects.contains(&Subject::SmtpLb) {
        ensure!(
            smtp_lb.exists(),
            "no {}: build it (cargo build --release -p smtp-lb) or give --smtp-lb",
            smtp_lb.display()
        );
    }
    let mut missing = Vec::new();
    for subject in subjects {
        let (packages, file) = subject.packages();
        if !Path::new(file).exists() {
            missing.extend_from_slice(packages);
        }
    }
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        Ok(())
    } else {
        install(&missing)
    }
}

fn install(packages: &[&str]) -> Result<()> {
    eprintln!("installing {}", packages.join(", "));
    let _guard = Guard::set()?;
    // Lists that are old or missing are the usual reason for a package that is not found.
    if apt(&[&["install", "--no-install-recommends"], packages].concat()).is_ok() {
        return Ok(());
    }
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], packages].concat())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(["-y", "-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}

/// While it lives no package starts a service.
struct Guard {
    ours: bool,
}

impl Guard {
    /// A policy that is there already is the administrator's, and stays in force.
    fn set() -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(POLICY);
        let Ok(mut file) = file else {
            return Ok(Self { ours: false });
        };
        let guard = Self { ours: true };
        file.write_all(b"#!/bin/sh\nexit 101\n")?;
        file.set_permissions(Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
