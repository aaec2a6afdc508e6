//! Load generator, sink and peers.
fn main() {}
