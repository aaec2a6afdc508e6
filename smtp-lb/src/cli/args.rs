//! The top of the command line; each group's own arguments lie with the group.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    check, dns, events, firewall, generate, greylist, log, member, monitor, pool, reputation,
    routing, run, spf, violations,
};

/// SMTP load balancer with an XDP firewall.
///
/// smtp-lb stands between the Internet and a site's mail servers: a packet filter at the
/// network card, a relay with health monitors behind it, and a log of what was decided.
#[derive(Debug, Parser)]
#[command(
    name = "smtp-lb",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    /// Control socket of the running daemon; `run` takes its own from the configuration.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "/run/smtp-lb/admin.sock"
    )]
    pub(super) socket: PathBuf,
    /// Print JSON in place of text and tables.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon in the foreground.
    ///
    /// Logs to standard error; `SMTP_LB_LOG` sets what, as `info` or `smtp_lb::proxy=debug`.
    /// SIGHUP reloads the configuration. SIGTERM and SIGINT stop accepting and let sessions end
    /// within the grace period; a second one ends them at once. The firewall stays attached.
    Run(run::Args),
    /// Check a configuration file and print all that is wrong with it.
    Check(check::Args),
    /// Print the JSON schema of the configuration file.
    Schema,
    /// Show what the running daemon does.
    Status,
    /// Let the running daemon take its configuration file anew, all of it or nothing.
    Reload,
    /// Print the commands that set up the routing of `snat = "none"`, for hosts where the daemon does not.
    Routing(routing::Args),
    /// Look at the packet filter.
    #[command(subcommand)]
    Firewall(firewall::Command),
    /// Look at feeds of bad sources, and list sources for a time.
    #[command(subcommand)]
    Reputation(reputation::Command),
    /// Look at what checks of SMTP security profiles found.
    #[command(subcommand)]
    Violations(violations::Command),
    /// Look at whom greylisting knows, let clients through, and forget them.
    #[command(subcommand)]
    Greylist(greylist::Command),
    /// Test health monitors.
    #[command(subcommand)]
    Monitor(monitor::Command),
    /// Look at pools, their members, and what changed of them.
    #[command(subcommand)]
    Pool(pool::Command),
    /// Enable, disable and drain members.
    #[command(subcommand)]
    Member(member::Command),
    /// Follow events.
    #[command(subcommand)]
    Events(events::Command),
    /// Test name servers.
    #[command(subcommand)]
    Dns(dns::Command),
    /// Ask what SPF says of a sender.
    #[command(subcommand)]
    Spf(spf::Command),
    /// Look at log destinations, and try them.
    #[command(subcommand)]
    Log(log::Command),
    /// Print a completion script for a shell.
    Completions(generate::Args),
    /// Print the manual page, to be read by `man -l -`.
    Man,
}
