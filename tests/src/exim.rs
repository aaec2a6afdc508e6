//! A real Exim, with a configuration, a spool and a mailbox of its own.
//!
//! Debian lets only one mail server be installed, and that is Postfix. So xtask unpacks Exim into
//! `target/exim`, and it runs from there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::temporary;
use crate::mailbox::{self, Delivered};
use crate::netns::Netns;
use crate::postfix::DOMAIN;
use crate::process::Process;
use crate::user::user;
use crate::wait::{LONG, until};

/// An instance. It has its namespace to itself. Dropped, it is killed.
#[derive(Debug)]
pub struct Exim {
    daemon: Process,
    netns: Arc<Netns>,
    folder: TempDir,
}

impl Exim {
    /// Starts it on every address of the namespace, under this name: port 25 with STARTTLS, port
    /// 465 with TLS from the first octet. Mail to [`DOMAIN`], any user, goes to one mailbox.
    pub fn start(netns: &Arc<Netns>, name: &str, tls: &Leaf) -> Result<Self> {
        Self::start_with(netns, name, tls, "")
    }

    /// The same with a user, who may log in by PLAIN, LOGIN and CRAM-MD5, in the clear too; mail to
    /// `refused`, in any domain, is.
    pub fn start_auth(
        netns: &Arc<Netns>,
        name: &str,
        tls: &Leaf,
        (user, password): (&str, &str),
    ) -> Result<Self> {
        let more = format!(
            "begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
"
        );
        Self::start_with(netns, name, tls, &more)
    }

    fn start_with(netns: &Arc<Netns>, name: &str, tls: &Leaf, more: &str) -> Result<Self> {
        let program = unpacked()?;
        let folder = temporary("exim")?;
        let path = folder.path();
        // It reads all of this as an ordinary user.
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        let nobody = user("nobody")?;
        for part in ["spool", "mail", "log"] {
            fs::create_dir(path.join(part))?;
            chown(path.join(part), Some(nobody.0), Some(nobody.1))?;
        }
        // Its own copies are readable for it, and for nobody else.
        for (from, to) in [(&tls.key, "tls.key"), (&tls.chain, "tls.pem")] {
            let to = path.join(to);
            fs::copy(from, &to)?;
            fs::set_permissions(&to, Permissions::from_mode(0o600))?;
            chown(&to, Some(nobody.0), Some(nobody.1))?;
        }
        let text = configuration(path, name, &program) + more;
        fs::write(path.join("exim.conf"), text)?;
        accounts(path, nobody)?;

        // Debian's Exim looks for a user that only its package makes: it gets one, in a mount
        // namespace of its own.
        let mut command = netns.command("unshare");
        command
            .env("LD_LIBRARY_PATH", libraries(&program)?)
            .args(["--mount", "--propagation", "private", "--", "sh", "-c"])
            .arg(
                "mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/group\" /etc/group \
                 && exec \"$2\" -C \"$1/exim.conf\" -bdf",
            )
            .arg("sh")
            .arg(path)
            .arg(&program);
        let daemon = Process::start("exim", &mut command, &path.join("output"))?;
        let mut exim = Self {
            daemon,
            netns: Arc::clone(netns),
            folder,
        };
        until("start of exim", LONG, || {
            exim.daemon.check()?;
            Ok(exim.log().contains("daemon started").then_some(()))
        })?;
        Ok(exim)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/mainlog")).unwrap_or_default()
    }

    /// Its maildir.
    #[must_use]
    pub fn maildir(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// The messages in its mailbox.
    pub fn delivered(&self) -> Result<Vec<Delivered>> {
        mailbox::read(&self.maildir())
    }

    /// `kill -9` of all its processes.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.kill()?;
        self.netns.kill_all()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        // It may be gone already; the namespace kills what is left.
        let _ = self.kill();
    }
}

/// The program, in cargo's target folder, where this program lies too.
fn unpacked() -> Result<PathBuf> {
    crate::folder::in_target("exim/usr/sbin/exim4")
}

/// Folder of the libraries that came with it: `usr/lib/TRIPLET`.
fn libraries(program: &Path) -> Result<PathBuf> {
    let lib = program.ancestors().nth(2).context("usr")?.join("lib");
    let mut folders = fs::read_dir(&lib)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("-linux-"));
    Ok(folders.next().unwrap_or(lib))
}

/// The machine's accounts and Exim's.
fn accounts(folder: &Path, (uid, gid): (u32, u32)) -> Result<()> {
    let add = |file: &str, line: String| -> Result<()> {
        let text = fs::read_to_string(Path::new("/etc").join(file))?;
        Ok(fs::write(folder.join(file), text + &line)?)
    };
    add(
        "passwd",
        format!("Debian-exim:x:{uid}:{gid}::/nonexistent:/bin/false\n"),
    )?;
    add("group", format!("Debian-exim:x:{gid}:\n"))
}

/// Without root at delivery: the mailbox is its own.
fn configuration(folder: &Path, name: &str, program: &Path) -> String {
    let (folder, program) = (folder.display(), program.display());
    format!(
        "exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/pid
primary_hostname = {name}
deliver_drop_privilege = true
keep_environment =
daemon_smtp_ports = 25 : 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
smtputf8_advertise_hosts = *
allow_utf8_domains = true
chunking_advertise_hosts = *
dsn_advertise_hosts = *
pipelining_advertise_hosts = *
message_size_limit = 50M
recipients_max = 0
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
rfc1413_query_timeout = 0s
host_lookup =
acl_smtp_rcpt = ${{if eq{{$local_part}}{{refused}}{{deny}}{{accept}}}}
acl_smtp_data = accept

begin routers
box:
  driver = accept
  domains = {DOMAIN}
  transport = box

begin transports
box:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  return_path_add
  envelope_to_add
  delivery_date_add
"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Exim;
    use crate::certs::Certs;
    use crate::mailbox;
    use crate::netns::Netns;
    use crate::smtp_client::{Client, Message};
    use crate::tls_client::TlsClient;
    use crate::wait::LONG;

    #[test]
    fn mail_is_delivered() {
        let netns = Arc::new(Netns::new("exim").unwrap());
        let certs = Certs::new().unwrap();
        let leaf = certs.server("exim", &["exim.inside.example"]).unwrap();
        let exim = Exim::start(&netns, "exim.inside.example", &leaf).unwrap();
        let tls = TlsClient::new(&certs.ca(), "exim.inside.example").unwrap();
        let address = "[::1]:25".parse().unwrap();
        let mut client = Client::connect(Some(&netns), None, address, LONG).unwrap();
        assert_eq!(client.greeting, "exim.inside.example");
        let offer = client.hello().unwrap();
        for extension in [
            "STARTTLS",
            "CHUNKING",
            "SMTPUTF8",
            "8BITMIME",
            "PIPELINING",
            "DSN",
        ] {
            assert!(offer.offers(extension), "{extension}: {offer}");
        }
        let mut client = client.start_tls(&tls).unwrap();
        client.hello().unwrap();
        let message = Message::new("first", 100);
        client.send(&message).unwrap();
        client.quit().unwrap();
        mailbox::await_all(&[&message], &[&exim.maildir()], LONG).unwrap();
    }
}
