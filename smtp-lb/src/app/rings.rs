//! Where the firewall and the event pipeline meet: events come by slot, the firewall knows names.

use crate::app::AppError;
use crate::event::Bus;
use crate::event::ring::{NameSlot, Reader, SlotName};
use crate::firewall::Firewall;

/// Starts to read the firewall's rings onto `bus`.
pub(super) fn read(firewall: &Firewall, bus: Bus) -> Result<Reader, AppError> {
    Reader::start(firewall.rings()?, names(firewall), firewall.feeds(), bus)
        .map_err(AppError::Rings)
}

/// Takes what the rings hold still, and ends.
pub(crate) async fn stop(reader: Reader) {
    if let Err(error) = tokio::task::spawn_blocking(|| reader.stop()).await {
        tracing::error!(%error, "the reader of the rings could not be joined");
    }
}

/// Looked up in the slots in force, which a reload adds to and takes nothing from.
fn names(firewall: &Firewall) -> NameSlot {
    let slots = firewall.slots();
    Box::new(move |slot| {
        let label = slots.load().label(slot)?;
        Some(SlotName {
            virtual_server: label.virtual_server().unwrap_or_default().into(),
            policy: label.policy_name().into(),
            rule: label.rule.into(),
        })
    })
}
