//! What sessions say of their clients, to the reputation table.

use std::net::IpAddr;

use crate::config::plan::Offence;
use crate::proxy::Feedback;
use crate::reputation::Service;

/// Sessions to the table.
pub(super) struct Listed(pub(super) Service);

impl Feedback for Listed {
    fn report(&self, client: IpAddr, offence: Offence, server: &str) {
        self.0.report(client, offence, server);
    }
}
