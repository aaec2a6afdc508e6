//! An event as fields: the one list of names that every format but JSON is written from, and JSON
//! is held against.

use std::fmt;
use std::net::IpAddr;

use super::text::{self, Text};

use super::super::model::{
    FirewallEvent, HealthEvent, Kind, MemberEvent, SessionEvent, SystemEvent, ViolationEvent,
};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A name or a word.
    Name(&'a str),
    /// Free text, which may be long.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// An address.
    Address(IpAddr),
}

impl Value<'_> {
    /// As [`fmt::Display`] has it.
    pub(super) fn write(self, out: &mut impl Text) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Text(text) => out.write_str(text),
            Self::Number(number) => text::number(number, out),
            Self::Flag(flag) => out.clean(if flag { b"true" } else { b"false" }),
            Self::Address(address) => text::address(address, out),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Kind of event, as JSON calls it.
pub(crate) fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Firewall(_) => "firewall",
        Kind::Health(_) => "health",
        Kind::Member(_) => "member",
        Kind::Session(_) => "session",
        Kind::Violation(_) => "violation",
        Kind::Administration(_) => "administration",
        Kind::System(_) => "system",
    }
}

/// Does any event have a field of that name?
pub(crate) fn is_known(name: &str) -> bool {
    let mut kinds = super::super::schema::KINDS.iter();
    kinds.any(|kind| kind.fields.iter().any(|field| field.name == name))
}

/// Gives each field with its name to `visit`, in the model's order.
pub(crate) fn each<'a>(kind: &'a Kind, mut visit: impl FnMut(&'static str, Value<'a>)) {
    match kind {
        Kind::Firewall(packet) => firewall(packet, &mut visit),
        Kind::Health(health) => self::health(health, &mut visit),
        Kind::Member(member) => self::member(member, &mut visit),
        Kind::Session(session) => self::session(session, &mut visit),
        Kind::Violation(violation) => self::violation(violation, &mut visit),
        Kind::Administration(done) => {
            visit("operation", Value::Name(done.operation));
            visit("by", Value::Name(&done.by));
            visit("result", Value::Name(done.result));
        }
        Kind::System(system) => self::system(system, &mut visit),
    }
}

fn firewall<'a>(packet: &'a FirewallEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("action", Value::Name(packet.action));
    visit("reason", Value::Name(packet.reason));
    visit("interface", Value::Name(&packet.interface));
    if let Some(vlan) = packet.vlan {
        visit("vlan", Value::Number(vlan.into()));
    }
    visit("virtual_server", Value::Name(&packet.virtual_server));
    visit("policy", Value::Name(&packet.policy));
    visit("rule", Value::Name(&packet.rule));
    visit("protocol", Value::Number(packet.protocol.into()));
    visit("src_ip", Value::Address(packet.src_ip));
    visit("src_port", Value::Number(packet.src_port.into()));
    visit("dest_ip", Value::Address(packet.dest_ip));
    visit("dest_port", Value::Number(packet.dest_port.into()));
    visit("tcp_flags", Value::Number(packet.tcp_flags.into()));
    visit("length", Value::Number(packet.length.into()));
    if let Some(feeds) = &packet.feeds {
        visit("feeds", Value::Text(feeds));
    }
}

fn health<'a>(health: &'a HealthEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("pool", Value::Name(&health.pool));
    visit("member", Value::Name(&health.member));
    visit("up", Value::Flag(health.up));
    visit("reason", Value::Text(&health.reason));
    visit("monitor", Value::Name(&health.monitor));
    visit("former", Value::Name(health.former));
    visit("former_seconds", Value::Number(health.former_seconds));
}

fn member<'a>(member: &'a MemberEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("pool", Value::Name(&member.pool));
    visit("member", Value::Name(&member.member));
    visit("change", Value::Name(member.change));
    visit("reason", Value::Text(&member.reason));
    visit("by", Value::Name(&member.by));
}

fn session<'a>(session: &'a SessionEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("change", Value::Name(session.change));
    visit("session", Value::Name(&session.session));
    visit("virtual_server", Value::Name(&session.virtual_server));
    visit("src_ip", Value::Address(session.src_ip));
    visit("src_port", Value::Number(session.src_port.into()));
    visit("dest_ip", Value::Address(session.dest_ip));
    visit("dest_port", Value::Number(session.dest_port.into()));
    if let Some(end) = &session.end {
        visit("member", Value::Name(&end.member));
        visit("tls", Value::Name(end.tls));
        visit("bytes_in", Value::Number(end.bytes_in));
        visit("bytes_out", Value::Number(end.bytes_out));
        visit("duration_ms", Value::Number(end.duration_ms));
        visit("result", Value::Name(end.result));
        visit("checks", Value::Text(&end.checks));
    }
}

fn violation<'a>(found: &'a ViolationEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("profile", Value::Name(&found.profile));
    visit("virtual_server", Value::Name(&found.virtual_server));
    visit("check", Value::Name(found.check));
    visit("action", Value::Name(found.action));
    visit("session", Value::Name(&found.session));
    visit("src_ip", Value::Address(found.src_ip));
    visit("src_port", Value::Number(found.src_port.into()));
    visit("helo", Value::Name(&found.helo));
    visit("sender", Value::Name(&found.sender));
    visit("recipient", Value::Name(&found.recipient));
    visit("reason", Value::Name(&found.reason));
    visit("reply", Value::Name(&found.reply));
    visit("message_id", Value::Name(&found.message_id));
}

fn system<'a>(system: &'a SystemEvent, visit: &mut impl FnMut(&'static str, Value<'a>)) {
    visit("what", Value::Name(system.what));
    visit("detail", Value::Text(&system.detail));
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::super::{json, samples};
    use super::*;

    /// Else a field would be in one format and not in another.
    #[test]
    fn fields_are_those_of_json() {
        for event in samples::all() {
            let mut line = Vec::new();
            json::encode(&event, &mut line);
            let Json::Object(mut object) = serde_json::from_slice(&line).unwrap() else {
                panic!("{event:?}");
            };
            assert_eq!(object.remove("event").unwrap(), name(&event.kind));
            object.remove("time").unwrap();
            each(&event.kind, |name, value| {
                let json = match object.remove(name).unwrap_or_else(|| panic!("{name}")) {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                assert_eq!(json, value.to_string(), "{name}");
            });
            assert!(object.is_empty(), "{object:?}");
        }
    }
}
