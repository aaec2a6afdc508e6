//! What a rule matches: as written, and held against itself.

use ipnet::IpNet;

use super::{Networks, Rules};
use crate::config::check::names::Sections;
use crate::config::check::port_list::merged;
use crate::config::check::{Check, Checked, all};
use crate::config::diagnostic::quote;
use crate::config::plan::{Action, RulePlan};
use crate::config::raw::{self, At, NumberOrText};
use crate::config::suggest;
use crate::config::value::{self, packet};

/// Pairs of a range of destination ports and one of source ports: each is tested by itself.
const MAX_PORTS: usize = 1_024;

/// What a rule matches, as written.
#[derive(Default)]
pub(super) struct Pattern<'a> {
    pub(super) name: Option<&'a At<String>>,
    pub(super) enabled: bool,
    protocol: Option<&'a At<NumberOrText>>,
    source: Networks<'a>,
    destination: Networks<'a>,
    ports: Ports<'a>,
    source_ports: Ports<'a>,
    icmp: Option<&'a At<Vec<At<NumberOrText>>>>,
    interface: Option<&'a At<String>>,
    vlan: Option<&'a At<NumberOrText>>,
    tcp_state: Option<&'a At<raw::TcpState>>,
    rate: Option<&'a At<String>>,
}

/// Ports as written, of either side.
#[derive(Clone, Copy, Default)]
struct Ports<'a> {
    own: Own<'a>,
    lists: Option<&'a At<Vec<At<String>>>>,
}

/// See [`Ports`].
#[derive(Clone, Copy, Default)]
enum Own<'a> {
    #[default]
    None,
    One(&'a At<NumberOrText>),
    Any(&'a At<raw::Ports>),
}

impl<'a> Pattern<'a> {
    pub(super) fn of(raw: &'a raw::Rule, enabled: bool) -> Self {
        let ports =
            |own: &'a Option<At<raw::Ports>>, lists: &'a Option<At<Vec<At<String>>>>| Ports {
                own: own.as_ref().map_or(Own::None, Own::Any),
                lists: lists.as_ref(),
            };
        Self {
            name: raw.name.as_ref(),
            enabled,
            protocol: raw.protocol.as_ref(),
            source: Networks {
                own: raw.source.as_ref(),
                lists: raw.source_lists.as_ref(),
                regions: raw.source_regions.as_ref(),
            },
            destination: Networks {
                own: raw.destination.as_ref(),
                lists: raw.destination_lists.as_ref(),
                regions: raw.destination_regions.as_ref(),
            },
            ports: ports(&raw.port, &raw.port_lists),
            source_ports: ports(&raw.source_port, &raw.source_port_lists),
            icmp: raw.icmp_type.as_ref(),
            interface: raw.interface.as_ref(),
            vlan: raw.vlan.as_ref(),
            tcp_state: raw.tcp_state.as_ref(),
            rate: raw.rate.as_ref(),
        }
    }

    pub(super) fn of_failsafe(raw: &'a raw::Failsafe) -> Self {
        Self {
            name: raw.name.as_ref(),
            enabled: true,
            protocol: raw.protocol.as_ref(),
            source: Networks {
                own: raw.source.as_ref(),
                lists: raw.source_lists.as_ref(),
                regions: None,
            },
            ports: Ports {
                own: raw.port.as_ref().map_or(Own::None, Own::One),
                lists: None,
            },
            ..Self::default()
        }
    }
}

impl Rules<'_> {
    /// The rule that accepts what fits the pattern and tells nothing.
    pub(super) fn accept(
        &mut self,
        check: &mut Check<'_>,
        pattern: &Pattern<'_>,
    ) -> Checked<RulePlan> {
        let name = check.name(pattern.name);
        let protocol = pattern
            .protocol
            .map(|text| check.value(text, packet::protocol))
            .transpose();
        let ports = self.ports(check, pattern, pattern.ports, "port", protocol);
        let source_ports = self.ports(
            check,
            pattern,
            pattern.source_ports,
            "source_port",
            protocol,
        );
        let icmp = icmp(check, pattern, protocol);
        let new = new(check, pattern, protocol);
        let interface = self.interface(check, pattern);
        let vlan = pattern
            .vlan
            .map(|text| check.value(text, packet::vlan))
            .transpose();
        let rate = pattern
            .rate
            .map(|text| check.value(text, packet::rate))
            .transpose();
        let source = self.networks(check, pattern, pattern.source);
        let destination = self.networks(check, pattern, pattern.destination);
        let (ports, source_ports) = (ports?, source_ports?);
        if let Some(text) = pattern.protocol
            && ports.len().saturating_mul(source_ports.len()) > MAX_PORTS
        {
            return Err(check.error(
                text,
                format!("more than {MAX_PORTS} pairs of source and destination ports"),
                "write larger ranges, or several rules",
            ));
        }
        let (protocol, source, destination) = (protocol?, source?, destination?);
        families(check, pattern, protocol, &source, "source")?;
        families(check, pattern, protocol, &destination, "destination")?;
        apart(check, pattern, &source, &destination)?;
        Ok(RulePlan {
            name: name?,
            enabled: pattern.enabled,
            schedule: None,
            protocol,
            source,
            destination,
            ports,
            source_ports,
            icmp: icmp?,
            interface: interface?,
            vlan: vlan?,
            new: new?,
            rate: rate?,
            action: Action::Accept,
            log: false,
            log_rate: None,
        })
    }

    fn ports(
        &self,
        check: &mut Check<'_>,
        pattern: &Pattern<'_>,
        written: Ports<'_>,
        key: &str,
        protocol: Checked<Option<u8>>,
    ) -> Checked<Vec<(u16, u16)>> {
        let sections: &Sections = self.sections;
        let own = match written.own {
            Own::None => Ok(vec![]),
            Own::One(text) => check.value(text, packet::ports).map(|ports| vec![ports]),
            Own::Any(at) => match &**at {
                raw::Ports::One(text) => packet::ports(text)
                    .map(|ports| vec![ports])
                    .map_err(|fault| check.fault(at.span(), fault)),
                raw::Ports::Each(texts) => {
                    all(texts.iter().map(|text| check.value(text, packet::ports)))
                }
            },
        };
        let named = written.lists.map_or(Ok(vec![]), |lists| {
            sections.port_lists.find_each(check, lists)
        });
        let place = match (written.own, written.lists) {
            (Own::None, None) => return Ok(vec![]),
            (Own::One(text), _) => text.span(),
            (Own::Any(text), _) => text.span(),
            (Own::None, Some(lists)) => lists.span(),
        };
        let fault = match protocol? {
            Some(packet::TCP | packet::UDP) => None,
            Some(number) => Some(value::Fault::new(
                format!("protocol {number} has no ports"),
                format!("leave `{key}` out, or write `protocol = \"tcp\"`"),
            )),
            None => {
                check.whole(pattern.name)?;
                Some(value::Fault::new(
                    "a port without a protocol",
                    "add `protocol = \"tcp\"` or `protocol = \"udp\"`",
                ))
            }
        };
        if let Some(fault) = fault {
            return Err(check.fault(place, fault));
        }
        let (mut ranges, named) = (own?, named?);
        if !named.is_empty() {
            ranges.extend(self.ports?.ports(&named));
        }
        if ranges.is_empty() && pattern.enabled {
            let fault = value::Fault::new(
                "these lists hold no port, so the rule could never match",
                "put a port in a list, or write `enabled = false` in the rule",
            );
            return Err(check.fault(place, fault));
        }
        Ok(merged(ranges))
    }

    /// The interface, if it is one that is filtered.
    fn interface(&self, check: &mut Check<'_>, pattern: &Pattern<'_>) -> Checked<Option<String>> {
        let Some(text) = pattern.interface else {
            return Ok(None);
        };
        let name = check.value(text, value::text::interface)?;
        let known = || self.interfaces.iter().map(|it| it.as_str());
        if known().any(|it| it == name) {
            return Ok(Some(name));
        }
        let help = match suggest::nearest(&name, known()) {
            Some(meant) => format!("did you mean `\"{meant}\"`?"),
            None => {
                format!("add it to `interfaces` under [firewall], as `interfaces = [\"{name}\"]`")
            }
        };
        Err(check.error(
            text,
            format!("packets of the interface {} are not filtered", quote(&name)),
            help,
        ))
    }
}

fn icmp(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    protocol: Checked<Option<u8>>,
) -> Checked<Vec<(u16, u16)>> {
    let Some(texts) = pattern.icmp else {
        return Ok(vec![]);
    };
    let v6 = match protocol? {
        Some(packet::ICMP) => false,
        Some(packet::ICMPV6) => true,
        _ => {
            check.whole(pattern.name)?;
            return Err(check.error(
                texts,
                "types are ICMP's",
                "write `protocol = \"icmp\"` or `protocol = \"icmpv6\"`, or leave `icmp_type` out",
            ));
        }
    };
    all(texts
        .iter()
        .map(|text| check.value(text, |text| packet::icmp(text, v6))))
    .map(merged)
}

fn new(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    protocol: Checked<Option<u8>>,
) -> Checked<bool> {
    let Some(state) = pattern.tcp_state else {
        return Ok(false);
    };
    match (&**state, protocol?) {
        (raw::TcpState::New, Some(packet::TCP)) => Ok(true),
        (raw::TcpState::New, _) => {
            check.whole(pattern.name)?;
            Err(check.error(
                state,
                "only packets of TCP say whether they begin a connection",
                "write `protocol = \"tcp\"`, or leave `tcp_state` out",
            ))
        }
    }
}

const fn is_v4(network: &IpNet) -> bool {
    matches!(network, IpNet::V4(_))
}

/// ICMP is for one family each; with addresses of the other alone the rule could never match.
fn families(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    protocol: Option<u8>,
    networks: &[IpNet],
    what: &str,
) -> Checked<()> {
    let wants_v4 = match protocol {
        Some(packet::ICMP) => true,
        Some(packet::ICMPV6) => false,
        _ => return Ok(()),
    };
    let Some(text) = pattern.protocol.filter(|_| pattern.enabled) else {
        return Ok(());
    };
    if networks.is_empty() || networks.iter().any(|network| is_v4(network) == wants_v4) {
        return Ok(());
    }
    let (here, other, instead) = if wants_v4 {
        ("IPv4", "IPv6", "icmpv6")
    } else {
        ("IPv6", "IPv4", "icmp")
    };
    Err(check.error(
        text,
        format!(
            "{} is for {here}, but every {what} is {other}: it could never match",
            quote(text)
        ),
        format!("write `protocol = \"{instead}\"`"),
    ))
}

/// Sources of one family and destinations of the other never meet.
fn apart(
    check: &mut Check<'_>,
    pattern: &Pattern<'_>,
    source: &[IpNet],
    destination: &[IpNet],
) -> Checked<()> {
    let is_in = |networks: &[IpNet], v4| networks.iter().any(|network| is_v4(network) == v4);
    if source.is_empty()
        || destination.is_empty()
        || !pattern.enabled
        || is_in(source, true) && is_in(destination, true)
        || is_in(source, false) && is_in(destination, false)
    {
        return Ok(());
    }
    let written = &pattern.destination;
    let Some(text) = written.own.or(written.lists).or(written.regions) else {
        return Ok(());
    };
    let of = |v4| if v4 { "IPv4" } else { "IPv6" };
    let (here, there) = (of(is_in(source, true)), of(is_in(destination, true)));
    Err(check.error(
        text,
        format!("every source is {here} and every destination {there}: it could never match"),
        "write both in the same family",
    ))
}
