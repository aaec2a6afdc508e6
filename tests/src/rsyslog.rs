//! A real rsyslog, which writes what it understood of each record.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::temporary;
use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{LONG, until};

/// A record as rsyslog read it.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// `imudp`, `imtcp` or `tls`.
    pub transport: String,
    /// PRI, in digits.
    pub pri: String,
    /// As RFC 3339.
    pub timestamp: String,
    /// HOSTNAME.
    pub hostname: String,
    /// APP-NAME.
    pub app: String,
    /// PROCID.
    pub procid: String,
    /// MSGID.
    pub msgid: String,
    /// `1` for RFC 5424.
    pub version: String,
    /// Structured data, as JSON within JSON. rsyslog gives names in lower case.
    sd: String,
    /// MSG.
    pub msg: String,
}

impl Record {
    /// Parameters of each element of the structured data.
    pub fn data(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        if self.sd.is_empty() {
            return Ok(BTreeMap::new());
        }
        serde_json::from_str(&self.sd).with_context(|| self.sd.clone())
    }

    /// A parameter of any element.
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        Ok(self
            .data()?
            .values()
            .find_map(|element| element.get(name))
            .cloned())
    }
}

/// An instance, on port 514 of every address of the namespace, UDP and TCP, and on 6514 within TLS if
/// it has a certificate. Dropped, it is killed.
#[derive(Debug)]
pub struct Rsyslog {
    process: Process,
    folder: TempDir,
}

impl Rsyslog {
    /// Starts it.
    pub fn start(netns: &Arc<Netns>) -> Result<Self> {
        Self::begin(netns, "")
    }

    /// Starts it with TLS for clients that have a certificate of this authority.
    pub fn start_tls(netns: &Arc<Netns>, leaf: &Leaf, ca: &Path) -> Result<Self> {
        let (ca, chain, key) = (ca.display(), leaf.chain.display(), leaf.key.display());
        Self::begin(
            netns,
            &format!(
                r#"global(DefaultNetstreamDriverCAFile="{ca}"
  DefaultNetstreamDriverCertFile="{chain}" DefaultNetstreamDriverKeyFile="{key}")
input(type="imtcp" port="6514" ruleset="remote" name="tls" StreamDriver.Name="ossl"
  StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
"#
            ),
        )
    }

    fn begin(netns: &Arc<Netns>, more: &str) -> Result<Self> {
        let folder = temporary("rsyslog")?;
        let path = folder.path();
        let config = path.join("rsyslog.conf");
        let text = configuration(&path.display().to_string()) + more;
        fs::write(&config, text)?;
        let mut command = netns.command("rsyslogd");
        command.arg("-n").arg("-f").arg(&config);
        command.arg("-i").arg(path.join("pid"));
        let process = Process::start("rsyslogd", &mut command, &path.join("output"))
            .context("`cargo xtask provision --tests` installs it")?;
        let mut rsyslog = Self { process, folder };
        until("start of rsyslog", LONG, || {
            rsyslog.process.check()?;
            let sockets = netns.run("ss", &["-Hlntu"])?;
            let open = sockets.lines().filter(|line| line.contains("514 ")).count();
            // UDP and TCP and perhaps TLS, IPv4 and IPv6.
            let expected = if more.is_empty() { 4 } else { 6 };
            Ok((open >= expected).then_some(()))
        })?;
        Ok(rsyslog)
    }

    /// What arrived, in order.
    pub fn records(&self) -> Result<Vec<Record>> {
        let path: PathBuf = self.folder.path().join("records.json");
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut records = Vec::new();
        for record in serde_json::Deserializer::from_str(&text).into_iter() {
            match record {
                Ok(record) => records.push(record),
                // It is being written.
                Err(error) if error.is_eof() => break,
                Err(error) => return Err(error).context("records of rsyslog"),
            }
        }
        Ok(records)
    }
}

fn configuration(folder: &str) -> String {
    format!(
        r#"global(workDirectory="{folder}")
module(load="imudp")
module(load="imtcp")
module(load="mmpstrucdata")
template(name="record" type="list" option.jsonf="on") {{
  property(outname="transport" name="inputname" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="procid" name="procid" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="sd" name="$!rfc5424-sd" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="remote") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{folder}/records.json" template="record" asyncWriting="off")
}}
input(type="imudp" port="514" ruleset="remote")
input(type="imtcp" port="514" ruleset="remote")
"#
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpStream, UdpSocket};
    use std::sync::Arc;

    use super::Rsyslog;
    use crate::netns::Netns;
    use crate::wait::{LONG, until};

    #[test]
    fn records_are_read_with_their_fields() {
        let netns = Arc::new(Netns::new("log").unwrap());
        let rsyslog = Rsyslog::start(&netns).unwrap();
        let record = br#"<134>1 2026-01-02T03:04:05.678901Z mx smtp-lb 42 fw [a@1 src="fd77::66" rule="q\"b\\c\]"] hi there"#;
        netns
            .inside(|| {
                UdpSocket::bind("0.0.0.0:0")?.send_to(record, "127.0.0.1:514")?;
                let mut stream = TcpStream::connect("[::1]:514")?;
                write!(stream, "{} ", record.len())?;
                stream.write_all(record)?;
                Ok(())
            })
            .unwrap();
        let records = until("two records", LONG, || {
            Ok(Some(rsyslog.records()?).filter(|records| records.len() == 2))
        })
        .unwrap();
        for record in &records {
            assert_eq!(record.pri, "134");
            assert_eq!(record.app, "smtp-lb");
            assert_eq!(record.msg, "hi there");
            assert_eq!(record.get("src").unwrap().unwrap(), "fd77::66");
            assert_eq!(record.get("rule").unwrap().unwrap(), r#"q"b\c]"#);
        }
        assert_ne!(records[0].transport, records[1].transport);
    }
}
