//! Command line: one file to a group of commands.

mod args;
mod capture;
mod change;
mod check;
mod client;
mod dns;
mod error;
mod escape;
mod events;
mod exit;
mod explain;
mod firewall;
mod generate;
mod greylist;
mod log;
mod member;
mod monitor;
mod output;
mod pool;
mod reload;
mod replay;
mod reputation;
mod routing;
mod run;
mod spf;
mod status;
mod top;
mod violations;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::CliError;
use exit::Exit;
use output::Output;

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version go to standard output, and are no failure; nor is a closed pipe.
            let _ = told.print();
            return if told.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            }
            .into();
        }
    };
    match dispatch(cli) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            output::complain(&error);
            error.exit()
        }
    }
    .into()
}

fn dispatch(cli: Cli) -> Result<(), CliError> {
    let out = Output::new(cli.json);
    let socket = &cli.socket;
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args, out),
        Command::Schema => check::schema(),
        Command::Status => status::status(socket, out),
        Command::Reload => reload::reload(socket, out),
        Command::Routing(args) => routing::routing(&args, out),
        Command::Firewall(command) => firewall::firewall(command, socket, out),
        Command::Reputation(command) => reputation::reputation(command, socket, out),
        Command::Violations(command) => violations::violations(command, socket, out),
        Command::Greylist(command) => greylist::greylist(command, socket, out),
        Command::Monitor(command) => monitor::monitor(command, socket, out),
        Command::Pool(command) => pool::pool(command, socket, out),
        Command::Member(command) => member::member(command, socket, out),
        Command::Events(command) => events::events(command, socket, out),
        Command::Log(command) => log::log(command, socket, out),
        Command::Dns(command) => dns::dns(&command, out),
        Command::Spf(command) => spf::spf(&command, out),
        Command::Completions(args) => generate::completions(&args),
        Command::Man => generate::man(),
    }
}
