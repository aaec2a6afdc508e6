//! A real syslog-ng, which writes what it understood of each record.
//!
//! Debian lets only one of it and rsyslog be installed, so xtask unpacks it into `target/syslog-ng`,
//! and it runs from there.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::{in_target, temporary};
use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{LONG, until};

/// A record as syslog-ng read it.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// PRI, in digits.
    pub pri: String,
    /// HOSTNAME.
    pub host: String,
    /// APP-NAME.
    pub program: String,
    /// PROCID.
    pub pid: String,
    /// MSGID.
    #[serde(default)]
    pub msgid: String,
    /// MSG.
    pub message: String,
    /// Structured data: elements and their parameters.
    #[serde(default, rename = "_SDATA")]
    structured: Value,
}

impl Record {
    /// A parameter of any element, by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let elements = self.structured.as_object()?;
        let mut found = elements.values().filter_map(|element| element.get(name));
        found.next()?.as_str().map(str::to_owned)
    }
}

/// An instance: RFC 5424 on port 601 (UDP, TCP) and 6514 (TLS), with octet counting; RFC 3164 on port
/// 514 (UDP, TCP) and 6515 (TLS), with newlines. Dropped, it is killed.
#[derive(Debug)]
pub struct SyslogNg {
    process: Process,
    folder: TempDir,
}

impl SyslogNg {
    /// Starts it, with TLS for clients that have a certificate of this authority.
    pub fn start(netns: &Arc<Netns>, leaf: &Leaf, ca: &Path) -> Result<Self> {
        let program = in_target("syslog-ng/usr/sbin/syslog-ng")?;
        let root = program.ancestors().nth(3).context("root of syslog-ng")?;
        let own = root.join("usr/lib/syslog-ng");
        let modules = fs::read_dir(&own)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.is_dir())
            .context("modules of syslog-ng")?;
        let libraries = fs::read_dir(root.join("usr/lib"))?
            .chain(fs::read_dir(root.join("lib"))?)
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().contains("-linux-"))
            .chain([own])
            .map(|path| path.display().to_string());
        let folder = temporary("syslog-ng")?;
        let path = folder.path();
        let version = modules.file_name().context("version")?.to_string_lossy();
        fs::write(
            path.join("syslog-ng.conf"),
            configuration(path, &version, leaf, ca),
        )?;
        let mut command = netns.command(&program);
        command
            .env("LD_LIBRARY_PATH", libraries.collect::<Vec<_>>().join(":"))
            .args(["--foreground", "--stderr", "--no-caps"])
            .arg(format!("--module-path={}", modules.display()))
            .arg("--cfgfile")
            .arg(path.join("syslog-ng.conf"))
            .arg("--persist-file")
            .arg(path.join("persist"))
            .arg("--pidfile")
            .arg(path.join("pid"))
            .arg("--control")
            .arg(path.join("ctl"));
        let process = Process::start("syslog-ng", &mut command, &path.join("output"))?;
        let mut server = Self { process, folder };
        until("start of syslog-ng", LONG, || {
            server.process.check()?;
            let sockets = netns.run("ss", &["-Hlntu"])?;
            let ports = [":514 ", ":601 ", ":6514 ", ":6515 "];
            let open = sockets
                .lines()
                .filter(|line| ports.iter().any(|port| line.contains(port)))
                .count();
            Ok((open >= 6).then_some(()))
        })?;
        Ok(server)
    }

    /// What arrived, in order.
    pub fn records(&self) -> Result<Vec<Record>> {
        let text = fs::read_to_string(self.folder.path().join("records")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }
}

fn configuration(folder: &Path, version: &str, leaf: &Leaf, ca: &Path) -> String {
    let (folder, ca) = (folder.display(), ca.display());
    let (chain, key) = (leaf.chain.display(), leaf.key.display());
    let tls = format!(
        r#"tls(key-file("{key}") cert-file("{chain}") ca-file("{ca}") peer-verify(required-trusted))"#
    );
    let mut sources = String::new();
    for (transport, elder, newer, more) in [
        ("udp", 514, 601, ""),
        ("tcp", 514, 601, ""),
        ("tls", 6515, 6514, &*tls),
    ] {
        // Sockets of both versions of IP.
        let common = format!(
            r#"ip("::") ip-protocol(6) transport("{transport}") log-msg-size(65536) {more}"#
        );
        // Writing to a String cannot fail.
        let _ = write!(
            sources,
            "  network({common} port({elder}) keep-hostname(yes));\n  \
             syslog({common} port({newer}) keep-hostname(yes));\n"
        );
    }
    format!(
        r#"@version: {version}
options {{ keep-hostname(yes); use-dns(no); dns-cache(no); stats-freq(0); flush-lines(1); }};
source all {{
{sources}}};
destination records {{ file("{folder}/records" template("$(format-json --scope sdata pri=$PRI host=$HOST program=$PROGRAM pid=$PID msgid=$MSGID message=$MESSAGE)\n")); }};
log {{ source(all); destination(records); }};
"#
    )
}
