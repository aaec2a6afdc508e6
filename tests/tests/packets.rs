//! Packets through the loaded program, by `BPF_PROG_TEST_RUN`.

mod packets {
    pub(crate) mod plans;

    mod smoke;
    pub(crate) mod stand;
}
