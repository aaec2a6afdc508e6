//! `[[virtual_server]]`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use super::names::Sections;
use super::pool::SMTP_PORT;
use super::{Check, Checked, address_list, all, flood, scenario, snat};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{
    AcceptProxyPlan, FloodId, LimitsPlan, PolicyId, PoolId, ProfileId, ProxyVersion, ReputationId,
    SmtpProfileId, VirtualServerPlan,
};
use crate::config::raw::{self, At};
use crate::config::value::duration;
use crate::config::value::endpoint::{self, Host};

const CONNECTIONS: usize = 10_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_ATTEMPTS: usize = 3;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const MIN_HEADER_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_HEADER_TIMEOUT: Duration = Duration::from_mins(1);
const SHORTEST: Duration = Duration::from_millis(1);
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_mins(10);
const MAX_HANDSHAKE_TIMEOUT: Duration = Duration::from_mins(10);
const MAX_IDLE_TIMEOUT: Duration = Duration::from_hours(7 * 24);
const MAX_SESSION_TIMEOUT: Duration = Duration::from_hours(30 * 24);

/// Where each address was first listened on, over all virtual servers.
type Taken = HashMap<SocketAddr, Range<usize>>;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &raw::Config,
) -> Checked<Vec<VirtualServerPlan>> {
    let mut taken = Taken::new();
    all(raw
        .virtual_server
        .iter()
        .map(|server| one(check, sections, &mut taken, &raw.server_tls, server)))
}

fn one(
    check: &mut Check<'_>,
    sections: &Sections,
    taken: &mut Taken,
    profiles: &[raw::ServerTls],
    raw: &raw::VirtualServer,
) -> Checked<VirtualServerPlan> {
    let name = check.name(raw.name.as_ref());
    let listen = check
        .must(raw.listen.as_ref())
        .and_then(|texts| all(texts.iter().map(|text| listener(check, taken, text))));
    let pool = check
        .must(raw.pool.as_ref())
        .and_then(|pool| sections.pools.find(check, pool));
    let policy = sections
        .policies
        .find_any(check, raw.firewall_policy.as_ref());
    let staged_policy = sections
        .policies
        .find_any(check, raw.staged_policy.as_ref());
    let reputation = sections.reputation.find_any(check, raw.reputation.as_ref());
    let limits_of_sources = sections.flood_profiles.find_any(check, raw.flood.as_ref());
    let syn_protection = flood::syn_protection(check, raw);
    let smtp_profile = sections
        .smtp_profiles
        .find_any(check, raw.smtp_profile.as_ref());
    let profile = sections.profiles.find_any(check, raw.log_profile.as_ref());
    let limits = limits(check, &raw.limits);
    let accept_proxy = raw.accept_proxy.as_deref();
    let accept_proxy = accept_proxy
        .map(|raw| self::accept_proxy(check, raw))
        .transpose();
    let snat = snat::compile(check, sections, raw.snat.as_ref());
    let scenario = scenario::compile(check, sections, profiles, raw);
    let scenario = scenario?;
    Ok(VirtualServerPlan {
        name: name?,
        listen: listen?,
        mode: scenario.mode,
        pool: PoolId(pool?),
        client_tls: scenario.client_tls,
        server_tls: scenario.server_tls,
        snat: snat?,
        send_proxy: raw.send_proxy.as_deref().copied().and_then(send_proxy),
        accept_proxy: accept_proxy?,
        gateway: scenario.gateway,
        firewall_policy: policy?.map(PolicyId),
        staged_policy: staged_policy?.map(PolicyId),
        reputation: reputation?.map(ReputationId),
        flood: limits_of_sources?.map(FloodId),
        syn_protection: syn_protection?,
        smtp_profile: smtp_profile?.map(SmtpProfileId),
        log_profile: profile?.map(ProfileId),
        limits: limits?,
    })
}

fn accept_proxy(check: &mut Check<'_>, raw: &raw::AcceptProxy) -> Checked<AcceptProxyPlan> {
    let from = check
        .must(raw.from.as_ref())
        .and_then(|texts| address_list::networks(check, texts));
    let timeout = check.duration_or(
        raw.timeout.as_ref(),
        HEADER_TIMEOUT,
        MIN_HEADER_TIMEOUT..=MAX_HEADER_TIMEOUT,
    );
    Ok(AcceptProxyPlan {
        from: from?,
        timeout: timeout?,
    })
}

pub(super) fn send_proxy(word: raw::SendProxy) -> Option<ProxyVersion> {
    match word {
        raw::SendProxy::None => None,
        raw::SendProxy::V1 => Some(ProxyVersion::V1),
        raw::SendProxy::V2 => Some(ProxyVersion::V2),
    }
}

fn listener(check: &mut Check<'_>, taken: &mut Taken, text: &At<String>) -> Checked<SocketAddr> {
    let endpoint = check.value(text, |text| endpoint::parse(text, SMTP_PORT))?;
    let port = endpoint.port;
    let address = match endpoint.host {
        Host::Address(ip) if ip.is_multicast() || ip == std::net::Ipv4Addr::BROADCAST => {
            return Err(check.error(
                text,
                format!("{} cannot be listened on", quote(&ip.to_string())),
                "write an address of this machine",
            ));
        }
        Host::Address(ip) => SocketAddr::new(ip, port),
        Host::Name(name) => {
            return Err(check.error(
                text,
                format!(
                    "{} is a host name, which cannot be listened on",
                    quote(&name)
                ),
                format!("write an address, or all of them: `\"0.0.0.0:{port}\", \"[::]:{port}\"`"),
            ));
        }
    };
    if let Some(first) = taken.get(&address) {
        let message = format!("{} is listened on twice", quote(&address.to_string()));
        return Err(check.report.error(
            Diagnostic::new(
                text.span(),
                message,
                "write another address or port, or leave it out",
            )
            .also(first.clone(), "first listened on here"),
        ));
    }
    taken.insert(address, text.span());
    Ok(address)
}

fn limits(check: &mut Check<'_>, raw: &raw::Limits) -> Checked<LimitsPlan> {
    let connect_timeout = check.duration_or(
        raw.connect_timeout.as_ref(),
        CONNECT_TIMEOUT,
        SHORTEST..=MAX_CONNECT_TIMEOUT,
    );
    let handshake_timeout = check.duration_or(
        raw.handshake_timeout.as_ref(),
        HANDSHAKE_TIMEOUT,
        SHORTEST..=MAX_HANDSHAKE_TIMEOUT,
    );
    let idle_timeout = check.duration_or(
        raw.idle_timeout.as_ref(),
        IDLE_TIMEOUT,
        SHORTEST..=MAX_IDLE_TIMEOUT,
    );
    let session_timeout = check.value_or(raw.session_timeout.as_ref(), None, |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &(SHORTEST..=MAX_SESSION_TIMEOUT)).map(Some),
    });
    Ok(LimitsPlan {
        connections: raw.connections.as_deref().copied().unwrap_or(CONNECTIONS),
        connect_timeout: connect_timeout?,
        connect_attempts: raw
            .connect_attempts
            .as_deref()
            .copied()
            .unwrap_or(CONNECT_ATTEMPTS),
        handshake_timeout: handshake_timeout?,
        idle_timeout: idle_timeout?,
        session_timeout: session_timeout?,
    })
}
