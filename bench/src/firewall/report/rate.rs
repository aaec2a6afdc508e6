//! Packets a second.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::super::measured::Results;
use super::tables::spread;
use crate::compare::statistics::Summary;

/// A table for each feed.
pub(super) fn render(results: &Results) -> Result<String> {
    let mut text = String::from(
        "\n## Packets a second, beside other filters\n\n\
         In network namespaces, each filter on a cable (veth) of its own, in turns. CPU 0 makes frames as \
         fast as it can: SYN segments of 64 octets, IPv4, each of a random source, by \
         `BPF_PROG_TEST_RUN` with `BPF_F_TEST_XDP_LIVE_FRAMES` in batches of 64 for 0.4 s. On CPU 1 is the \
         receiver's NAPI thread (threaded NAPI, GRO on, one queue). Frames are counted as they come out of \
         the cable; nanoseconds are the thread's time on its CPU for each. Members are blocked by every \
         filter, strangers go on to the host's TCP, which refuses them for their checksum: both are held to \
         what the host's IP counts. The floor is a program that drops everything.\n",
    );
    for column in results.names(|cell| &cell.column) {
        write!(
            text,
            "\n### {column}\n\n| filter | ns a packet | million packets a second | ns by smtp-lb's |\n|---|---|---|---|\n"
        )?;
        let ours = results
            .cell("smtp-lb, xdp-native", &column)
            .context("no smtp-lb")?;
        for cell in results.cells.iter().filter(|cell| cell.column == column) {
            let rate = Summary::of(&cell.beside).context("no rounds")?;
            let ratio = super::ratio(cell, ours)?;
            writeln!(
                text,
                "| {} | {} | {:.2} ({:.2} to {:.2}) | {:.2} ({:.2} to {:.2}) |",
                cell.row,
                spread(cell, 0)?,
                rate.median,
                rate.min,
                rate.max,
                ratio.median,
                ratio.min,
                ratio.max
            )?;
        }
    }
    Ok(text)
}
