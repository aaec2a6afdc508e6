//! XDP program.
fn main(){}
