//! SYN protection: what the packet path knows of it, and what the daemon tells it.

use std::fs;
use std::path::Path;

use smtp_lb_common::abi::FORMER;
use smtp_lb_common::cookie::Watch;
use smtp_lb_common::reason::Reason;

use super::floods::cookie_label;
use super::loader::{self, Loaded, pinned_guarded};
use super::pins::{self, DetachReport, PinError};
use super::syncookies::Syncookies;
use super::{Backend, Firewall, FirewallError, lock};

/// Rule of the counters of SYNs that cookies answer.
pub(crate) const SYN_COOKIE: &str = Reason::SynCookie.name();

impl Firewall {
    /// Counter slot of a virtual server's cookies, if it has one in the kernel.
    fn protected(&self, server: &str) -> Option<u32> {
        let label = cookie_label(server);
        let slots = self.slots.load();
        let mut slots = slots.iter();
        let slot = slots.find_map(|(slot, of)| (*of == label).then_some(slot));
        slot.filter(|_| matches!(self.backend, Backend::Kernel(_)))
    }

    /// What the packet path knows of a virtual server's SYNs. `None`: it does not look at them.
    pub(crate) fn watch(&self, server: &str) -> Result<Option<Watch>, FirewallError> {
        let (Some(slot), Backend::Kernel(loaded)) = (self.protected(server), &self.backend) else {
            return Ok(None);
        };
        let watch = lock(loaded).watches.get(&slot, 0);
        let [bucket, until, since] = watch.map_err(|error| loader::refused(&error))?;
        Ok(Some(Watch {
            bucket,
            until,
            since,
        }))
    }

    /// Answers SYNs of a virtual server by cookies until then, whatever their rate; nanoseconds of the
    /// monotonic clock.
    pub(crate) fn guard(&self, server: &str, until: u64) -> Result<(), FirewallError> {
        if let (Some(slot), Backend::Kernel(loaded)) = (self.protected(server), &self.backend) {
            set(&mut lock(loaded), slot, until)?;
        }
        Ok(())
    }

    /// What `net.ipv4.tcp_syncookies` was before a daemon set it, if none has set it back.
    pub(crate) fn former_syncookies(&self) -> Option<u8> {
        let Backend::Kernel(loaded) = &self.backend else {
            return None;
        };
        former(&lock(loaded).guarded)
    }

    /// Keeps that for a start after this daemon's end, and for a detach.
    pub(crate) fn keep_former_syncookies(&self, former: Option<u8>) -> Result<(), FirewallError> {
        if let Backend::Kernel(loaded) = &self.backend {
            let word = former.map_or(0, |former| u64::from(former) + 1);
            set(&mut lock(loaded), FORMER, word)?;
        }
        Ok(())
    }
}

fn set(loaded: &mut Loaded, at: u32, word: u64) -> Result<(), FirewallError> {
    let set = loaded.guarded.set(at, word, 0);
    Ok(set.map_err(|error| loader::refused(&error))?)
}

fn former(guarded: &loader::Guarded) -> Option<u8> {
    let word = guarded.get(&FORMER, 0).ok()?;
    u8::try_from(word.checked_sub(1)?).ok()
}

/// Takes filter, counters and pins away, and sets `net.ipv4.tcp_syncookies` back if a daemon that was killed
/// has not. Nothing there: an empty report.
pub fn detach(pin_path: &Path) -> Result<DetachReport, PinError> {
    // Also what another version has pinned.
    let mut folders = fs::read_dir(pin_path).into_iter().flatten().flatten();
    let former = folders.find_map(|folder| former(&pinned_guarded(&folder.path())?));
    let mut report = pins::detach(pin_path)?;
    if let Some(former) = former {
        match Syncookies::open().and_then(|it| it.restore(former)) {
            Ok(()) => report.tcp_syncookies = Some(former),
            Err(error) => {
                report.warnings.push(format!(
                    "net.ipv4.tcp_syncookies cannot be set back to {former}: {error}"
                ));
            }
        }
    }
    Ok(report)
}
