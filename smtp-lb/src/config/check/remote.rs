//! Addresses of servers to connect to, by address or by name.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::{Check, Checked};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{ADDRESSES, is_of_one_server};
use crate::config::value::endpoint::{self, Host};

impl Check<'_> {
    /// Reads the address of one server, looking up its name. `port` is proposed where none is
    /// written. Of several addresses, the first for which `fits` is taken.
    pub(super) fn remote(
        &mut self,
        place: &Range<usize>,
        text: &str,
        port: u16,
        fits: impl Fn(&SocketAddr) -> bool,
    ) -> Checked<SocketAddr> {
        let endpoint =
            endpoint::parse(text, port).map_err(|fault| self.fault(place.clone(), fault))?;
        let address = match endpoint.host {
            Host::Address(address) => SocketAddr::new(address, endpoint.port),
            Host::Name(name) => self.look_up(place, &name, endpoint.port, fits)?,
        };
        self.one_server(place, address.ip())?;
        Ok(address)
    }

    /// What is reached at the address is one server.
    pub(super) fn one_server(&mut self, place: &Range<usize>, ip: IpAddr) -> Checked<()> {
        if is_of_one_server(ip) {
            return Ok(());
        }
        let message = format!(
            "{} is not the address of one server",
            quote(&ip.to_string())
        );
        let help = "write the server's own address";
        Err(self
            .report
            .error(Diagnostic::new(place.clone(), message, help)))
    }

    /// All addresses of a member's host; none if that is not to be known yet.
    pub(super) fn host(
        &mut self,
        place: &Range<usize>,
        name: &str,
        port: u16,
    ) -> Checked<Vec<IpAddr>> {
        if !self.resolver.looks_up_members() {
            return Ok(Vec::new());
        }
        let (message, help) = match self.resolver.resolve(name, port) {
            Ok(found) if found.is_empty() => (
                format!("{} has no address", quote(name)),
                "mend the name, or write an address",
            ),
            Ok(found) => {
                let all: BTreeSet<IpAddr> = found.iter().map(SocketAddr::ip).collect();
                if all.len() > ADDRESSES {
                    let message = format!(
                        "{} has {} addresses; {ADDRESSES} of them are used",
                        quote(name),
                        all.len()
                    );
                    let help = "write a name for fewer servers";
                    self.report
                        .warning(Diagnostic::new(place.clone(), message, help));
                }
                return Ok(all.into_iter().collect());
            }
            Err(cause) => (
                format!("{} cannot be resolved: {cause}", quote(name)),
                "mend the name or the resolver, or write an address",
            ),
        };
        Err(self
            .report
            .error(Diagnostic::new(place.clone(), message, help)))
    }

    fn look_up(
        &mut self,
        place: &Range<usize>,
        name: &str,
        port: u16,
        fits: impl Fn(&SocketAddr) -> bool,
    ) -> Checked<SocketAddr> {
        let found = match self.resolver.resolve(name, port) {
            Ok(found) => found,
            Err(cause) => {
                return Err(self.report.error(Diagnostic::new(
                    place.clone(),
                    format!("{} cannot be resolved: {cause}", quote(name)),
                    "mend the name or the resolver, or write an address",
                )));
            }
        };
        let Some(address) = found.iter().find(|address| fits(address)) else {
            let (message, help) = if found.is_empty() {
                ("has no address", "mend the name, or write an address")
            } else {
                (
                    "has no address of the family of `source`",
                    "write an address, or another `source`",
                )
            };
            let message = format!("{} {message}", quote(name));
            return Err(self
                .report
                .error(Diagnostic::new(place.clone(), message, help)));
        };
        if found.iter().any(|other| other.ip() != address.ip()) {
            self.report.warning(Diagnostic::new(
                place.clone(),
                format!(
                    "{} has several addresses; only {} is used",
                    quote(name),
                    address.ip()
                ),
                "write each address that should be used",
            ));
        }
        Ok(*address)
    }
}
