//! A destination's task: take, encode, write; on failure, wait and try again.

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;

use super::super::backoff::Backoff;
use super::super::format::encoder::Encoder;
use super::super::outgoing::Outgoing;
use super::super::packet::Packets;
use super::super::queue::{Numbered, Taken};
use super::{Desk, Timing};
use crate::chance;

/// Records encoded at once.
const BATCH: usize = 128;
/// The same, where many cost little more than one: some 4 MiB at the most, and some 200 KiB of packets.
pub(super) const LARGE_BATCH: usize = 512;

/// Where records are written. Failures are told; when to try again is the worker's affair.
pub(super) trait Sink: Send + 'static {
    /// Frames the record that begins at `start` of `out` and ends with it, of an event of that time.
    fn frame(&mut self, time_ns: u64, out: &mut Vec<u8>, start: usize);

    /// Records that are best handed over together.
    fn batch(&self) -> usize {
        BATCH
    }

    /// Opens what is not open.
    fn open(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes some of `out`, at least one octet unless there is none. After an error
    /// [`Sink::open`] comes before the next write, and `out` begins where that is to begin.
    fn write(&mut self, out: &mut Outgoing) -> impl Future<Output = io::Result<()>> + Send;

    /// Ends with the error when what is open fails while nothing is being written.
    fn broken(&mut self) -> impl Future<Output = io::Error> + Send;

    /// Is what was written known to have arrived only after [`Sink::confirm`]?
    fn must_confirm(&self) -> bool {
        false
    }

    /// Sees that all that was written since it was opened has arrived. [`Sink::open`] comes before the
    /// next write.
    fn confirm(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends in good order.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Runs until the queue is closed and empty, or the drain time after its close is over.
pub(super) async fn run(sink: impl Sink, encoder: Encoder, desk: Arc<Desk>, timing: Timing) {
    let expired = async {
        desk.queue.closing().await;
        tokio::time::sleep(timing.drain).await;
    };
    tokio::select! {
        () = serve(sink, encoder, &desk, timing) => {}
        () = expired => desk.queue.abandon(),
    }
    desk.condition.stopped();
    let ledger = desk.queue.ledger();
    told(&desk.name, ledger.sent, ledger.lost.total());
}

/// The last words on a destination.
pub(super) fn told(destination: &str, sent: u64, lost: u64) {
    tracing::info!(destination, sent, lost, "log destination stopped");
}

async fn serve(mut sink: impl Sink, mut encoder: Encoder, desk: &Desk, timing: Timing) {
    let mut backoff = Backoff::new(timing.retry_first, timing.retry_most);
    let mut batch = Vec::with_capacity(sink.batch());
    let mut outgoing = Outgoing::default();
    let mut packets = Packets::new(Arc::clone(&desk.labels));
    loop {
        let records = (&mut encoder, &mut packets, &mut batch, &mut outgoing);
        let error = match attempt(&mut sink, desk, &mut backoff, records).await {
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

/// What becomes octets: by whom, of what, out of where, and where to.
type Records<'a> = (
    &'a mut Encoder,
    &'a mut Packets,
    &'a mut Vec<Numbered>,
    &'a mut Outgoing,
);

/// Opens the sink and writes until it fails, or until the queue is closed and empty.
async fn attempt(
    sink: &mut impl Sink,
    desk: &Desk,
    backoff: &mut Backoff,
    (encoder, packets, batch, outgoing): Records<'_>,
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
    let most = sink.batch();
    loop {
        if outgoing.is_empty() {
            outgoing.clear();
            let taken = tokio::select! {
                biased;
                taken = desk.queue.take(batch, most) => taken,
                error = sink.broken() => return Err(error),
            };
            if taken == Taken::Closed {
                return Ok(());
            }
            for Numbered { number, item } in batch.drain(..) {
                let like = item.like();
                let event = packets.event(&item);
                outgoing.push(|bytes| {
                    let start = bytes.len();
                    encoder.item(number, like, event, bytes);
                    sink.frame(event.time_ns, bytes, start);
                });
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
