//! Builds, provisions, tests, demonstrates and measures smtp-lb.

mod bench;
mod build;
mod demo;
mod fuzz;
mod lint;
mod losses;
mod paths;
mod provision;
mod sh;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a developer of smtp-lb does with the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find or fetch what the kernel program's build needs, into `target/ebpf-toolchain`.
    Provision {
        /// Also install the Debian packages that the end-to-end tests need, and unpack Exim.
        #[arg(long)]
        tests: bool,
    },
    /// Build the kernel program, then the daemon that embeds it.
    Build {
        /// Optimise the daemon (the kernel program always is).
        #[arg(long)]
        release: bool,
    },
    /// Run every test, as root: unit, property, packet tables, end to end in namespaces.
    Test {
        /// Passed on to the test runner, as a filter.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Feed hostile octets to what reads SMTP, for a bounded time.
    Fuzz(fuzz::Args),
    /// Check formatting and lints of all crates, the kernel program included.
    Lint,
    /// Check the design's invariants.
    Tidy,
    /// Show smtp-lb at work in a small network of namespaces, as root.
    Demo(demo::Args),
    /// Show that every event is accounted for whatever happens to its collectors, as root: the tests of
    /// that, at a rate and for a time of your own, with a daemon that is optimised.
    Losses(losses::Args),
    /// Measure; `bench relay`, `bench tls`, `bench firewall` and `bench log`.
    Bench {
        /// Passed on to the bench program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, without the backtrace that `main` would add.
            sh::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Provision { tests } => {
            provision::ebpf()?;
            if tests {
                provision::tests()?;
            }
            Ok(())
        }
        Task::Build { release } => build::all(release),
        Task::Test { filter } => test::run(&filter),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Lint => lint::run(),
        Task::Tidy => tidy::run(),
        Task::Demo(args) => demo::run(&args),
        Task::Losses(args) => losses::run(&args),
        Task::Bench { args } => bench::run(&args),
    }
}
