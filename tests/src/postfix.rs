//! A real Postfix, with a configuration, a queue and a mailbox of its own.

mod sasl;

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::temporary;
use crate::mailbox::{self, Delivered};
use crate::netns::Netns;
use crate::process::Process;
use crate::user::user;
use crate::wait::{LONG, until};

/// What it is for: mail to this domain, any user, goes to one mailbox.
pub const DOMAIN: &str = "inside.example";

/// How an instance is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    name: String,
    tls: Option<Leaf>,
    users: Vec<(String, String)>,
    settings: Vec<(String, String)>,
}

impl Setup {
    /// Port 25, without TLS and without authentication, under this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// STARTTLS on port 25, and TLS from the first octet on port 465.
    #[must_use]
    pub fn tls(mut self, leaf: &Leaf) -> Self {
        self.tls = Some(leaf.clone());
        self
    }

    /// Asks clients for a certificate of this authority and serves nobody without one.
    #[must_use]
    pub fn client_ca(self, ca: &Path) -> Self {
        self.set("smtpd_tls_CAfile", &ca.display().to_string())
            .set("smtpd_tls_ask_ccert", "yes")
            .set("smtpd_tls_req_ccert", "yes")
            .set("smtpd_tls_security_level", "encrypt")
    }

    /// A user of [`DOMAIN`] who may authenticate by PLAIN, LOGIN or CRAM-MD5, in the clear too.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// A line of `main.cf`; the last one of a name counts.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Starts it on every address of the namespace.
    pub fn start(&self, netns: &Arc<Netns>) -> Result<Postfix> {
        Postfix::begin(netns, self)
    }
}

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
        Setup::new(name).start(netns)
    }

    fn begin(netns: &Arc<Netns>, setup: &Setup) -> Result<Self> {
        let folder = temporary("postfix")?;
        // Its parts run as several users, all of which must get through.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let path = folder.path();
        let mailbox = user("nobody")?;
        for part in ["queue", "data", "mail", "log", "sasl"] {
            fs::create_dir(path.join(part))?;
        }
        chown(path.join("data"), Some(user("postfix")?.0), None)?;
        chown(path.join("mail"), Some(mailbox.0), Some(mailbox.1))?;
        let folder_name = path.display().to_string();
        fs::write(path.join("main.cf"), main_cf(&folder_name, setup, mailbox))?;
        let mut master_cf = MASTER_CF.to_owned();
        if setup.tls.is_some() {
            master_cf.push_str(MASTER_CF_TLS);
        }
        fs::write(path.join("master.cf"), master_cf)?;
        if !setup.users.is_empty() {
            sasl::write(&path.join("sasl"), &setup.users, user("postfix")?)?;
        }
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

    /// Its maildir.
    #[must_use]
    pub fn maildir(&self) -> PathBuf {
        self.folder.path().join("mail/box")
    }

    /// The messages in its mailbox.
    pub fn delivered(&self) -> Result<Vec<Delivered>> {
        mailbox::read(&self.maildir())
    }

    /// The subjects of the messages in its mailbox.
    pub fn subjects(&self) -> Result<Vec<String>> {
        let delivered = self.delivered()?;
        Ok(delivered.iter().filter_map(Delivered::subject).collect())
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

fn main_cf(folder: &str, setup: &Setup, (uid, gid): (u32, u32)) -> String {
    let name = &setup.name;
    let mut text = format!(
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
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
message_size_limit = 52428800
smtputf8_enable = yes
local_header_rewrite_clients =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
"
    );
    if let Some(leaf) = &setup.tls {
        let (chain, key) = (leaf.chain.display(), leaf.key.display());
        let _ = write!(
            text,
            "smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {chain}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
"
        );
    }
    if !setup.users.is_empty() {
        let _ = write!(
            text,
            "smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = {DOMAIN}
smtpd_sasl_authenticated_header = yes
cyrus_sasl_config_path = {folder}/sasl
"
        );
    }
    for (key, value) in &setup.settings {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
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

/// What TLS takes besides.
const MASTER_CF_TLS: &str = "\
smtps     inet  n       -       n       -       -       smtpd -o smtpd_tls_wrappermode=yes
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
";

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
