//! Every kind of event with its fields: the one place where they are named.

use super::cef::Cef;
use super::{FieldSchema, FieldType, KindSchema, Value};
use crate::event::model::Kind;

/// Makes of one list the table of kinds and fields, and what walks the fields of an event.
///
/// A field is `NAME: TYPE, must or may, value; place in CEF and name there; "what it says"`. The value of one
/// that may be left out is an `Option`.
macro_rules! kinds {
    ($($event:ident $variant:ident($it:ident) $about:literal {
        $($name:ident: $type:ident, $need:ident, $value:expr; $place:literal $cef:expr; $says:literal)*
    })*) => {
        /// All kinds.
        pub const KINDS: &[KindSchema] = &[$(
            KindSchema::new(stringify!($event), $about, &[$(FieldSchema {
                name: stringify!($name),
                kind: FieldType::$type,
                optional: optional!($need),
                about: $says,
                cef: ($place, $cef),
                get: {
                    fn get(kind: &Kind) -> Option<Value<'_>> {
                        match kind {
                            Kind::$variant($it) => given!($need $type $value),
                            _ => None,
                        }
                    }
                    get
                },
            }),*])
        ),*];

        /// Places in [`KINDS`].
        #[expect(non_camel_case_types, reason = "they are called as what they are of")]
        enum At { $($event),* }

        /// The schema of an event.
        pub(in crate::event) const fn of(kind: &Kind) -> &'static KindSchema {
            match kind {
                $(Kind::$variant(_) => const { &KINDS[At::$event as usize] }),*
            }
        }

        /// Kind of an event, as JSON calls it.
        pub(in crate::event) const fn name(kind: &Kind) -> &'static str {
            of(kind).event
        }

        /// Gives each field that is there, with its value, to `visit`, in the schema's order.
        pub(in crate::event) fn each<'a>(
            kind: &'a Kind,
            mut visit: impl FnMut(&'static FieldSchema, Value<'a>),
        ) {
            match kind {
                $(Kind::$variant($it) => {
                    #[expect(non_camel_case_types, reason = "they are called as what they are of")]
                    enum Of { $($name),* }
                    $(if let Some(value) = given!($need $type $value) {
                        const FIELD: &FieldSchema =
                            &KINDS[At::$event as usize].fields[Of::$name as usize];
                        visit(FIELD, value);
                    })*
                })*
            }
        }
    };
}

macro_rules! optional {
    (must) => {
        false
    };
    (may) => {
        true
    };
}

macro_rules! given {
    (must $type:ident $value:expr) => {
        Some(Value::$type($value))
    };
    (may $type:ident $value:expr) => {
        ($value).map(Value::$type)
    };
}

const SOURCE: Cef = Cef::Address("src", 2, "Source IPv6 Address");
const DESTINATION: Cef = Cef::Address("dst", 3, "Destination IPv6 Address");

kinds! {
    firewall Firewall(packet) "a packet was decided and its rule asked to tell" {
        action: Name, must, packet.action; 1 Cef::Key("act"); "accept, drop or reject"
        reason: Name, must, packet.reason; 2 Cef::Key("reason");
            "why: policy, default, failsafe, reputation, staged, malformed, …"
        interface: Name, must, &packet.interface; 9 Cef::Key("deviceInboundInterface");
            "interface it came in by"
        vlan: Number, may, packet.vlan.map(u64::from); 14 Cef::Number(1); "outer VLAN tag"
        virtual_server: Name, must, &packet.virtual_server; 10 Cef::String(1);
            "virtual server, empty for the host"
        policy: Name, must, &packet.policy; 11 Cef::String(2);
            "policy, empty for defaults and built-in reasons"
        rule: Name, must, &packet.rule; 12 Cef::String(3); "rule, or the built-in reason's name"
        protocol: Number, must, packet.protocol.into(); 3 Cef::Protocol("proto"); "IP protocol"
        src_ip: Address, must, packet.src_ip; 4 SOURCE; "source"
        src_port: Number, must, packet.src_port.into(); 6 Cef::Port("spt"); "source port, 0: none"
        dest_ip: Address, must, packet.dest_ip; 5 DESTINATION; "destination"
        dest_port: Number, must, packet.dest_port.into(); 7 Cef::Port("dpt");
            "destination port, 0: none"
        tcp_flags: Number, must, packet.tcp_flags.into(); 15 Cef::Number(2);
            "TCP flags (RFC 9293), 0 for others"
        length: Number, must, packet.length.into(); 8 Cef::Key("in"); "octets of the frame"
        feeds: Text, may, packet.feeds.as_deref(); 13 Cef::String(4);
            "feeds that list the source, by commas"
        enforced: Name, may, packet.enforced; 16 Cef::String(5);
            "of a staged policy, with the reason staged: what was decided; action is what it would have done"
    }
    health Health(health) "a member went up or down" {
        pool: Name, must, &health.pool; 3 Cef::String(1); "pool"
        member: Name, must, &health.member; 4 Cef::String(2); "member"
        up: Flag, must, health.up; 1 Cef::UpDown("outcome"); "is it up now"
        reason: Text, must, &health.reason; 2 Cef::Key("reason"); "why"
        monitor: Name, must, &health.monitor; 5 Cef::String(3);
            "monitor that made the difference, empty: a change of configuration"
        former: Name, must, health.former; 6 Cef::String(4); "state before: checking, up or down"
        former_seconds: Number, must, health.former_seconds; 7 Cef::Number(1);
            "seconds in that state"
    }
    member Member(member) "a member was enabled or disabled, came or went" {
        pool: Name, must, &member.pool; 4 Cef::String(1); "pool"
        member: Name, must, &member.member; 5 Cef::String(2); "member"
        change: Name, must, member.change; 1 Cef::Key("outcome");
            "enabled, disabled, draining, drained, offline, added or removed"
        reason: Text, must, &member.reason; 2 Cef::Key("reason"); "why"
        by: Name, must, &member.by; 3 Cef::Key("suser"); "who, empty: nobody"
    }
    flood Flood(flood) "a virtual server is protected from a flood of SYNs, or is so no more" {
        virtual_server: Name, must, &flood.virtual_server; 3 Cef::String(1); "virtual server"
        change: Name, must, flood.change; 1 Cef::Key("act"); "began or ended"
        mark: Name, must, flood.mark; 2 Cef::Key("reason");
            "what was passed: syn_rate or syn_accept_queue; always: no mark"
        seconds: Number, must, flood.seconds; 4 Cef::Number(1); "at the end: how long it lasted"
        cookies: Number, must, flood.cookies; 5 Cef::Number(2);
            "at the end: SYNs that cookies answered meanwhile"
    }
    session Session(session) "a client's session began or ended, where the log profile asks for it" {
        change: Name, must, session.change; 1 Cef::Key("act"); "open or close"
        session: Name, must, &session.session; 7 Cef::String(2); "the same at both ends"
        virtual_server: Name, must, &session.virtual_server; 6 Cef::String(1); "virtual server"
        pool: Name, must, &session.pool; 15 Cef::String(6); "its pool"
        src_ip: Address, must, session.src_ip; 2 SOURCE; "client"
        src_port: Number, must, session.src_port.into(); 4 Cef::Key("spt"); "its port"
        dest_ip: Address, must, session.dest_ip; 3 DESTINATION; "what it connected to"
        dest_port: Number, must, session.dest_port.into(); 5 Cef::Key("dpt"); "and the port"
        member: Name, may, session.end.as_ref().map(|end| &*end.member); 11 Cef::String(3);
            "at a close: the last member, empty: none"
        tls: Name, may, session.end.as_ref().map(|end| end.tls); 12 Cef::String(4);
            "at a close: version of the client's TLS, empty: none that we end"
        bytes_in: Number, may, session.end.as_ref().map(|end| end.bytes_in); 9 Cef::Key("in");
            "at a close: octets from the client"
        bytes_out: Number, may, session.end.as_ref().map(|end| end.bytes_out); 10 Cef::Key("out");
            "at a close: octets to the client"
        duration_ms: Number, may, session.end.as_ref().map(|end| end.duration_ms); 13 Cef::Number(1);
            "at a close: how long it lasted"
        result: Name, may, session.end.as_ref().map(|end| end.result); 8 Cef::Key("outcome");
            "at a close: closed, reset, timeout, cut, no_member, handshake_failed or panic"
        checks: Text, may, session.end.as_ref().map(|end| &*end.checks); 12 Cef::String(5);
            "at a close: what its security checks found, as spf=pass greylist=block, empty: none was made"
    }
    violation Violation(found) "a check of an SMTP security profile was failed; empty text: not known" {
        profile: Name, must, &found.profile; 9 Cef::String(2); "SMTP security profile"
        virtual_server: Name, must, &found.virtual_server; 8 Cef::String(1); "virtual server"
        check: Name, must, found.check; 10 Cef::String(3); "check, as the configuration calls it"
        action: Name, must, found.action; 1 Cef::Key("act");
            "alarm (it passed) or block (it was refused)"
        session: Name, must, &found.session; 11 Cef::String(4); "as the session's own events have it"
        src_ip: Address, must, found.src_ip; 2 SOURCE; "client"
        src_port: Number, must, found.src_port.into(); 3 Cef::Key("spt"); "its port"
        helo: Name, must, &found.helo; 4 Cef::Filled("shost"); "what it called itself"
        sender: Name, must, &found.sender; 5 Cef::Filled("suser"); "reverse-path, without brackets"
        recipient: Name, must, &found.recipient; 6 Cef::Filled("duser");
            "forward-path, without brackets"
        reason: Name, must, &found.reason; 7 Cef::Filled("reason"); "what was wrong"
        reply: Name, must, &found.reply; 12 Cef::String(5); "what the client was told"
        message_id: Name, must, &found.message_id; 13 Cef::String(6); "Message-ID of the message"
    }
    administration Administration(done) "somebody changed something over the control socket, or tried" {
        operation: Name, must, done.operation; 1 Cef::Key("act"); "as reload, firewall apply, member set"
        object: Text, must, &done.object; 4 Cef::String(1);
            "what it was about, as a member, a network, a file and the policies that differ"
        by: Name, must, &done.by; 2 Cef::Key("suser"); "who"
        result: Name, must, done.result; 3 Cef::Key("outcome"); "done or refused"
    }
    system System(system) "the daemon itself: start, stop, reload, losses" {
        what: Name, must, system.what; 1 Cef::Key("reason"); "short name"
        detail: Text, must, &system.detail; 2 Cef::Message; "a line for people"
    }
}
