//! `smtp-lb completions` and `smtp-lb man`.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::args::Cli;
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shell to complete for.
    shell: Shell,
}

pub(super) fn completions(args: &Args) -> Result<(), CliError> {
    // Into memory first: clap panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smtp-lb", &mut script);
    Output::print(&String::from_utf8_lossy(&script))
}

pub(super) fn man() -> Result<(), CliError> {
    Output::print(&page().map_err(CliError::Output)?)
}

/// One page for all commands, so that there is one place to look.
fn page() -> std::io::Result<String> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).section("8").manual("smtp-lb");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands() {
        describe(&mut rest, command);
    }
    exit_status(&mut rest);
    files(&mut rest);
    rest.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// A command with its own options, then those under it.
fn describe(page: &mut Roff, command: &Command) {
    if command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        command
            .get_subcommands()
            .for_each(|command| describe(page, command));
        return;
    }
    let usage = command.clone().render_usage().to_string();
    page.control("SS", [usage.trim_start_matches("Usage: ")]);
    let about = command.get_long_about().or(command.get_about());
    page.text([roman(about.map(ToString::to_string).unwrap_or_default())]);
    for arg in command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !arg.is_hide_set())
    {
        if matches!(arg.get_id().as_str(), "help" | "version") {
            continue;
        }
        page.control("TP", []);
        let mut label = Vec::new();
        if let Some(short) = arg.get_short() {
            label.extend([bold(format!("-{short}")), roman(", ")]);
        }
        if let Some(long) = arg.get_long() {
            label.extend([bold(format!("--{long}")), roman(" ")]);
        }
        for name in arg.get_value_names().unwrap_or_default() {
            label.push(italic(name.as_str()));
        }
        page.text(label);
        let default = arg
            .get_default_values()
            .first()
            .and_then(|value| value.to_str());
        let default = default
            .map(|value| format!(" [default: {value}]"))
            .unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        page.text([roman(help + &default)]);
    }
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        page.control("TP", []);
        page.text([bold(exit.code().to_string())]);
        page.text([roman(exit.meaning())]);
    }
}

fn files(page: &mut Roff) {
    let entries = [
        (
            "FILES",
            "/etc/smtp-lb/smtp-lb.toml",
            "Configuration, unless run is told another.",
        ),
        (
            "",
            "/run/smtp-lb/admin.sock",
            "Control socket, unless [admin] socket names another.",
        ),
        (
            "",
            "/var/lib/smtp-lb",
            "What survives a restart, unless [general] state_path names another folder.",
        ),
        (
            "",
            "/sys/fs/bpf/smtp-lb",
            "Pinned programs, links and maps of the packet filter.",
        ),
        (
            "ENVIRONMENT",
            "SMTP_LB_LOG",
            "What the daemon logs to standard error; info by default.",
        ),
    ];
    for (section, name, what) in entries {
        if !section.is_empty() {
            page.control("SH", [section]);
        }
        page.control("TP", []);
        page.text([italic(name)]);
        page.text([roman(what)]);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, Exit, page};

    #[test]
    fn page_tells_every_exit_code() {
        let page = page().unwrap();
        let (_, status) = page.split_once(".SH \"EXIT STATUS\"").unwrap();
        for exit in Exit::ALL {
            // roff spells a hyphen with a backslash.
            let entry = format!(
                "\\fB{}\\fR\n{}",
                exit.code(),
                exit.meaning().replace('-', "\\-")
            );
            assert!(status.contains(&entry), "{entry}\n{status}");
        }
    }

    #[test]
    fn page_tells_every_command() {
        let page = page().unwrap();
        for usage in [
            "smtp-lb run",
            "smtp-lb firewall explain",
            "smtp-lb events follow",
        ] {
            assert!(page.contains(&format!(".SS \"{usage}")), "{usage}\n{page}");
        }
    }

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
