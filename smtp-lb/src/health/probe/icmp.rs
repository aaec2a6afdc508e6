//! An answer to an echo request.

use std::net::{IpAddr, SocketAddr};

use super::transcript::Record;
use super::{Cause, Step};
use crate::icmp::{self, PingError};

/// Asks until it is answered.
pub(super) async fn ping(
    address: SocketAddr,
    source: Option<IpAddr>,
    record: &mut Record<'_>,
) -> Result<(), Cause> {
    record.step(Step::Echo);
    icmp::ping(address, source)
        .await
        .map_err(|error| match error {
            PingError::Permission => Cause::Permission,
            PingError::Silence => Cause::Closed,
            PingError::Io(error) => error.into(),
        })
}
