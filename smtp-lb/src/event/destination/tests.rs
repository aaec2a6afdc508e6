//! Destinations against real files and real sockets on the loopback interface.

mod collector;
mod disk;
mod file;
mod hec;
mod journald;
mod pool;
mod tcp;
mod tls;
mod udp;

use super::*;
use crate::config::plan::{CollectorsPlan, DestinationKind, Format, Framing, Overflow};
use crate::event::format::samples;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Short waits; none of them is asserted.
pub(in crate::event) const QUICK: Timing = Timing {
    connect: Duration::from_secs(2),
    write: Duration::from_millis(500),
    retry_first: Duration::from_millis(10),
    retry_most: Duration::from_millis(50),
    drain: Duration::from_secs(10),
};

/// An address of the loopback network that no other test uses, whose port is free to bind,
/// leave and bind again.
pub(in crate::event) fn lonely_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [_, number] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let [_, _, high, low] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, high, low, number), 5140))
}

use std::net::SocketAddr;

pub(in crate::event) fn syslog(
    address: SocketAddr,
    transport: Transport,
    queue: usize,
) -> DestinationPlan {
    DestinationPlan {
        name: format!("collector-{address}"),
        kind: DestinationKind::Syslog {
            collectors: CollectorsPlan::one(address, None),
            transport,
            facility: 16,
            source: None,
        },
        format: Format::Rfc5424,
        queue,
        overflow: Overflow::Newest,
        disk: None,
    }
}

fn start(plan: &DestinationPlan) -> Arc<Destination> {
    Ready::prepare(plan, QUICK, &Arc::default())
        .unwrap()
        .start(&Arc::default())
}

/// Offers records whose text is their number.
fn offer(destination: &Destination, numbers: std::ops::Range<usize>) {
    let events = numbers.map(|number| samples::system("started", &number.to_string()));
    destination.offer(&mut events.map(Item::from).collect());
}

/// Waits for what must come; panics if it does not within a time that is long for anything.
pub(in crate::event) async fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(value) = ready() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

fn check(status: &DestinationStatus) {
    let accounted = status.sent + status.lost.total() + status.queued;
    assert_eq!(status.offered, accounted, "{status:?}");
    assert!(status.queued <= status.capacity as u64, "{status:?}");
}

async fn until_sent(destination: &Destination, sent: u64) {
    until(&format!("{sent} are sent"), || {
        let status = destination.status();
        check(&status);
        (status.sent >= sent).then_some(())
    })
    .await;
}

async fn finish(destination: &Destination) -> DestinationStatus {
    destination
        .finish(Instant::now() + Duration::from_secs(10))
        .await;
    let status = destination.status();
    check(&status);
    assert_eq!(
        (status.queued, status.state),
        (0, DestinationState::Stopped)
    );
    status
}
