//! Security checks of SMTP, over the [`Store`](crate::store::Store): what is decided of whom. Pure: time is
//! an argument, in seconds since the Unix epoch.

pub mod client;
pub mod greylist;
pub mod harvest;
pub mod rate;
