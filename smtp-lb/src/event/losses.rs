//! Tells of losses, seldom: an event for those of the bus, a warning for each destination's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::bus::Bus;
use super::model::{Kind, SystemEvent};
use super::publisher::Table;

/// Time between two reports, in ticks of a second.
const PERIOD: u32 = 10;
const TICK: Duration = Duration::from_secs(1);

/// Reports until `stop`.
pub(super) async fn watch(bus: Bus, tables: watch::Receiver<Arc<Table>>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut of_bus = 0;
    let mut tick: u32 = 0;
    let mut of_destinations: HashMap<String, u64> = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let table = tables.borrow().clone();
        for destination in &table.destinations {
            destination.note_rate();
        }
        tick = tick.wrapping_add(1);
        if !tick.is_multiple_of(PERIOD) {
            continue;
        }
        if let Some(lost) = grown(&mut of_bus, bus.status().lost) {
            let detail = format!("{lost} events lost, the event bus was full");
            bus.tell(Kind::System(SystemEvent {
                what: "events_lost",
                detail,
            }));
        }
        // Not told as an event: to a full destination that would be one more to lose, for ever.
        for destination in &table.destinations {
            let status = destination.status();
            let known = of_destinations.entry(status.name.clone()).or_default();
            if let Some(lost) = grown(known, status.lost.total()) {
                tracing::warn!(destination = status.name, lost, "log records lost");
            }
        }
        of_destinations.retain(|name, _| {
            let mut destinations = table.destinations.iter();
            destinations.any(|destination| destination.plan().name == *name)
        });
    }
}

/// By how much a counter grew. One that fell back began anew.
fn grown(known: &mut u64, now: u64) -> Option<u64> {
    let before = std::mem::replace(known, now);
    let grown = if now < before { now } else { now - before };
    (grown > 0).then_some(grown)
}

#[cfg(test)]
mod tests {
    use super::grown;

    #[test]
    fn tells_growth_once() {
        let mut known = 0;
        assert_eq!(grown(&mut known, 0), None);
        assert_eq!(grown(&mut known, 5), Some(5));
        assert_eq!(grown(&mut known, 5), None);
        assert_eq!(grown(&mut known, 7), Some(2));
        assert_eq!(
            grown(&mut known, 1),
            Some(1),
            "a new destination of the same name"
        );
    }
}
