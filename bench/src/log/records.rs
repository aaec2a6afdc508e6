//! The records that rsyslog is given: those that smtp-lb writes of the same packets.

use std::net::Ipv4Addr;

use smtp_lb::config::plan::Format;
use smtp_lb::event::format::encoder::Encoder;
use smtp_lb::event::model::{Event, FirewallEvent, Kind};

use crate::firewall::Random;

/// Records in RFC 5424, as many as asked for, without line ends.
pub(crate) fn some(number: usize) -> Vec<Vec<u8>> {
    let mut random = Random(crate::firewall::SEED);
    let mut encoder = Encoder::of_this_host(Format::Rfc5424, 16);
    let mut events = (0..number).map(|_| {
        Event::now(Kind::Firewall(FirewallEvent {
            action: "drop",
            reason: "policy",
            interface: "lo".into(),
            vlan: None,
            virtual_server: "mail".into(),
            policy: "edge".into(),
            rule: format!("rule-{}", random.below(10)).into(),
            protocol: 6,
            #[expect(clippy::cast_possible_truncation, reason = "32 random bits")]
            src_ip: Ipv4Addr::from(random.next() as u32).into(),
            src_port: 1025,
            dest_ip: [192, 0, 2, 1].into(),
            dest_port: 25,
            tcp_flags: 2,
            length: 54,
            feeds: None,
            enforced: None,
        }))
    });
    std::iter::from_fn(|| {
        let mut record = Vec::new();
        encoder.encode(&events.next()?, &mut record);
        Some(record)
    })
    .collect()
}
