//! The command line.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::transport::tls::{Server, ServerOptions};
use crate::{compare, firewall, generator, log, relay, sink, tls, transport};

#[derive(Parser)]
#[command(
    version,
    about = "Measures smtp-lb beside what users would pick instead"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the plain relay beside HAProxy and nginx, in network namespaces (needs root)
    Relay(compare::Options),
    /// Measure TLS and the gateway beside HAProxy, nginx and stunnel, likewise
    Tls(compare::Options),
    /// Measure the packet filter
    Firewall(firewall::Options),
    /// Measure the way of events from the ring to file, TCP and UDP beside rsyslog
    Log(log::Options),
    /// Offer load, print what happened as one line of JSON
    Generate(generator::Load),
    /// Take mail until standard input ends, then print what arrived as one line of JSON
    Sink {
        /// Address to listen on
        #[arg(long)]
        listen: SocketAddr,
        /// Address on which to tell nginx mail where we are
        #[arg(long)]
        auth: Option<SocketAddr>,
        #[command(flatten)]
        tls: ServerOptions,
    },
}

/// Runs what the command line asks for.
pub(crate) fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Relay(options) => relay::BENCH.run(&options),
        Command::Tls(options) => tls::BENCH.run(&options),
        Command::Firewall(options) => firewall::run(&options),
        Command::Log(options) => log::run(&options),
        Command::Generate(load) => generate(&load),
        Command::Sink { listen, auth, tls } => {
            let listener = transport::Listener::bind(listen)?;
            let tls = Server::new(&tls)?;
            if let Some(address) = auth {
                sink::auth::serve(address, listen)?;
            }
            // Whoever started the sink waits for this line before sending mail.
            print_line(&"listening")?;
            print_line(&sink::serve(listener, tls, io::stdin())?)
        }
    }
}

fn generate(load: &generator::Load) -> Result<()> {
    let (outcome, held) = generator::run(load)?;
    print_line(&outcome)?;
    if !held.is_empty() {
        io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn print_line(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
