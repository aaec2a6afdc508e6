//! What the numbers in an image stand for, as the image itself carries it: so counters and numbers
//! go on over a restart.

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::sets::Sets;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Names of categories by number.
    pub categories: Vec<String>,
    /// Sets of feeds by number.
    pub sets: Sets,
    /// What was counted until the image came into force.
    pub ledger: Ledger,
}

impl Names {
    /// Of an image; nothing, where there is none or none that we know.
    #[must_use]
    pub fn read(json: Option<&[u8]>) -> Self {
        json.and_then(|json| serde_json::from_slice(json).ok())
            .unwrap_or_default()
    }
}
