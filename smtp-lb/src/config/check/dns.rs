//! `[dns]`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::DnsPlan;
use crate::config::raw::{self, At};
use crate::config::value::Fault;
use crate::config::value::endpoint::{self, Host};

const PORT: u16 = 53;
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_hours(7 * 24);
const LONGEST_NEGATIVE_TTL: Duration = Duration::from_hours(24);

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Dns) -> Checked<DnsPlan> {
    let default = DnsPlan::default();
    let servers = servers(check, raw.servers.as_deref().unwrap_or_default());
    let timeout = check.duration_or(raw.timeout.as_ref(), default.timeout, SHORTEST..=LONGEST);
    let max_ttl = check.duration_or(
        raw.max_ttl.as_ref(),
        default.max_ttl,
        Duration::ZERO..=LONGEST_TTL,
    );
    let negative_ttl = check.duration_or(
        raw.negative_ttl.as_ref(),
        default.negative_ttl,
        Duration::ZERO..=LONGEST_NEGATIVE_TTL,
    );
    Ok(DnsPlan {
        servers: servers?,
        timeout: timeout?,
        in_flight: raw
            .in_flight
            .as_deref()
            .copied()
            .unwrap_or(default.in_flight),
        cache: raw.cache.as_deref().copied().unwrap_or(default.cache),
        max_ttl: max_ttl?,
        negative_ttl: negative_ttl?,
    })
}

fn servers(check: &mut Check<'_>, texts: &[At<String>]) -> Checked<Vec<SocketAddr>> {
    let mut seen: HashMap<SocketAddr, Range<usize>> = HashMap::new();
    all(texts.iter().map(|text| {
        let server = check.value(text, server)?;
        match seen.insert(server, text.span()) {
            None => Ok(server),
            Some(first) => {
                let message = format!("{} is listed twice", quote(text));
                let diagnostic = Diagnostic::new(text.span(), message, "list it once");
                Err(check
                    .report
                    .error(diagnostic.also(first, "first listed here")))
            }
        }
    }))
}

fn server(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    let endpoint = endpoint::parse(text, PORT)?;
    match endpoint.host {
        Host::Address(ip) => Ok(SocketAddr::new(ip, endpoint.port)),
        Host::Name(name) => Err(Fault::new(
            format!("{} is a host name, and who would resolve it?", quote(&name)),
            "write the address of a name server",
        )),
    }
}
