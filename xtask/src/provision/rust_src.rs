//! The source of Rust's `core`, which is compiled anew for the BPF target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::rustc::Rustc;
use crate::{paths, sh};

/// Debian suites that may carry the compiler's version, most likely first.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

/// Debian's signing keys: what they do not vouch for is not used.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Folder of the library's source, or none where the sysroot has it and cargo finds it itself.
pub(crate) fn library(rustc: &Rustc) -> Result<Option<PathBuf>> {
    if is_library(&rustc.sysroot.join("lib/rustlib/src/rust/library")) {
        return Ok(None);
    }
    let ours = paths::toolchain().join(format!("rust-src-{}", rustc.version));
    let library = ours.join("library");
    if !is_library(&library) {
        fetch(rustc, &ours).with_context(|| {
            format!(
                "the kernel program is built with the source of Rust {}'s `core`, which is missing; \
                 where rustup's server can be reached, `rustup component add rust-src` mends it",
                rustc.version
            )
        })?;
    }
    Ok(Some(library))
}

fn is_library(folder: &Path) -> bool {
    folder.join("core/src/lib.rs").is_file() && folder.join("Cargo.lock").is_file()
}

/// Debian packages the source of each compiler version; the exact version is needed, since
/// `core` and the compiler are one.
fn fetch(rustc: &Rustc, to: &Path) -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg-deb", "tar"] {
        if !sh::exists(program) {
            bail!("it cannot be had from Debian either: no `{program}` on this machine");
        }
    }
    if !Path::new(KEYRING).is_file() {
        bail!("it cannot be had from Debian either: no {KEYRING} to check signatures with");
    }
    let mut failures = Vec::new();
    for suite in SUITES {
        sh::say(&format!(
            "fetching the source of Rust {}'s core from Debian {suite}",
            rustc.version
        ));
        match fetch_from(suite, rustc, to) {
            Ok(()) => return Ok(()),
            Err(error) => failures.push(format!("{suite}: {error:#}")),
        }
    }
    bail!(
        "it could not be had from Debian either: {}",
        failures.join("; ")
    )
}

fn fetch_from(suite: &str, rustc: &Rustc, to: &Path) -> Result<()> {
    let work = paths::toolchain().join(format!("apt-{suite}"));
    fs::create_dir_all(work.join("lists/partial"))?;
    fs::write(
        work.join("sources.list"),
        format!("deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n"),
    )?;
    let result = download(&work, rustc).and_then(|package| extract(&package, rustc, to));
    // The indices are large, and of no use once the one package is here.
    fs::remove_dir_all(&work)?;
    result
}

fn download(work: &Path, rustc: &Rustc) -> Result<PathBuf> {
    asked(apt("apt-get", work).arg("update"))?;
    let offers = asked(apt("apt-cache", work).args(["madison", "rust-src"]))?;
    let version = pick(&offers, &rustc.version)
        .with_context(|| format!("it has no rust-src {}", rustc.version))?;
    asked(
        apt("apt-get", work)
            .args(["download", &format!("rust-src={version}")])
            .current_dir(work),
    )?;
    fs::read_dir(work)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ext| ext == "deb"))
        .context("apt-get downloaded nothing")
}

/// What apt answers, or what it complained of: the many options that it is given tell nobody
/// anything.
fn asked(apt: &mut Command) -> Result<String> {
    let output = apt.output()?;
    if !output.status.success() {
        let complaints = String::from_utf8_lossy(&output.stderr);
        let cause = complaints
            .lines()
            .find(|line| line.contains("Failed to fetch"))
            .or_else(|| complaints.lines().last());
        bail!("{}", cause.unwrap_or("apt failed"));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Apt with lists of its own: the system's are neither needed nor touched.
fn apt(program: &str, work: &Path) -> Command {
    let mut apt = Command::new(program);
    let lists = work.join("lists");
    let sources = work.join("sources.list");
    for option in [
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=/dev/null".into(),
        format!("Dir::State::Lists={}", lists.display()),
        "Dir::Cache::pkgcache=".into(),
        "Dir::Cache::srcpkgcache=".into(),
        // By default an index that cannot be fetched is no error.
        "APT::Update::Error-Mode=any".into(),
        "Acquire::Languages=none".into(),
        "Acquire::Retries=2".into(),
        "Acquire::http::Timeout=30".into(),
        // The workspace may lie where apt's own unprivileged user cannot write.
        "APT::Sandbox::User=root".into(),
    ] {
        apt.arg("-o").arg(option);
    }
    apt.arg("-q");
    apt
}

/// The version of the package that fits the compiler, from lines `rust-src | VERSION | …`.
fn pick<'a>(madison: &'a str, rustc: &str) -> Option<&'a str> {
    madison
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|version| {
            version
                .strip_prefix(rustc)
                .is_some_and(|rest| rest.starts_with(['+', '-', '~']))
        })
}

fn extract(package: &Path, rustc: &Rustc, to: &Path) -> Result<()> {
    let partial = to.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    let mut archive = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start dpkg-deb")?;
    let stdout = archive.stdout.take().context("no pipe from dpkg-deb")?;
    sh::run(
        Command::new("tar")
            .args(["--extract", "--strip-components=4", "--directory"])
            .arg(&partial)
            .arg(format!("./usr/src/rustc-{}/library", rustc.version))
            .stdin(stdout),
    )?;
    if !archive.wait()?.success() {
        bail!("dpkg-deb could not read {}", package.display());
    }
    if !is_library(&partial.join("library")) {
        bail!("{} holds no library", package.display());
    }
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    // Whole or not at all: a build cut short leaves no half of it behind.
    fs::rename(&partial, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::pick;

    const OFFERS: &str = "\
  rust-src | 1.96.0+dfsg1-1~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
";

    #[test]
    fn the_exact_version_is_picked() {
        assert_eq!(pick(OFFERS, "1.95.0"), Some("1.95.0+dfsg1-2~bpo13+1"));
    }

    #[test]
    fn another_version_is_not() {
        assert_eq!(pick(OFFERS, "1.94.0"), None);
        assert_eq!(pick(OFFERS, "1.9"), None);
        assert_eq!(pick("", "1.95.0"), None);
    }
}
