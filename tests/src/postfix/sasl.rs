//! Passwords of Postfix's users, in a database that no other program knows.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::DOMAIN;

/// Writes the database and the configuration of Cyrus SASL that leads to it.
pub(super) fn write(
    folder: &Path,
    users: &[(String, String)],
    (uid, gid): (u32, u32),
) -> Result<()> {
    let database = folder.join("sasldb2");
    let text = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n\
         mech_list: PLAIN LOGIN CRAM-MD5\n",
        database.display()
    );
    fs::write(folder.join("smtpd.conf"), text)?;
    for (name, password) in users {
        // `-p` takes the password from the standard input.
        let mut child = Command::new("saslpasswd2")
            .args(["-p", "-c", "-u", DOMAIN, "-f"])
            .arg(&database)
            .arg(name)
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start saslpasswd2; `cargo xtask provision --tests` installs it")?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(password.as_bytes())?;
        drop(stdin);
        let status = child.wait()?;
        if !status.success() {
            bail!("saslpasswd2: {status}");
        }
    }
    Ok(chown(database, Some(uid), Some(gid))?)
}
