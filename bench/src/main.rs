//! Load generator, sink, and the peers that smtp-lb is measured against.
//!
//! `relay`, `tls`, `firewall` and `log` are the benchmarks; `sink` and `generate` are the two ends of
//! the load, which the first two start as processes of their own inside network namespaces.

#![expect(clippy::cast_precision_loss, reason = "no figure here is near 2^52")]

mod cli;
mod compare;
mod credentials;
mod digest;
mod firewall;
mod generator;
mod interrupt;
mod kept;
mod lab;
mod log;
mod machine;
mod message;
mod poll;
mod process;
mod relay;
mod sink;
mod tls;
mod transport;

fn main() -> anyhow::Result<()> {
    cli::main()
}
