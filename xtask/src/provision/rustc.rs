//! The compiler in use.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;

/// What the other parts must fit.
pub(crate) struct Rustc {
    /// As `1.95.0`.
    pub(crate) version: String,
    /// LLVM's major version.
    pub(crate) llvm: u32,
    /// Where its libraries lie.
    pub(crate) sysroot: PathBuf,
}

impl Rustc {
    /// Asks the compiler that cargo would run here.
    pub(crate) fn ask() -> Result<Self> {
        let told = sh::read(rustc().arg("-vV"))?;
        let field = |name: &str| {
            told.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
                .with_context(|| format!("`rustc -vV` tells no `{name}`"))
        };
        Ok(Self {
            version: field("release:")?.to_owned(),
            llvm: field("LLVM version:")?
                .split('.')
                .next()
                .and_then(|major| major.parse().ok())
                .context("`rustc -vV` tells no LLVM version")?,
            sysroot: sh::read(rustc().args(["--print", "sysroot"]))?
                .trim()
                .into(),
        })
    }
}

fn rustc() -> Command {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(crate::paths::root());
    rustc
}
