//! Security checks of SMTP, over the [`Store`](crate::store::Store): what is decided of whom. Pure: time is
//! an argument, in seconds since the Unix epoch.

pub mod check;
pub mod client;
pub mod greylist;
pub mod harvest;
pub mod rate;
mod violation;
pub mod violations;

pub use check::Check;
pub use violation::{Reaction, Violation};
