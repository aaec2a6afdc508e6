//! What a gateway counts.

use serde::{Deserialize, Serialize};

use super::machine::Count;
use crate::proxy::counters::Counter;

/// Kinds of [`Count`].
const KINDS: usize = Count::ClientGone as usize + 1;

/// A counter for each kind. They survive reloads as those of the virtual server do.
#[derive(Debug, Default)]
pub(super) struct Counts([Counter; KINDS]);

impl Counts {
    pub(super) fn add(&self, count: Count) {
        if let Some(counter) = self.0.get(count as usize) {
            counter.add(1);
        }
    }

    fn get(&self, count: Count) -> u64 {
        self.0.get(count as usize).map_or(0, Counter::get)
    }

    pub(super) fn status(&self) -> GatewayStatus {
        GatewayStatus {
            messages_accepted: self.get(Count::MessageAccepted),
            messages_refused: self.get(Count::MessageRefused),
            messages_lost: self.get(Count::MessageLost),
            replayed: self.get(Count::Replayed),
            starttls: self.get(Count::StartTls),
            line_endings: self.get(Count::LineEnding),
            bad_commands: self.get(Count::BadCommand),
            too_many_bad: self.get(Count::TooManyBad),
            pipelining: self.get(Count::Pipelining),
            member_faults: self.get(Count::MemberFault),
            greetings_refused: self.get(Count::GreetingRefused),
            member_timeouts: self.get(Count::MemberTimeout),
            injections: self.get(Count::Injection),
            members_unfit: self.get(Count::MemberUnfit),
            client_timeouts: self.get(Count::ClientTimeout),
            clients_gone: self.get(Count::ClientGone),
        }
    }
}

/// What a gateway has seen. Totals are since its virtual server was first configured under its
/// name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayStatus {
    /// Messages that a member took.
    pub messages_accepted: u64,
    /// Messages that a member refused at DATA or later.
    pub messages_refused: u64,
    /// Messages answered by our own 451, since their member was lost.
    pub messages_lost: u64,
    /// Envelopes given to another member, unseen by the client.
    pub replayed: u64,
    /// Handshakes with clients begun by STARTTLS.
    pub starttls: u64,
    /// Messages refused for a bare CR, a bare LF or a NUL.
    pub line_endings: u64,
    /// Commands that count as bad.
    pub bad_commands: u64,
    /// Sessions closed for too many of them.
    pub too_many_bad: u64,
    /// Sessions closed for octets that came where none may.
    pub pipelining: u64,
    /// Members that sent what is no reply, or none that can be there.
    pub member_faults: u64,
    /// Members that greeted by something else than 220.
    pub greetings_refused: u64,
    /// Members that did not answer in time.
    pub member_timeouts: u64,
    /// Members that sent octets in the clear after their go-ahead to a handshake.
    pub injections: u64,
    /// Members that would not speak TLS where they must, refused the XCLIENT that they offer, or lack what
    /// an envelope needs.
    pub members_unfit: u64,
    /// Sessions closed for a client that was too slow.
    pub client_timeouts: u64,
    /// Clients gone in the middle of a message.
    pub clients_gone: u64,
}
