//! A destination with a queue on disk. Two tasks in one: records go from memory to disk as they come, and
//! from disk to the collector, until it is known to have them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::backoff::Backoff;
use super::super::format::encoder::Encoder;
use super::super::outgoing::Outgoing;
use super::super::packet::Packets;
use super::super::queue::{Done, Ledger as InMemory, Numbered, Taken};
use super::super::spool::{Batch, Bounds, Ledger, Spool};
use super::super::status::{DiskStatus, Lost};
use super::worker::{Sink, told};
use super::{Desk, Timing, now_ns};
use crate::chance;

/// Records that go to disk together.
const FILL: usize = 1024;
/// Records and octets that are read together.
const READ: (usize, usize) = (1024, 256 << 10);
/// Time between two looks at ages, and until what was written is synchronised.
const TICK: Duration = Duration::from_secs(1);
/// Time between two writes of the cursor, while records arrive.
const KEEP: Duration = Duration::from_millis(100);
/// Octets that may be on their way and not known to have arrived. As few as the least after failures, so
/// that a slow collector gets on.
const UNCONFIRMED: (usize, usize) = (64 << 10, 16 << 20);
/// For a last confirmation when the destination is stopped.
const LAST: Duration = Duration::from_millis(500);

/// What is known of the queue, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<Known>);

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// When it was opened.
    first: Option<Ledger>,
    now: Ledger,
    disk: DiskStatus,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) carried: u64,
    pub(super) sent: u64,
    pub(super) lost: Lost,
    pub(super) disk: DiskStatus,
}

impl Gauge {
    pub(super) fn new(size: u64) -> Self {
        let known = Known {
            disk: DiskStatus {
                size,
                ..DiskStatus::default()
            },
            ..Known::default()
        };
        Self(Mutex::new(known))
    }

    /// What is known, and of the same instant what the queue in memory says of itself.
    pub(super) fn read(&self, memory: impl FnOnce() -> InMemory) -> (InMemory, Shown) {
        let known = self.lock();
        let memory = memory();
        (memory, Self::shown(&known))
    }

    fn shown(known: &Known) -> Shown {
        let first = known.first.unwrap_or_default();
        let (now, before) = (known.now.lost, first.lost);
        Shown {
            carried: first.queued,
            sent: known.now.sent.saturating_sub(first.sent),
            lost: Lost {
                overflow: now.overflow.saturating_sub(before.overflow),
                too_large: now.too_large.saturating_sub(before.too_large),
                aged: now.aged.saturating_sub(before.aged),
                corrupt: now.corrupt.saturating_sub(before.corrupt),
                shutdown: 0,
            },
            disk: known.disk,
        }
    }

    fn note(&self, spool: &Spool) {
        self.moved(spool, || {});
    }

    /// Notes what is on disk, and in the same instant lets it be no more in memory: nobody sees a record in
    /// both places or in none.
    fn moved(&self, spool: &Spool, from_memory: impl FnOnce()) {
        let mut known = self.lock();
        from_memory();
        let ledger = spool.ledger();
        known.now = ledger;
        known.first.get_or_insert(ledger);
        known.disk.octets = spool.octets();
        known.disk.queued = ledger.queued;
        known.disk.sequence = spool.sequence();
        known.disk.torn = ledger.torn;
        known.disk.oldest_ns = spool.oldest();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the queue is, and how it is used.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) bounds: Bounds,
    /// How long records may be unconfirmed; `None`: written is enough.
    pub(super) confirm: Option<Duration>,
}

/// What both tasks have.
struct Shared {
    desk: Arc<Desk>,
    spool: Arc<Mutex<Spool>>,
    /// There is more on disk.
    grown: Notify,
    /// No more will be.
    filled: CancellationToken,
}

/// Runs until the queue is closed, and what was in memory is on disk.
pub(super) async fn run(
    sink: impl Sink,
    encoder: Encoder,
    desk: Arc<Desk>,
    timing: Timing,
    place: Place,
) {
    if let Some(spool) = opened(&desk, timing, &place).await {
        let shared = Shared {
            desk: Arc::clone(&desk),
            spool: Arc::new(Mutex::new(spool)),
            grown: Notify::new(),
            filled: CancellationToken::new(),
        };
        tokio::join!(
            shared.fill(encoder, timing),
            shared.send(sink, timing, place.confirm)
        );
        // What stays is kept for the next start.
        let _ = shared.blocking(Spool::sync).await;
    }
    desk.queue.abandon();
    desk.condition.stopped();
    if let Some(gauge) = &desk.gauge {
        let (memory, shown) = gauge.read(|| desk.queue.ledger());
        let lost = shown.lost.total() + memory.lost.total();
        told(&desk.name, shown.sent, lost);
    }
}

/// Opens the queue. A predecessor of the same name may still have it.
async fn opened(desk: &Desk, timing: Timing, place: &Place) -> Option<Spool> {
    let mut backoff = Backoff::new(Duration::from_millis(50), timing.retry_most);
    let mut attempts = 0;
    loop {
        let (folder, bounds) = (place.folder.clone(), place.bounds);
        let opened = spawn_blocking(move || Spool::open(&folder, bounds)).await;
        let error = match opened.unwrap_or_else(|error| Err(error.into())) {
            Ok(spool) => {
                if let Some(gauge) = &desk.gauge {
                    gauge.note(&spool);
                }
                return Some(spool);
            }
            Err(error) => error,
        };
        attempts += 1;
        let taken = error.kind() == io::ErrorKind::WouldBlock;
        if !taken || attempts > 20 {
            let said = format!("queue in {}: {error}", place.folder.display());
            desk.condition
                .failed(&desk.name, &io::Error::new(error.kind(), said));
        }
        if desk.queue.is_closing() && (!taken || attempts > 20) {
            return None;
        }
        sleep(backoff.next(chance::draw()).min(timing.retry_most)).await;
    }
}

impl Shared {
    /// Does something with the queue where the disk may be waited for.
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (spool, desk) = (Arc::clone(&self.spool), Arc::clone(&self.desk));
        let done = spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let done = act(&mut spool);
            if let Some(gauge) = &desk.gauge {
                gauge.note(&spool);
            }
            done
        });
        Ok(done.await?)
    }

    /// From memory to disk.
    async fn fill(&self, mut encoder: Encoder, timing: Timing) {
        let base = self.lock().sequence();
        let mut taken = Vec::with_capacity(FILL);
        let mut packets = Packets::new(Arc::clone(&self.desk.labels));
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let what = tokio::select! {
                biased;
                what = self.desk.queue.take(&mut taken, FILL) => what,
                _ = ticks.tick() => {
                    let looked = self.blocking(|spool| {
                        spool.expire(now_ns()).and_then(|()| spool.sync())
                    });
                    if let Err(error) = looked.await.flatten() {
                        self.desk.condition.failed(&self.desk.name, &error);
                    }
                    continue;
                }
            };
            match what {
                Taken::Closed => break,
                Taken::Nudge => continue,
                Taken::Records => {}
            }
            let mut batch = Batch::default();
            for Numbered { number, item } in taken.drain(..) {
                let sequence = base + number;
                let like = item.like();
                let event = packets.event(&item);
                batch.push(event.time_ns, sequence, |out| {
                    encoder.item(sequence, like, event, out);
                });
            }
            if !self.write(batch, timing).await {
                // Those in hand are lost with what still waits in memory.
                break;
            }
            self.grown.notify_one();
        }
        self.filled.cancel();
    }

    /// Writes all of it, waiting out a full disk. `false`: it was stopped before.
    async fn write(&self, batch: Batch, timing: Timing) -> bool {
        let mut backoff = Backoff::new(timing.retry_first, timing.retry_most);
        let batch = Arc::new(batch);
        let mut from = 0;
        loop {
            let error = match self.append(Arc::clone(&batch), from).await {
                Ok((_, Ok(()))) => return true,
                Ok((taken, Err(error))) => {
                    from = taken;
                    error
                }
                Err(error) => error,
            };
            self.desk.condition.failed(&self.desk.name, &error);
            if self.desk.queue.is_closing() {
                return false;
            }
            self.grown.notify_one();
            tokio::select! {
                () = sleep(backoff.next(chance::draw())) => {}
                () = self.desk.queue.closing() => {}
            }
        }
    }

    /// Writes records of a batch from a place on. Those that are taken, into the queue on disk or as lost there,
    /// are no more in memory.
    async fn append(&self, batch: Arc<Batch>, from: usize) -> io::Result<(usize, io::Result<()>)> {
        let (spool, desk) = (Arc::clone(&self.spool), Arc::clone(&self.desk));
        let done = spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let (taken, written) = spool.append(&batch, from);
            let done = Done {
                sent: taken - from,
                too_large: 0,
            };
            match &desk.gauge {
                Some(gauge) => gauge.moved(&spool, || desk.queue.settle(done)),
                None => desk.queue.settle(done),
            }
            (taken, written)
        });
        Ok(done.await?)
    }

    /// From disk to the collector.
    async fn send(&self, mut sink: impl Sink, timing: Timing, confirm: Option<Duration>) {
        let mut backoff = Backoff::new(timing.retry_first, timing.retry_most);
        let mut sender = Sender {
            shared: self,
            must_confirm: confirm.is_some() && sink.must_confirm(),
            confirm: confirm.unwrap_or_default(),
            most: UNCONFIRMED.1,
            unconfirmed: 0,
            since: None,
            loaded: 0,
            reached: 0,
            kept: Instant::now(),
            batch: Batch::default(),
            outgoing: Outgoing::default(),
        };
        loop {
            let ended = tokio::select! {
                ended = sender.attempt(&mut sink, &mut backoff) => ended,
                () = self.filled.cancelled() => break,
            };
            let Err(error) = ended else { continue };
            if sender.unconfirmed > 0 {
                sender.most = (sender.most / 2).max(UNCONFIRMED.0);
            }
            sender.forget();
            let _ = self.blocking(Spool::rewind).await;
            self.desk.condition.failed(&self.desk.name, &error);
            tokio::select! {
                () = sleep(backoff.next(chance::draw())) => {}
                () = self.filled.cancelled() => break,
            }
        }
        if sender.unconfirmed > 0 && sender.outgoing.is_empty() {
            // Else the next start would send it again.
            let _ = tokio::time::timeout(LAST, sender.settle(&mut sink)).await;
        }
        sink.close().await;
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sender<'a> {
    shared: &'a Shared,
    must_confirm: bool,
    confirm: Duration,
    /// Octets that may be unconfirmed.
    most: usize,
    unconfirmed: usize,
    since: Option<Instant>,
    /// Every record before this one was read, and is in hand or written.
    loaded: u64,
    /// Every record before this one is written.
    reached: u64,
    /// When the cursor was last written.
    kept: Instant,
    batch: Batch,
    outgoing: Outgoing,
}

impl Sender<'_> {
    /// Opens the sink and sends until it fails or is to be opened anew.
    async fn attempt(&mut self, sink: &mut impl Sink, backoff: &mut Backoff) -> io::Result<()> {
        sink.open().await?;
        self.shared.desk.condition.up(&self.shared.desk.name);
        loop {
            if self.is_due() {
                self.settle(sink).await?;
                backoff.reset();
                return Ok(());
            }
            if self.load(sink).await? {
                while !self.outgoing.is_empty() {
                    sink.write(&mut self.outgoing).await?;
                }
                self.written().await?;
                if !self.must_confirm {
                    backoff.reset();
                }
                continue;
            }
            let due = self.since.map(|since| since + self.confirm);
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.shared.grown.notified() => {}
                () = due => {}
                error = sink.broken() => return Err(error),
            }
        }
    }

    fn is_due(&self) -> bool {
        let late = self
            .since
            .is_some_and(|since| since.elapsed() >= self.confirm);
        self.unconfirmed >= self.most || late
    }

    /// Reads what is next. `false`: there is nothing.
    async fn load(&mut self, sink: &mut impl Sink) -> io::Result<bool> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let read = self.shared.blocking(move |spool| {
            let read = spool.read(&mut batch, READ, now_ns());
            (batch, read)
        });
        let (batch, read) = read.await?;
        self.batch = batch;
        self.loaded = read?;
        self.outgoing.clear();
        for item in self.batch.iter() {
            self.outgoing.push(|bytes| {
                let start = bytes.len();
                bytes.extend_from_slice(item.text);
                sink.frame(item.time, bytes, start);
            });
        }
        Ok(!self.batch.is_empty())
    }

    /// A batch is written: it has arrived, or that is still to be confirmed.
    async fn written(&mut self) -> io::Result<()> {
        self.outgoing.take_done();
        self.reached = self.loaded;
        let reached = self.reached;
        let mut refused = Vec::new();
        for &place in self.outgoing.refused() {
            refused.extend(self.batch.index(place));
        }
        if self.must_confirm {
            self.unconfirmed += self.outgoing.octets();
            self.since.get_or_insert_with(Instant::now);
            return Ok(());
        }
        let keep = self.kept.elapsed() >= KEEP;
        if keep {
            self.kept = Instant::now();
        }
        let settled = self.shared.blocking(move |spool| {
            for index in refused {
                spool.too_large(index);
            }
            spool.done(reached)?;
            if keep { spool.keep() } else { Ok(()) }
        });
        settled.await?
    }

    /// All that was written has arrived.
    async fn settle(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        sink.confirm().await?;
        self.forget();
        self.most = (self.most * 2).min(UNCONFIRMED.1);
        let reached = self.reached;
        let settled = self.shared.blocking(move |spool| {
            spool.done(reached)?;
            spool.keep()
        });
        settled.await?
    }

    fn forget(&mut self) {
        self.unconfirmed = 0;
        self.since = None;
        self.outgoing.clear();
        self.outgoing.take_done();
    }
}
