//! Events: the ring reader → bus → publisher → destinations.

pub mod model;
