//! `cargo xtask demo`: smtp-lb at work in a small network of namespaces.
//!
//! Two processes watch each other: whichever of them dies, by Ctrl-C or a crash, the other one
//! removes the namespaces, the pins and what runs there.

mod clean;
mod report;
mod stage;
mod story;
mod supervise;

use std::process::ExitCode;

/// Told to the inner process by the outer one.
const INNER: &str = "--inner";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if let Some(unknown) = args.iter().find(|arg| *arg != "--keep" && *arg != INNER) {
        eprintln!("smtp-lb-demo: unknown argument {unknown}; there is only --keep");
        return ExitCode::from(2);
    }
    let done = if has(INNER) {
        supervise::watch_parent();
        story::tell(has("--keep"))
    } else {
        supervise::run(has("--keep"))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smtp-lb-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
