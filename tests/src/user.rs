//! Users that servers run as.

use std::fs;

use anyhow::{Context, Result};

/// User and group of a name, from `/etc/passwd`.
pub(crate) fn user(name: &str) -> Result<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd")?;
    let mut fields = passwd
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))
        .with_context(|| format!("no user {name}"))?
        .skip(1);
    let mut id = || -> Option<u32> { fields.next()?.parse().ok() };
    let uid = id().with_context(|| format!("{name} has no id"))?;
    let gid = id().with_context(|| format!("{name} has no group"))?;
    Ok((uid, gid))
}
