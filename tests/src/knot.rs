//! A real name server, Knot, with zones that tests write.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::folder::temporary;
use crate::process::Process;
use crate::wait::{LONG, until};

/// An instance on a port of the loopback address, UDP and TCP. Dropped, it is killed.
#[derive(Debug)]
pub struct Knot {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Knot {
    /// Starts it with these zones: each a name and its lines, to which a SOA and a NS record are
    /// added. A zone without lines is broken: questions about it get SERVFAIL.
    pub fn start(zones: &[(&str, &[&str])]) -> Result<Self> {
        let folder = temporary("knot")?;
        let path = folder.path();
        let address = free()?;
        let at = path.display();
        let mut config = format!(
            "server:\n  listen: {}@{}\n  rundir: {at}\n\
             database:\n  storage: {at}/db\nlog:\n  - target: stderr\n    any: info\nzone:\n",
            address.ip(),
            address.port(),
        );
        for (zone, lines) in zones {
            write!(config, "  - domain: {zone}\n    file: {at}/{zone}.zone\n")?;
            if lines.is_empty() {
                continue;
            }
            let text = format!(
                "$ORIGIN {zone}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n{}\n",
                lines.join("\n")
            );
            fs::write(path.join(format!("{zone}.zone")), text)?;
        }
        let file = path.join("knot.conf");
        fs::write(&file, config)?;
        let mut command = Command::new("knotd");
        command.arg("-c").arg(&file);
        let mut process = Process::start("knotd", &mut command, &path.join("output"))
            .context("`cargo xtask provision --tests` installs it")?;
        let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        probe.set_read_timeout(Some(std::time::Duration::from_millis(50)))?;
        until("start of knotd", LONG, || {
            process.check()?;
            // The root's SOA, of which it knows nothing: any answer shows that it is there.
            let question = *b"\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\x06\0\x01";
            let _ = probe.send_to(&question, address);
            Ok(probe.recv_from(&mut [0; 512]).is_ok().then_some(()))
        })?;
        for (zone, lines) in zones.iter().filter(|(_, lines)| !lines.is_empty()) {
            let log = || process.log();
            until(format!("zone {zone}"), LONG, || {
                let log = log();
                if log.contains(&format!("[{zone}.] zone loader, error")) {
                    bail!("{lines:?}\n{log}");
                }
                Ok(log.contains(&format!("[{zone}.] loaded")).then_some(()))
            })?;
        }
        Ok(Self {
            process,
            address,
            _folder: folder,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub fn stop(&mut self) -> Result<()> {
        self.process.kill()
    }
}

/// A port that nobody has, neither for UDP nor for TCP.
fn free() -> Result<SocketAddr> {
    for _ in 0..100 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port")
}
