//! Packets through the loaded program, by `BPF_PROG_TEST_RUN`.

mod packets {
    mod events;
    mod explain;
    mod frames;
    mod oracle;
    mod plans;
    mod property;
    mod reload;
    mod replies;
    mod stand;
    mod table;
    mod truncated;
}
