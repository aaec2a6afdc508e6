//! IP reputation: feeds of addresses become an image that the packet filter asks.
//!
//! Pure parts: [`parse`] (octets to networks), [`merge`] (feeds to disjoint intervals), [`sets`]
//! (who holds an interval), [`image`] (intervals to lines).

pub mod image;
mod merge;
pub mod parse;
mod ranges;
pub mod sets;
#[cfg(test)]
mod tests;

pub use ranges::{Ranges, Tagged};
