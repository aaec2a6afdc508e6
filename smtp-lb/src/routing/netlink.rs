//! The rules and routes in the kernel, over rtnetlink.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::route::{RouteMessage, RouteScope, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use rtnetlink::packet_route::{AddressFamily, IpProtocol};
use rtnetlink::{Handle, IpVersion, RouteMessageBuilder};

use super::TABLE;
use crate::netlink::{self, NetlinkError};

/// Index of the loopback interface in every network namespace.
const LOOPBACK: u32 = 1;

/// Blocks.
pub(super) fn set(members: &BTreeSet<SocketAddr>) -> Result<(), NetlinkError> {
    netlink::run(async |handle| {
        for version in [IpVersion::V4, IpVersion::V6] {
            family(&handle, &version, members).await?;
        }
        Ok(())
    })
}

async fn family(
    handle: &Handle,
    version: &IpVersion,
    members: &BTreeSet<SocketAddr>,
) -> Result<(), NetlinkError> {
    let v4 = matches!(version, IpVersion::V4);
    let mut missing: BTreeSet<SocketAddr> = members
        .iter()
        .filter(|member| member.is_ipv4() == v4)
        .copied()
        .collect();
    let needed = !missing.is_empty();
    let mut surplus = Vec::new();
    let mut rules = std::pin::pin!(handle.rule().get(version.clone()).execute());
    while let Some(rule) = rules.try_next().await? {
        if !is_ours(&rule) {
            continue;
        }
        if !member(&rule).is_some_and(|member| missing.remove(&member)) {
            surplus.push(rule);
        }
    }
    if needed {
        // Before the rules that lead there; it may be there already.
        handle
            .route()
            .add(everything(v4))
            .replace()
            .execute()
            .await?;
    }
    for member in missing {
        let mut add = handle.rule().add();
        fill(add.message_mut(), member);
        add.execute().await?;
    }
    let led = needed || !surplus.is_empty();
    for rule in surplus {
        handle.rule().del(rule).execute().await?;
    }
    if led && !needed {
        handle.route().del(everything(v4)).execute().await?;
    }
    Ok(())
}

/// All addresses are local.
fn everything(v4: bool) -> RouteMessage {
    let mut route = if v4 {
        RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .kind(RouteType::Local)
            .table_id(TABLE)
            .scope(RouteScope::Host)
            .output_interface(LOOPBACK)
            .build()
    } else {
        RouteMessageBuilder::<std::net::Ipv6Addr>::new()
            .kind(RouteType::Local)
            .table_id(TABLE)
            .scope(RouteScope::Host)
            .output_interface(LOOPBACK)
            .build()
    };
    route.header.destination_prefix_length = 0;
    route
}

fn is_ours(rule: &RuleMessage) -> bool {
    let has = |wanted: &RuleAttribute| rule.attributes.contains(wanted);
    has(&RuleAttribute::Table(TABLE)) && has(&RuleAttribute::Priority(TABLE))
}

/// The member that a rule of ours is for.
fn member(rule: &RuleMessage) -> Option<SocketAddr> {
    let ip = rule
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::Source(ip) => Some(*ip),
            _ => None,
        })?;
    let port = rule
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::SourcePortRange(range) if range.start == range.end => Some(range.start),
            _ => None,
        })?;
    Some(SocketAddr::new(ip, port))
}

fn fill(rule: &mut RuleMessage, member: SocketAddr) {
    let (family, bits) = match member.ip() {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    rule.header.family = family;
    rule.header.src_len = bits;
    // The table is named by its attribute: the octet in the header is too small for it.
    rule.header.table = 0;
    rule.header.action = RuleAction::ToTable;
    rule.attributes = vec![
        RuleAttribute::Priority(TABLE),
        RuleAttribute::Table(TABLE),
        RuleAttribute::Source(member.ip()),
        RuleAttribute::IpProtocol(IpProtocol::Tcp),
        RuleAttribute::SourcePortRange(RulePortRange {
            start: member.port(),
            end: member.port(),
        }),
    ];
}
