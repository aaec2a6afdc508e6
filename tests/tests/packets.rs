//! Packets through the loaded program, by `BPF_PROG_TEST_RUN`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and a table is as long as it is"
)]

mod packets {
    mod capture;
    mod cookies;
    mod cross;
    mod events;
    mod explain;
    mod flood;
    mod frames;
    mod oracle;
    mod plans;
    mod property;
    mod reject;
    mod reload;
    mod replies;
    mod reputation;
    mod rules;
    mod stand;
    mod table;
    mod truncated;
}
