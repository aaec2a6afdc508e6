//! A real Postfix, with a configuration, a queue and a mailbox of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::folder::temporary;
use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{LONG, until};

/// What it is for: mail to this domain, any user, goes to one mailbox.
pub const DOMAIN: &str = "inside.example";

/// An instance. It has its namespace to itself. Dropped, it is killed.
#[derive(Debug)]
pub struct Postfix {
    master: Process,
    netns: Arc<Netns>,
    folder: TempDir,
}

impl Postfix {
    /// Starts it on port 25 of every address of the namespace, under this name.
    pub fn start(netns: &Arc<Netns>, name: &str) -> Result<Self> {
        let folder = temporary("postfix")?;
        // Its parts run as several users, all of which must get through.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let path = folder.path();
        let mailbox = nobody()?;
        for part in ["queue", "data", "mail", "log"] {
            fs::create_dir(path.join(part))?;
        }
        chown(path.join("data"), Some(user("postfix")?.0), None)?;
        chown(path.join("mail"), Some(mailbox.0), Some(mailbox.1))?;
        fs::write(
            path.join("main.cf"),
            main_cf(&path.display().to_string(), name, mailbox),
        )?;
        fs::write(path.join("master.cf"), MASTER_CF)?;
        // Makes the queue's folders, with the owners that Postfix wants.
        let check = Command::new("postfix")
            .arg("-c")
            .arg(path)
            .arg("check")
            .output()
            .context("cannot start postfix; `cargo xtask provision --tests` installs it")?;
        if !check.status.success() {
            bail!("postfix check: {}", String::from_utf8_lossy(&check.stderr));
        }
        let programs = Command::new("postconf")
            .args(["-dh", "daemon_directory"])
            .output()?;
        let programs = String::from_utf8(programs.stdout)?;
        let mut command = netns.command(PathBuf::from(programs.trim()).join("master"));
        // In the foreground, as in a container.
        command.arg("-c").arg(path).arg("-s");
        let master = Process::start("postfix", &mut command, &path.join("output"))?;
        let mut postfix = Self {
            master,
            netns: Arc::clone(netns),
            folder,
        };
        postfix.wait_until_up()?;
        Ok(postfix)
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let log = self.folder.path().join("log/mail.log");
        until("start of postfix", LONG, || {
            self.master.check()?;
            let log = fs::read_to_string(&log).unwrap_or_default();
            Ok(log.contains("daemon started").then_some(()))
        })
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/mail.log")).unwrap_or_default()
    }

    /// The messages in its mailbox, as delivered.
    pub fn mailbox(&self) -> Result<Vec<String>> {
        let folder = self.folder.path().join("mail/box/new");
        if !folder.exists() {
            return Ok(Vec::new());
        }
        fs::read_dir(folder)?
            .map(|entry| Ok(fs::read_to_string(entry?.path())?))
            .collect()
    }

    /// The subjects of the messages in its mailbox.
    pub fn subjects(&self) -> Result<Vec<String>> {
        Ok(self
            .mailbox()?
            .iter()
            .filter_map(|mail| mail.lines().find_map(|line| line.strip_prefix("Subject: ")))
            .map(str::to_owned)
            .collect())
    }

    /// `kill -9` of all its processes.
    pub fn kill(&mut self) -> Result<()> {
        self.master.kill()?;
        self.netns.kill_all()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It may be gone already; the namespace kills what is left.
        let _ = self.kill();
    }
}

fn main_cf(folder: &str, name: &str, (uid, gid): (u32, u32)) -> String {
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = {name}
inet_interfaces = all
inet_protocols = all
mynetworks_style = host
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
"
    )
}

/// Only what delivery to a mailbox takes.
const MASTER_CF: &str = "\
smtp      inet  n       -       n       -       -       smtpd
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
error     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
";

fn nobody() -> Result<(u32, u32)> {
    user("nobody")
}

/// User and group of a name, from `/etc/passwd`.
fn user(name: &str) -> Result<(u32, u32)> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Postfix;
    use crate::netns::Netns;
    use crate::smtp_client::{Client, Message};
    use crate::wait::{LONG, until};

    #[test]
    fn mail_is_delivered() {
        let netns = Arc::new(Netns::new("mx").unwrap());
        let mut postfix = Postfix::start(&netns, "mx.inside.example").unwrap();
        let address = "[::1]:25".parse().unwrap();
        let mut client = Client::connect(Some(&netns), None, address, LONG).unwrap();
        assert_eq!(client.greeting, "mx.inside.example");
        client.hello().unwrap();
        client.send(&Message::new("first", 100)).unwrap();
        client.quit().unwrap();
        let subjects = until("delivery", LONG, || {
            Ok(Some(postfix.subjects()?).filter(|subjects| !subjects.is_empty()))
        })
        .unwrap();
        assert_eq!(subjects, ["first"]);
        postfix.kill().unwrap();
        Client::connect(Some(&netns), None, address, LONG).unwrap_err();
    }
}
