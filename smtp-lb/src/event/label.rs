//! Names that many packets share, each set of them under a number, so that a packet's event is a copy of a
//! few octets: no count of references goes up or down for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Sets of names at most, and how many of them are made room for at once.
const CHUNKS: usize = 64;
const CHUNK: usize = 1024;

/// The names of a packet's event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Label {
    /// Interface.
    pub(super) interface: Arc<str>,
    /// Virtual server, empty for the host.
    pub(super) virtual_server: Arc<str>,
    /// Policy, empty where none decided.
    pub(super) policy: Arc<str>,
    /// Rule or reason.
    pub(super) rule: Arc<str>,
    /// Feeds that list the source.
    pub(super) feeds: Option<Arc<str>>,
}

/// All labels there ever were: none is taken back, so that a number is good for as long as events with
/// it wait anywhere. Equal ones have one number, however often the firewall is loaded anew.
#[derive(Debug)]
pub(super) struct Labels {
    chunks: [OnceLock<Box<[OnceLock<Label>]>>; CHUNKS],
    known: Mutex<HashMap<Label, u32>>,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            known: Mutex::default(),
        }
    }
}

impl Labels {
    /// The number of a label; `None` where there is no room for one more.
    pub(super) fn number(&self, label: &Label) -> Option<u32> {
        // A panic elsewhere leaves a whole map behind.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = known.get(label) {
            return Some(number);
        }
        let number = known.len();
        let chunk = self.chunks.get(number / CHUNK)?;
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        chunk.get(number % CHUNK)?.set(label.clone()).ok()?;
        let number = u32::try_from(number).ok()?;
        known.insert(label.clone(), number);
        Some(number)
    }

    /// The label of a number.
    pub(super) fn get(&self, number: u32) -> Option<&Label> {
        let number = usize::try_from(number).ok()?;
        let chunk = self.chunks.get(number / CHUNK)?.get()?;
        chunk.get(number % CHUNK)?.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(rule: &str) -> Label {
        Label {
            interface: "eth0".into(),
            virtual_server: "mx".into(),
            policy: "edge".into(),
            rule: rule.into(),
            feeds: None,
        }
    }

    #[test]
    fn equal_labels_have_one_number_and_there_is_an_end() {
        let labels = Labels::default();
        for round in 0..2 {
            for number in 0..CHUNKS * CHUNK {
                let name = format!("rule-{number}");
                assert_eq!(
                    labels.number(&label(&name)),
                    u32::try_from(number).ok(),
                    "round {round}"
                );
            }
            assert_eq!(labels.number(&label("one too many")), None);
        }
        assert_eq!(labels.get(4711), Some(&label("rule-4711")));
        assert_eq!(labels.get(65_536), None);
        assert_eq!(Labels::default().get(0), None);
    }
}
