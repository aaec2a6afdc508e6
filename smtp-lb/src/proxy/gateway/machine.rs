//! The dialogue of one client's session, without I/O: octets and happenings in, octets and acts
//! out.

mod output;
mod settings;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use output::{Act, Count, MemberGone, Output, World};
pub(crate) use settings::Settings;

/// One client's session.
pub(crate) struct Machine {
    #[expect(dead_code, reason = "first come the signatures")]
    settings: Arc<Settings>,
}

#[expect(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    clippy::needless_pass_by_value,
    reason = "first come the signatures"
)]
impl Machine {
    /// Before a word was said, after the handshake if TLS is implicit.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// Greets.
    pub(crate) fn start(&mut self, world: &impl World, out: &mut Output) {}

    /// Octets that may be read of the client at once: 0, do not read.
    pub(crate) fn client_appetite(&self) -> usize {
        0
    }

    /// Octets of the client, at most [`client_appetite`](Self::client_appetite).
    pub(crate) fn client_input(&mut self, bytes: &[u8], world: &impl World, out: &mut Output) {}

    /// The client will send nothing more. Replies that are due still go out.
    pub(crate) fn client_ended(&mut self, world: &impl World, out: &mut Output) {}

    /// The handshake of [`Act::ClientTls`] is done.
    pub(crate) fn client_tls(&mut self, world: &impl World, out: &mut Output) {}

    /// Is the open leg to be read now? Not while there is none.
    pub(crate) fn member_wanted(&self) -> bool {
        false
    }

    /// A leg to member `index` of the pool is open: `parked` before, or new.
    pub(crate) fn member_connected(
        &mut self,
        index: usize,
        parked: bool,
        world: &impl World,
        out: &mut Output,
    ) {
    }

    /// No member can be had for [`Act::Pick`].
    pub(crate) fn no_member(&mut self, world: &impl World, out: &mut Output) {}

    /// Octets of the open leg.
    pub(crate) fn member_input(&mut self, bytes: &[u8], world: &impl World, out: &mut Output) {}

    /// The handshake of [`Act::MemberTls`] is done.
    pub(crate) fn member_tls(&mut self, world: &impl World, out: &mut Output) {}

    /// The open leg has ended by itself; there is none any more.
    pub(crate) fn member_gone(&mut self, why: MemberGone, world: &impl World, out: &mut Output) {}

    /// When [`timed_out`](Self::timed_out) is to be called, by the clock of [`World::now`].
    pub(crate) fn deadline(&self) -> Option<Duration> {
        None
    }

    /// The deadline has come.
    pub(crate) fn timed_out(&mut self, world: &impl World, out: &mut Output) {}

    /// The daemon stops: the session ends at the next message boundary.
    pub(crate) fn shut_down(&mut self, world: &impl World, out: &mut Output) {}

    /// Nothing is half read: the buffers of the driver can be given back.
    pub(crate) fn is_idle(&self) -> bool {
        true
    }
}
