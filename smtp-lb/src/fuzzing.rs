//! What must hold of any octets: one function to a fuzz target, which panics if it does not.
//!
//! The targets in `fuzz/` call these, and so do unit tests: with the seeds of `fuzz/seeds`, and
//! with octets that proptest makes. Where an oracle is needed it is naive: it looks at all of
//! the input, over and over, and shares no code with what it judges.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "to panic is how a fuzz target tells that something does not hold"
)]

mod bdat;
mod command;
mod data;
mod ehlo;
mod feed;
mod line;
mod machine;
mod reply;
mod spf;
#[cfg(test)]
pub(crate) mod strategy;
#[cfg(test)]
mod tests;

pub use bdat::bdat;
pub use command::command;
pub use data::data;
pub use ehlo::ehlo;
pub use feed::feed;
pub use line::line;
pub use machine::machine;
pub use reply::reply;
pub use spf::spf;

/// `input` cut up: in one piece, in pieces of a few sizes, and, if it is short, in two at each
/// place.
fn cuts(input: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut cuts = vec![vec![input]];
    cuts.extend([1, 2, 3, 7].map(|size| input.chunks(size).collect()));
    if input.len() <= 64 {
        let ways = (0..input.len()).map(|at| input.split_at(at));
        cuts.extend(ways.map(|(head, tail)| vec![head, tail]));
    }
    cuts
}
