//! What an operator says of a member, apart from what health says of it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Whether a member is to be used. A session goes to a member that is enabled and not down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Administration {
    /// Gets sessions while it is not down.
    #[default]
    Enabled,
    /// Gets no new sessions; those that it has end by themselves.
    Disabled,
    /// As disabled, and where SMTP is read sessions that are bound to it end at the next boundary
    /// between messages.
    Draining,
    /// Its drain was not over in time: its sessions are cut.
    Drained,
    /// As disabled, and its sessions are cut.
    Offline,
}

impl Administration {
    /// Whether new sessions may go to it.
    #[must_use]
    pub fn takes_sessions(self) -> bool {
        self == Self::Enabled
    }

    /// Whether sessions that could go on elsewhere are to leave it.
    #[must_use]
    pub fn is_left(self) -> bool {
        matches!(self, Self::Draining | Self::Drained | Self::Offline)
    }

    /// Whether the sessions that it has are ended.
    #[must_use]
    pub fn cuts(self) -> bool {
        matches!(self, Self::Drained | Self::Offline)
    }

    /// As the API and the file have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Offline => "offline",
        }
    }

    pub(super) fn from_octet(octet: u8) -> Self {
        let all = [Self::Disabled, Self::Draining, Self::Drained, Self::Offline];
        let known = all.into_iter().find(|state| *state as u8 == octet);
        known.unwrap_or(Self::Enabled)
    }
}

/// What was said, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Whether it is to be used.
    pub state: Administration,
    /// Since when.
    pub since: SystemTime,
    /// When a drain is to be over. `None`: when the last session ends.
    pub until: Option<SystemTime>,
}

impl Order {
    /// Nobody has said anything.
    #[must_use]
    pub fn none(now: SystemTime) -> Self {
        Self {
            state: Administration::Enabled,
            since: now,
            until: None,
        }
    }
}
