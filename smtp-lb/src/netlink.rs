//! Requests to the kernel over rtnetlink, from wherever blocking is allowed.

use std::future::Future;

use rtnetlink::Handle;
use thiserror::Error;

/// The kernel did not do as asked, or did not say.
#[derive(Debug, Error)]
pub enum NetlinkError {
    /// No socket, or no runtime to use it.
    #[error("netlink: {0}")]
    Io(#[from] std::io::Error),
    /// The request failed.
    #[error("netlink: {0}")]
    Request(#[from] rtnetlink::Error),
    /// The thread that asks died.
    #[error("netlink: the request was abandoned")]
    Abandoned,
}

/// Runs requests on a thread of their own, because the caller may be within a runtime. Blocks.
pub(crate) fn run<T: Send, F>(requests: impl FnOnce(Handle) -> F + Send) -> Result<T, NetlinkError>
where
    F: Future<Output = Result<T, NetlinkError>>,
{
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()?;
            tokio::spawn(connection);
            requests(handle).await
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join()).map_err(|_| NetlinkError::Abandoned)?
}
