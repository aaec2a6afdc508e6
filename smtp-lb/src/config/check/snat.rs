//! `[[snat_pool]]`, and `snat` of virtual servers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::names::Sections;
use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{Plan, Snat, SnatPoolId, SnatPoolPlan};
use crate::config::raw::{self, At};
use crate::config::value;

/// Words that are no names of pools.
const RESERVED: [&str; 2] = ["none", "automap"];

pub(super) fn pools(check: &mut Check<'_>, raw: &raw::Config) -> Checked<Vec<SnatPoolPlan>> {
    all(raw.snat_pool.iter().map(|pool| {
        let name = check.name(pool.name.as_ref());
        let mut seen = HashMap::new();
        let addresses = check.must(pool.addresses.as_ref()).and_then(|texts| {
            all(texts.iter().map(|text| {
                let address = address(check, text)?;
                match seen.insert(address, text.span()) {
                    None => Ok(address),
                    Some(first) => {
                        let message = format!("{} is in the pool already", quote(text));
                        let help = "write each address once";
                        let diagnostic = Diagnostic::new(text.span(), message, help);
                        Err(check
                            .report
                            .error(diagnostic.also(first, "first written here")))
                    }
                }
            }))
        });
        if let Some(written) = &pool.name
            && RESERVED.contains(&written.as_str())
        {
            let message = format!("{} is no name of a SNAT pool", quote(written));
            let help = "write another name: this word has a meaning of its own in `snat`";
            return Err(check.error(written, message, help));
        }
        Ok(SnatPoolPlan {
            name: name?,
            addresses: addresses?,
        })
    }))
}

fn address(check: &mut Check<'_>, text: &At<String>) -> Checked<IpAddr> {
    let address = check.value(text, value::endpoint::parse_address)?;
    if address.is_unspecified() || address.is_multicast() {
        let message = format!("{} is not one address of this host", quote(text));
        return Err(check.error(text, message, "write an address that this host has"));
    }
    Ok(address)
}

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    written: Option<&At<String>>,
) -> Checked<Snat> {
    match written {
        None => Ok(Snat::Automap),
        Some(word) => match word.as_str() {
            "automap" => Ok(Snat::Automap),
            "none" => Ok(Snat::None),
            _ => {
                let pool = sections.snat_pools.find(check, word)?;
                Ok(Snat::Pool(SnatPoolId(pool)))
            }
        },
    }
}

/// Holds listeners, members and addresses of each virtual server against each other.
pub(super) fn families(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) -> Checked<()> {
    let servers = plan.virtual_servers.iter().zip(&raw.virtual_server);
    let mut sound = Ok(());
    for (server, raw) in servers {
        let (Some(written), Some(pool)) = (&raw.snat, plan.pools.get(server.pool.0)) else {
            continue;
        };
        let members = pool.members.iter().map(|member| member.address);
        let fault = match server.snat {
            Snat::Automap => None,
            Snat::None => transparent(&server.listen, members),
            Snat::Pool(id) => {
                let addresses = plan.snat_pools.get(id.0).map(|pool| &*pool.addresses);
                lacking(addresses.unwrap_or_default(), members)
            }
        };
        if let Some((message, help)) = fault {
            sound = Err(check.error(written, message, help));
        }
    }
    sound
}

/// A client's own address reaches members of its own version of IP only.
fn transparent(
    listen: &[SocketAddr],
    members: impl Iterator<Item = SocketAddr>,
) -> Option<(String, &'static str)> {
    let first = listen.first()?;
    let mut others = listen.iter().copied().chain(members);
    let other = others.find(|other| other.is_ipv4() != first.is_ipv4())?;
    let message = format!(
        "clients of {first} cannot be seen at {other} with their own address: one is IPv4, the other IPv6"
    );
    Some((
        message,
        "give each version of IP a virtual server and a pool of its own, or take another `snat`",
    ))
}

fn lacking(
    addresses: &[IpAddr],
    mut members: impl Iterator<Item = SocketAddr>,
) -> Option<(String, &'static str)> {
    let member = members.find(|member| {
        let mut fitting = addresses.iter();
        !fitting.any(|address| address.is_ipv4() == member.is_ipv4())
    })?;
    let version = if member.is_ipv4() { "IPv4" } else { "IPv6" };
    let message = format!("the SNAT pool has no {version} address, and {member} is reached by one");
    Some((message, "add one to its `addresses`"))
}
