//! What a check found.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Check;
use crate::event::model::{Event, Kind, ViolationEvent};

/// Octets of a name or an address that are kept.
const NAME: usize = 320;
/// Octets of a reason and of a reply that are kept.
const TEXT: usize = 512;

/// What is done if a check is failed. Neither: it is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reaction {
    /// It is told and kept.
    pub alarm: bool,
    /// It is refused.
    pub block: bool,
}

impl Reaction {
    /// Whether the check is made at all.
    #[must_use]
    pub const fn runs(self) -> bool {
        self.alarm || self.block
    }

    /// What became of it: `block` if it was refused, else `alarm`.
    #[must_use]
    pub const fn action(self) -> &'static str {
        if self.block { "block" } else { "alarm" }
    }
}

/// A failed check. Empty text: not known, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// SMTP security profile.
    pub profile: Arc<str>,
    /// Virtual server.
    pub virtual_server: Arc<str>,
    /// Which check.
    pub check: Check,
    /// What was done.
    #[serde(flatten)]
    pub reaction: Reaction,
    /// Who.
    pub client: SocketAddr,
    /// What it called itself.
    pub helo: String,
    /// Reverse-path, without brackets.
    pub sender: String,
    /// Forward-path, without brackets.
    pub recipient: String,
    /// What was wrong, for operators.
    pub reason: String,
    /// What the client was told, without line end.
    pub reply: String,
    /// That of the session's own events.
    pub session: String,
    /// `Message-ID` of the message.
    pub message_id: String,
}

impl Violation {
    /// One of which no more is known than by whom, where and what.
    #[must_use]
    pub fn new(profile: &Arc<str>, virtual_server: &Arc<str>, check: Check) -> Self {
        Self {
            time_ns: 0,
            profile: Arc::clone(profile),
            virtual_server: Arc::clone(virtual_server),
            check,
            reaction: Reaction::default(),
            client: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            helo: String::new(),
            sender: String::new(),
            recipient: String::new(),
            reason: String::new(),
            reply: String::new(),
            session: String::new(),
            message_id: String::new(),
        }
    }

    /// The domain that it counts for, in small letters: the recipient's if the check is about that,
    /// else the sender's. Empty: none.
    #[must_use]
    pub fn domain(&self) -> String {
        let path = if self.check.is_of_recipient() {
            &self.recipient
        } else {
            &self.sender
        };
        path.rsplit_once('@')
            .map_or_else(String::new, |(_, domain)| domain.to_lowercase())
    }

    /// With no text longer than 512 octets, nor a name or an address than 320.
    pub(super) fn bounded(mut self) -> Self {
        for (text, most) in [
            (&mut self.helo, NAME),
            (&mut self.sender, NAME),
            (&mut self.recipient, NAME),
            (&mut self.message_id, NAME),
            (&mut self.session, NAME),
            (&mut self.reason, TEXT),
            (&mut self.reply, TEXT),
        ] {
            if text.len() > most {
                text.truncate(text.floor_char_boundary(most));
                text.shrink_to_fit();
            }
        }
        self
    }

    pub(super) fn to_event(&self) -> Event {
        Event {
            time_ns: self.time_ns,
            kind: Kind::Violation(ViolationEvent {
                profile: Arc::clone(&self.profile),
                virtual_server: Arc::clone(&self.virtual_server),
                check: self.check.name(),
                action: self.reaction.action(),
                session: self.session.clone(),
                src_ip: self.client.ip().to_canonical(),
                src_port: self.client.port(),
                helo: self.helo.clone(),
                sender: self.sender.clone(),
                recipient: self.recipient.clone(),
                reason: self.reason.clone(),
                reply: self.reply.clone(),
                message_id: self.message_id.clone(),
            }),
        }
    }
}
