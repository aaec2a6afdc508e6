//! Everything that the story needs: the network, the servers and smtp-lb.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use smtp_lb::admin::api::Status;
use smtp_lb_tests::bpffs::Pins;
use smtp_lb_tests::daemon::{Cli, Daemon};
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::syslog_server::SyslogServer;
use smtp_lb_tests::wait::{LONG, until};

use crate::clean::{FILES, PINS};

/// What runs. Dropped, it all ends; the order is that of the fields.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) mx: [SmtpServer; 2],
    /// One for each family.
    pub(crate) syslog: Vec<SyslogServer>,
    _pins: Pins,
    pub(crate) site: Site,
}

impl Stage {
    /// Makes the network and starts the servers, then smtp-lb with the shipped configuration.
    pub(crate) fn set() -> Result<Self> {
        let config = workspace().join("config/demo.toml");
        let pins = Pins::at(Path::new(PINS))?;
        let site = Site::new()?;
        let mx = [
            mail_server(&site.mx1, "mx1", Family::mx1)?,
            mail_server(&site.mx2, "mx2", Family::mx2)?,
        ];
        let mut syslog = Vec::new();
        for family in Family::BOTH {
            let listen = SocketAddr::new(family.syslog(), 514);
            syslog.push(SyslogServer::start(Some(&site.syslog), listen)?);
        }
        fs::create_dir_all(FILES)?;
        let files = Path::new(FILES);
        let daemon = Daemon::start(
            &site.host,
            &config,
            &files.join("admin.sock"),
            &files.join("smtp-lb.log"),
        )?;
        let stage = Self {
            daemon,
            mx,
            syslog,
            _pins: pins,
            site,
        };
        stage.wait_for_members()?;
        Ok(stage)
    }

    pub(crate) fn cli(&self) -> &Cli {
        self.daemon.cli()
    }

    pub(crate) fn status(&self) -> Result<Status> {
        self.cli().json(&["status"])
    }

    fn wait_for_members(&self) -> Result<()> {
        until("both members up", LONG, || {
            let status = self.status()?;
            let mut members = status.pools.iter().flat_map(|pool| &pool.members);
            Ok(members.all(|member| member.state == "up").then_some(()))
        })
    }
}

fn mail_server(
    netns: &Arc<Netns>,
    name: &str,
    address: fn(Family) -> std::net::IpAddr,
) -> Result<SmtpServer> {
    let listen = Family::BOTH.map(|family| SocketAddr::new(address(family), 25));
    SmtpServer::start(Some(netns), &format!("{name}.inside.example"), &listen)
        .with_context(|| format!("mail server {name}"))
}

/// Root of the workspace.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}
