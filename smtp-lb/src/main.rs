//! The `smtp-lb` binary.

fn main() -> std::process::ExitCode {
    smtp_lb::cli::main()
}
