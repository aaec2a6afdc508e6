//! The schema of events: every kind, its fields in their order, their types. Formats write what
//! [`super::format::fields`] gives them, and a test holds that against this.

use serde::Serialize;

/// Changes when a field is taken away or means something else; not when one is added.
pub const VERSION: u32 = 1;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindSchema {
    /// As `event` has it.
    pub event: &'static str,
    /// When it is told.
    pub about: &'static str,
    /// In the order of every format.
    pub fields: &'static [FieldSchema],
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FieldSchema {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// It may be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What it says.
    pub about: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A name or a word.
    Name,
    /// Free text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// An IP address.
    Address,
}

const fn field(name: &'static str, kind: FieldType, about: &'static str) -> FieldSchema {
    FieldSchema {
        name,
        kind,
        optional: false,
        about,
    }
}

const fn optional(name: &'static str, kind: FieldType, about: &'static str) -> FieldSchema {
    FieldSchema {
        name,
        kind,
        optional: true,
        about,
    }
}

use FieldType::{Address, Flag, Name, Number, Text};

/// All kinds.
pub const KINDS: &[KindSchema] = &[
    KindSchema {
        event: "firewall",
        about: "a packet was decided and its rule asked to tell",
        fields: &[
            field("action", Name, "accept, drop or reject"),
            field(
                "reason",
                Name,
                "why: policy, default, failsafe, reputation, malformed, …",
            ),
            field("interface", Name, "interface it came in by"),
            optional("vlan", Number, "outer VLAN tag"),
            field("virtual_server", Name, "virtual server, empty for the host"),
            field(
                "policy",
                Name,
                "policy, empty for defaults and built-in reasons",
            ),
            field("rule", Name, "rule, or the built-in reason's name"),
            field("protocol", Number, "IP protocol"),
            field("src_ip", Address, "source"),
            field("src_port", Number, "source port, 0: none"),
            field("dest_ip", Address, "destination"),
            field("dest_port", Number, "destination port, 0: none"),
            field("tcp_flags", Number, "TCP flags (RFC 9293), 0 for others"),
            field("length", Number, "octets of the frame"),
            optional("feeds", Text, "feeds that list the source, by commas"),
        ],
    },
    KindSchema {
        event: "health",
        about: "a member went up or down",
        fields: &[
            field("pool", Name, "pool"),
            field("member", Name, "member"),
            field("up", Flag, "is it up now"),
            field("reason", Text, "why"),
            field(
                "monitor",
                Name,
                "monitor that made the difference, empty: a change of configuration",
            ),
            field("former", Name, "state before: checking, up or down"),
            field("former_seconds", Number, "seconds in that state"),
        ],
    },
    KindSchema {
        event: "member",
        about: "a member was enabled or disabled, came or went",
        fields: &[
            field("pool", Name, "pool"),
            field("member", Name, "member"),
            field(
                "change",
                Name,
                "enabled, disabled, draining, drained, offline, added or removed",
            ),
            field("reason", Text, "why"),
            field("by", Name, "who, empty: nobody"),
        ],
    },
    KindSchema {
        event: "session",
        about: "a client's session began or ended, where the log profile asks for it",
        fields: &[
            field("change", Name, "open or close"),
            field("session", Name, "the same at both ends"),
            field("virtual_server", Name, "virtual server"),
            field("src_ip", Address, "client"),
            field("src_port", Number, "its port"),
            field("dest_ip", Address, "what it connected to"),
            field("dest_port", Number, "and the port"),
            optional("member", Name, "at a close: the last member, empty: none"),
            optional(
                "tls",
                Name,
                "at a close: version of the client's TLS, empty: none that we end",
            ),
            optional("bytes_in", Number, "at a close: octets from the client"),
            optional("bytes_out", Number, "at a close: octets to the client"),
            optional("duration_ms", Number, "at a close: how long it lasted"),
            optional(
                "result",
                Name,
                "at a close: closed, reset, timeout, cut, no_member, handshake_failed or panic",
            ),
            optional(
                "checks",
                Text,
                "at a close: what its security checks found, as spf=pass greylist=block, empty: none was made",
            ),
        ],
    },
    KindSchema {
        event: "violation",
        about: "a check of an SMTP security profile was failed; empty text: not known",
        fields: &[
            field("profile", Name, "SMTP security profile"),
            field("virtual_server", Name, "virtual server"),
            field("check", Name, "check, as the configuration calls it"),
            field(
                "action",
                Name,
                "alarm (it passed) or block (it was refused)",
            ),
            field("session", Name, "as the session's own events have it"),
            field("src_ip", Address, "client"),
            field("src_port", Number, "its port"),
            field("helo", Name, "what it called itself"),
            field("sender", Name, "reverse-path, without brackets"),
            field("recipient", Name, "forward-path, without brackets"),
            field("reason", Name, "what was wrong"),
            field("reply", Name, "what the client was told"),
            field("message_id", Name, "Message-ID of the message"),
        ],
    },
    KindSchema {
        event: "administration",
        about: "somebody changed something over the control socket, or tried",
        fields: &[
            field("operation", Name, "as reload, firewall apply, member set"),
            field("by", Name, "who"),
            field("result", Name, "done or refused"),
        ],
    },
    KindSchema {
        event: "system",
        about: "the daemon itself: start, stop, reload, losses",
        fields: &[
            field("what", Name, "short name"),
            field("detail", Text, "a line for people"),
        ],
    },
];

/// Fields of every record.
const COMMON: &[FieldSchema] = &[
    field(
        "time",
        Text,
        "RFC 3339, nanoseconds, UTC; syslog has it in its header",
    ),
    field("event", Name, "kind of event; in RFC 5424 the MSGID"),
    optional("sequence_id", Number, "number in the destination, from 1"),
];

/// The whole schema, as it is printed.
#[derive(Debug, Serialize)]
pub struct Schema {
    /// [`VERSION`].
    pub version: u32,
    /// Fields of every record, whatever its kind.
    pub common: &'static [FieldSchema],
    /// [`KINDS`].
    pub events: &'static [KindSchema],
}

/// As `smtp-lb events schema` prints it.
#[must_use]
pub fn schema() -> Schema {
    Schema {
        version: VERSION,
        common: COMMON,
        events: KINDS,
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::fields::{self, Value};
    use super::super::format::samples;
    use super::*;

    /// What is emitted is what the schema says, in its order, and every kind is tried.
    #[test]
    fn events_are_as_the_schema_has_them() {
        let mut tried = Vec::new();
        for event in samples::all() {
            let name = fields::name(&event.kind);
            let kind = KINDS.iter().find(|kind| kind.event == name).expect(name);
            tried.push(kind.event);
            let mut rest = kind.fields.iter();
            fields::each(&event.kind, |name, value| {
                let field = rest
                    .by_ref()
                    .find(|field| field.name == name || !field.optional)
                    .unwrap_or_else(|| panic!("{name} is not in the schema, or not there"));
                assert_eq!(field.name, name);
                let kind = match value {
                    Value::Name(_) => Name,
                    Value::Text(_) => Text,
                    Value::Number(_) => Number,
                    Value::Flag(_) => Flag,
                    Value::Address(_) => Address,
                };
                assert_eq!(field.kind, kind, "{name}");
            });
            assert!(rest.all(|field| field.optional), "{name} lacks fields");
        }
        for kind in KINDS {
            assert!(tried.contains(&kind.event), "no sample of {}", kind.event);
        }
    }
}
