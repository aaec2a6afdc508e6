//! Builds, provisions, tests and measures smtp-lb.
fn main() {}
