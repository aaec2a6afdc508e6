//! Dovecot as what Postfix asks who somebody is (Dovecot SASL): PLAIN, LOGIN and CRAM-MD5, no mail.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::folder::temporary;
use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{LONG, until};

/// An instance. Dropped, it is killed.
#[derive(Debug)]
pub struct Dovecot {
    _master: Process,
    folder: TempDir,
}

impl Dovecot {
    /// Starts it with these users and their passwords.
    pub fn start(netns: &Arc<Netns>, users: &[(&str, &str)]) -> Result<Self> {
        let folder = temporary("dovecot")?;
        let path = folder.path();
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        let mut lines = String::new();
        for (user, password) in users {
            writeln!(lines, "{user}:{{PLAIN}}{password}")?;
        }
        fs::write(path.join("users"), lines)?;
        fs::set_permissions(path.join("users"), Permissions::from_mode(0o644))?;
        let config = path.join("dovecot.conf");
        fs::write(&config, configuration(&path.display().to_string()))?;
        let mut command = netns.command("dovecot");
        command.arg("-F").arg("-c").arg(&config);
        let mut master = Process::start("dovecot", &mut command, &path.join("output"))
            .context("`cargo xtask provision --tests` installs it")?;
        let socket = path.join("auth");
        until("start of dovecot", LONG, || {
            master.check()?;
            Ok(socket.exists().then_some(()))
        })?;
        Ok(Self {
            _master: master,
            folder,
        })
    }

    /// Where Postfix asks it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("auth")
    }
}

fn configuration(folder: &str) -> String {
    format!(
        "base_dir = {folder}/run
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain login cram-md5
disable_plaintext_auth = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service anvil {{
  # Or who gave a wrong password makes the right ones of his address wait, up to 15 s.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"
    )
}
