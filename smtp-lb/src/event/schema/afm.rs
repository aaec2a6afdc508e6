//! Names of AFM's field lists, which the format `bigip` has.

use serde::Serialize;

use super::{FieldSchema, KINDS};

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AfmName {
    /// The name.
    pub name: &'static str,
    /// The field of a packet's event that it is made from; empty: none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub from: &'static str,
    /// What it says.
    pub about: &'static str,
    #[serde(skip)]
    pub(in crate::event) how: Afm,
}

/// How it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) enum Afm {
    /// The field as it is.
    Field,
    /// The verdict, as BIG-IP writes it.
    Action,
    /// The reason, unless the packet was accepted.
    DropReason,
    /// `Enforced` or `Staged`, if there is a policy.
    PolicyType,
    /// The virtual server's name, or `host`.
    ContextName,
    /// `Virtual Server` or `Host`.
    ContextType,
    /// A protocol's name, or its number.
    Protocol,
    /// A port, if there is one.
    Port,
    /// The VLAN's tag, or else the interface.
    Vlan,
    /// This host's name.
    Host,
    /// The record's number.
    Sequence,
    /// The time.
    Time,
    /// We have none: empty, as on BIG-IP where there is none.
    Nothing,
}

const fn name(name: &'static str, from: &'static str, how: Afm, about: &'static str) -> AfmName {
    AfmName {
        name,
        from,
        about,
        how,
    }
}

const NOT_TRANSLATED: &str = "empty: packets are decided before anything is translated";
const NO_ROUTE_DOMAIN: &str = "empty: there are no route domains";

impl AfmName {
    /// All of them, in AFM's order.
    pub const ALL: &[Self] = &[
        name("acl_policy_name", "policy", Afm::Field, "policy"),
        name(
            "acl_policy_type",
            "policy",
            Afm::PolicyType,
            "Enforced or Staged",
        ),
        name(
            "acl_rule_name",
            "rule",
            Afm::Field,
            "rule, or the built-in reason's name",
        ),
        name("action", "action", Afm::Action, "Accept, Drop or Reject"),
        name("bigip_hostname", "", Afm::Host, "name of this host"),
        name(
            "context_name",
            "virtual_server",
            Afm::ContextName,
            "virtual server, or host",
        ),
        name(
            "context_type",
            "virtual_server",
            Afm::ContextType,
            "Virtual Server or Host",
        ),
        name("date_time", "", Afm::Time, "as Mar 01 2026 12:34:56, UTC"),
        name("dest_ip", "dest_ip", Afm::Field, "destination"),
        name("dest_port", "dest_port", Afm::Port, "destination port"),
        name(
            "drop_reason",
            "reason",
            Afm::DropReason,
            "why; empty if it was accepted",
        ),
        name("protocol", "protocol", Afm::Protocol, "IP protocol"),
        name("route_domain", "", Afm::Nothing, NO_ROUTE_DOMAIN),
        name(
            "sequence_id",
            "",
            Afm::Sequence,
            "number in the destination, from 1",
        ),
        name("src_ip", "src_ip", Afm::Field, "source"),
        name("src_port", "src_port", Afm::Port, "source port"),
        name("translated_dest_ip", "", Afm::Nothing, NOT_TRANSLATED),
        name("translated_dest_port", "", Afm::Nothing, NOT_TRANSLATED),
        name("translated_ip_protocol", "", Afm::Nothing, NOT_TRANSLATED),
        name("translated_route_domain", "", Afm::Nothing, NO_ROUTE_DOMAIN),
        name("translated_src_ip", "", Afm::Nothing, NOT_TRANSLATED),
        name("translated_src_port", "", Afm::Nothing, NOT_TRANSLATED),
        name("translated_vlan", "", Afm::Nothing, NOT_TRANSLATED),
        name("vlan", "vlan", Afm::Vlan, "VLAN tag, or the interface"),
    ];

    /// The one of that name.
    pub(in crate::event) fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|known| known.name == name)
    }

    /// The field that it is made from.
    pub(in crate::event) fn field(&self) -> Option<&'static FieldSchema> {
        let packets = KINDS.iter().find(|kind| kind.event == "firewall")?;
        packets.fields.iter().find(|field| field.name == self.from)
    }
}
