//! A destination's task: take, encode, write; on failure, wait and try again.

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;

use super::super::backoff::Backoff;
use super::super::model::Event;
use super::super::outgoing::Outgoing;
use super::super::queue::Taken;
use super::{Desk, Timing};
use crate::chance;

/// Records encoded at once.
const BATCH: usize = 128;

/// Where records are written. Failures are told; when to try again is the worker's affair.
pub(super) trait Sink: Send + 'static {
    /// Appends the record, framed.
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Opens what is not open.
    fn open(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes some of `out`, at least one octet unless there is none. After an error
    /// [`Sink::open`] comes before the next write, and `out` begins where that is to begin.
    fn write(&mut self, out: &mut Outgoing) -> impl Future<Output = io::Result<()>> + Send;

    /// Ends with the error when what is open fails while nothing is being written.
    fn broken(&mut self) -> impl Future<Output = io::Error> + Send;

    /// Ends in good order.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Runs until the queue is closed and empty, or the drain time after its close is over.
pub(super) async fn run(sink: impl Sink, desk: Arc<Desk>, timing: Timing) {
    let expired = async {
        desk.queue.closing().await;
        tokio::time::sleep(timing.drain).await;
    };
    tokio::select! {
        () = serve(sink, &desk, timing) => {}
        () = expired => desk.queue.abandon(),
    }
    desk.condition.stopped();
    let ledger = desk.queue.ledger();
    tracing::info!(
        destination = desk.name,
        sent = ledger.sent,
        lost = ledger.lost.total(),
        "log destination stopped"
    );
}

async fn serve(mut sink: impl Sink, desk: &Desk, timing: Timing) {
    let mut backoff = Backoff::new(timing.retry_first, timing.retry_most);
    let mut batch = Vec::with_capacity(BATCH);
    let mut outgoing = Outgoing::default();
    loop {
        let error = match attempt(&mut sink, desk, &mut backoff, &mut batch, &mut outgoing).await {
            Ok(()) => break,
            Err(error) => error,
        };
        desk.condition.failed(&desk.name, &error);
        if desk.queue.is_closing() {
            if desk.queue.ledger().queued == 0 {
                break;
            }
            // Little time is left: the waits begin anew, and do not grow.
            backoff.reset();
            tokio::time::sleep(backoff.next(chance::draw())).await;
        } else {
            tokio::select! {
                () = tokio::time::sleep(backoff.next(chance::draw())) => {}
                () = desk.queue.closing() => {}
            }
        }
    }
    sink.close().await;
}

/// Opens the sink and writes until it fails, or until the queue is closed and empty.
async fn attempt(
    sink: &mut impl Sink,
    desk: &Desk,
    backoff: &mut Backoff,
    batch: &mut Vec<Arc<Event>>,
    outgoing: &mut Outgoing,
) -> io::Result<()> {
    let unneeded = async {
        desk.queue.closing().await;
        if desk.queue.ledger().queued > 0 {
            pending::<()>().await;
        }
    };
    tokio::select! {
        opened = sink.open() => opened?,
        () = unneeded => return Ok(()),
    }
    desk.condition.up(&desk.name);
    loop {
        if outgoing.is_empty() {
            outgoing.clear();
            let taken = tokio::select! {
                biased;
                taken = desk.queue.take(batch, BATCH) => taken,
                error = sink.broken() => return Err(error),
            };
            if taken == Taken::Closed {
                return Ok(());
            }
            for event in batch.drain(..) {
                outgoing.push(|bytes| sink.encode(&event, bytes));
            }
        }
        let written = sink.write(outgoing).await;
        let done = outgoing.take_done();
        desk.queue.settle(done);
        written?;
        if done.sent > 0 {
            backoff.reset();
        }
    }
}
