//! IP reputation: feeds of addresses become an image that the packet filter asks.
//!
//! Pure parts: [`parse`] (octets to networks), `merge` (feeds to disjoint intervals), [`sets`]
//! (who holds an interval), [`image`] (intervals to lines), [`ledger`] (counters of sets to those of
//! feeds). `look` takes one look at a source, `fetch` by HTTPS, `kept` has the last
//! good copy on disk; `added` keeps entries for a time, `feedback` knows when what sessions report is
//! enough for one; [`service`] is all of it while the daemon runs.

mod added;
mod feedback;
mod fetch;
pub mod image;
mod kept;
pub mod ledger;
mod look;
mod merge;
pub mod names;
pub mod parse;
mod ranges;
mod rooted;
pub mod service;
pub mod sets;
mod signature;
pub mod status;
#[cfg(test)]
mod tests;
mod tree;

pub use added::AddError;
pub use names::Names;
pub use ranges::{Ranges, Tagged};
pub use service::{Service, ServiceError};
