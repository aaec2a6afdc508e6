//! Runs one exchange with the daemon.

use std::future::Future;
use std::path::Path;

use super::error::CliError;
use crate::admin::client::{Client, ClientError};

/// Runs `exchange` with a client for `socket` to its end.
pub(super) fn ask<T, F: Future<Output = Result<T, ClientError>>>(
    socket: &Path,
    exchange: impl FnOnce(Client) -> F,
) -> Result<T, CliError> {
    Ok(runtime()?.block_on(exchange(Client::new(socket)))?)
}

/// One thread is enough for one client.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}
