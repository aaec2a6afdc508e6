//! Debian packages for the end-to-end tests: real mail and log servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::sh;

/// A package and a program (or, where it has none, a file) that shows that it is there.
pub(crate) type Package = (&'static str, &'static str);

/// What the tests run besides smtp-lb.
pub(crate) const FOR_TESTS: &[Package] = &[
    ("iproute2", "ip"),
    ("ethtool", "ethtool"),
    ("socat", "socat"),
    ("curl", "curl"),
    ("postfix", "postfix"),
    ("haproxy", "haproxy"),
    ("knot", "knotd"),
    ("redis-server", "redis-server"),
    ("rsyslog", "rsyslogd"),
    (
        "rsyslog-openssl",
        "/usr/share/doc/rsyslog-openssl/copyright",
    ),
    ("dovecot-core", "dovecot"),
    ("sasl2-bin", "saslpasswd2"),
    (
        "libsasl2-modules",
        "/usr/share/doc/libsasl2-modules/copyright",
    ),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("swaks", "swaks"),
    // Without them, swaks has neither TLS nor IPv6.
    (
        "libnet-ssleay-perl",
        "/usr/share/doc/libnet-ssleay-perl/copyright",
    ),
    (
        "libio-socket-inet6-perl",
        "/usr/share/doc/libio-socket-inet6-perl/copyright",
    ),
];

/// What the demonstration runs besides smtp-lb.
pub(crate) const FOR_DEMO: &[Package] = &[("iproute2", "ip")];

/// What `bench firewall` measures the filter beside, and by.
pub(crate) const FOR_FIREWALL_BENCH: &[Package] = &[
    ("iproute2", "ip"),
    ("ethtool", "ethtool"),
    ("nftables", "nft"),
    ("xdp-tools", "xdp-filter"),
];

/// Asked before any service is started by a package; 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs those that are missing. None is started: the tests run their own instances.
pub(crate) fn packages(wanted: &[Package]) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(_, program)| !sh::exists(program))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    sh::say(&format!("installing {names}"));
    install(&missing).with_context(|| {
        format!("{names} is needed and missing; as root, `apt-get install {names}` mends it")
    })
}

fn install(missing: &[&str]) -> Result<()> {
    if !sh::exists("apt-get") {
        bail!("no apt-get on this machine");
    }
    let _guard = NoServices::begin()?;
    if apt()
        .arg("install")
        .args(missing)
        .output()?
        .status
        .success()
    {
        return Ok(());
    }
    // The lists may be old or empty. An index that some other source lacks is no matter here:
    // what counts is whether the packages can then be installed.
    apt().arg("update").output()?;
    sh::read(apt().arg("install").args(missing))?;
    Ok(())
}

/// Unpacks a package and those libraries of it that are not installed into a folder, and installs
/// nothing: for what Debian lets nobody have beside what is there.
pub(crate) fn unpack(package: &str, into: &Path) -> Result<()> {
    let scratch = into.with_extension("packages");
    fs::create_dir_all(&scratch)?;
    let mut wanted = vec![package.to_owned()];
    wanted.extend(missing_libraries(package)?);
    sh::say(&format!(
        "unpacking {} into {}",
        wanted.join(" "),
        into.display()
    ));
    let download = || {
        sh::read(
            Command::new("apt-get")
                .current_dir(&scratch)
                .args(["-q", "-o", "Acquire::Retries=2", "download"])
                .args(&wanted),
        )
    };
    if download().is_err() {
        apt().arg("update").output()?;
        download().with_context(|| format!("{package} could not be fetched"))?;
    }
    for entry in fs::read_dir(&scratch)? {
        let archive = entry?.path();
        sh::read(Command::new("dpkg-deb").arg("-x").arg(archive).arg(into))?;
    }
    Ok(fs::remove_dir_all(&scratch)?)
}

/// Libraries that a package needs, by way of others too, and that are not installed.
fn missing_libraries(package: &str) -> Result<Vec<String>> {
    let depends = sh::read(Command::new("apt-cache").args(["depends", package]))?;
    let direct = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .filter(|name| name.starts_with("lib"));
    let mut all = Command::new("apt-cache");
    all.args(["depends", "--recurse", "--no-recommends", "--no-suggests"])
        .args([
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
        ])
        .args(direct);
    let installed = |name: &str| {
        sh::read(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", name]))
            .is_ok_and(|status| status.contains("installed") && !status.contains("not"))
    };
    Ok(sh::read(&mut all)?
        .lines()
        .filter(|line| line.starts_with("lib") && !line.contains(':'))
        .filter(|name| !installed(name))
        .map(str::to_owned)
        .collect())
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-y", "--no-install-recommends"])
        .args(["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// Forbids packages to start services, for as long as it lives.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        if Path::new(POLICY).exists() {
            // The administrator has a policy of his own.
            return Ok(Self { made: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {POLICY}: not root?"))?;
        let guard = Self { made: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made
            && let Err(error) = fs::remove_file(POLICY)
        {
            sh::say(&format!("{POLICY} could not be removed: {error}"));
        }
    }
}
