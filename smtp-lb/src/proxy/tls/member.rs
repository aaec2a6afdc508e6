//! TLS towards the members of a virtual server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::ServerName;

use super::channel::Channel;
use crate::config::plan::PoolPlan;
use crate::tls::Connector;

/// A server profile, and whom it expects at each member.
#[derive(Debug)]
pub(in crate::proxy) struct MemberTls {
    pub(in crate::proxy) connector: Arc<Connector>,
    members: Vec<Expected>,
}

#[derive(Debug)]
struct Expected {
    name: ServerName<'static>,
    /// The last handshake failed.
    failing: AtomicBool,
}

impl MemberTls {
    pub(in crate::proxy) fn new(connector: &Arc<Connector>, pool: &PoolPlan) -> Self {
        let members = pool.members.iter().map(|member| Expected {
            name: connector.server_name(member.host.as_deref(), member.address.ip()),
            failing: AtomicBool::new(false),
        });
        Self {
            connector: Arc::clone(connector),
            members: members.collect(),
        }
    }

    /// Begins TLS with the member at `index` of the pool.
    pub(super) fn begin(&self, index: usize, member: &mut Channel) -> io::Result<()> {
        let expected = self.members.get(index).ok_or(io::ErrorKind::NotFound)?;
        member.connect(self.connector.config(), expected.name.clone())
    }

    /// Notes how the last handshake went. Whether that is new.
    pub(super) fn note(&self, index: usize, failing: bool) -> bool {
        let expected = self.members.get(index);
        expected.is_some_and(|member| member.failing.swap(failing, Ordering::Relaxed) != failing)
    }
}
