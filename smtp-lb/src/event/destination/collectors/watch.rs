//! Is a collector there?

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::Collectors;
use crate::config::plan::WatchPlan;
use crate::icmp;

/// Looks at one, again and again. It is up with an answer, and down when there was none for `timeout`.
pub(super) async fn watch(collectors: Arc<Collectors>, place: usize, how: WatchPlan) {
    let Some(address) = collectors.address(place) else {
        return;
    };
    let mut answered = Instant::now();
    loop {
        let began = Instant::now();
        let left = how.timeout.saturating_sub(answered.elapsed());
        let asked = timeout(left.min(how.interval), ask(address, how.icmp)).await;
        let up = match asked {
            Ok(Ok(())) => {
                answered = Instant::now();
                true
            }
            Ok(Err(error)) => {
                tracing::debug!(collector = %address, %error, "log collector does not answer");
                false
            }
            Err(_) => false,
        };
        if (up || answered.elapsed() >= how.timeout) && collectors.found(place, up, Instant::now())
        {
            let state = if up { "up" } else { "down" };
            tracing::warn!(collector = %address, state, "log collector");
        }
        let next = began + how.interval;
        // Where it would be down before the next look, that is looked at in time.
        let limit = answered + how.timeout;
        sleep_until(if up || limit <= Instant::now() {
            next
        } else {
            next.min(limit)
        })
        .await;
    }
}

async fn ask(address: SocketAddr, by_icmp: bool) -> io::Result<()> {
    if by_icmp {
        icmp::ping(address, None).await.map_err(io::Error::other)
    } else {
        TcpStream::connect(address).await.map(drop)
    }
}
