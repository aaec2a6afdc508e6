//! Security checks of SMTP, over the [`Store`](crate::store::Store): what is decided of whom. Pure: time is
//! an argument, in seconds since the Unix epoch.

pub mod check;
pub mod client;
pub mod connections;
pub mod engine;
pub mod greylist;
pub mod harvest;
mod protocol;
pub mod question;
pub mod rate;
mod reply;
mod services;
pub mod session;
mod violation;
pub mod violations;

pub use check::Check;
pub use services::{Services, Sleep};
pub use violation::{Reaction, Violation};
