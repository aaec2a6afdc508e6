use std::sync::Arc;

use proptest::prelude::*;
use smtp_lb_common::event::RawEvent;
use zerocopy::FromBytes as _;

use super::super::super::label::{Label, Labels};
use super::super::super::packet::{Item, Packet, Packets};
use super::super::encoder::Encoder;
use super::super::samples::NASTY;
use crate::config::plan::{FieldList, Format};

/// Names that need nothing, escapes, the mark of UTF-8, and cuts.
fn labels() -> (Arc<Labels>, Vec<u32>) {
    let labels = Arc::<Labels>::default();
    let long = "x".repeat(5000);
    let names = ["edge", "", "a]b\"c\\d", NASTY, &long];
    let numbers = names.iter().flat_map(|name| {
        [None, Some("spamhaus, \"own\"")].map(|feeds| {
            let label = Label {
                interface: "eth0".into(),
                virtual_server: (*name).into(),
                policy: "p".into(),
                rule: (*name).into(),
                feeds: feeds.map(Into::into),
            };
            labels.number(&label).unwrap()
        })
    });
    let numbers = numbers.collect();
    (labels, numbers)
}

fn raw() -> impl Strategy<Value = RawEvent> {
    let four = any::<u32>().prop_map(|ip| 0xffff_0000_0000 | u128::from(ip));
    let ip = prop_oneof![2 => four, 1 => any::<u128>(), 1 => Just(0)];
    let port = prop_oneof![1 => Just(0), 2 => any::<u16>()];
    (
        (ip.clone(), ip, port.clone(), port),
        (
            any::<u64>(),
            (0..3_u8, 0..3_u8),
            // And that of staged policies.
            prop_oneof![3 => 0..4_u8, 1 => Just(22)],
            any::<u8>(),
            any::<u32>(),
        ),
        prop_oneof![Just(6_u8), Just(17), Just(58), Just(99)],
        prop_oneof![Just(u16::MAX), Just(7)],
    )
        .prop_map(
            |(
                (src, dst, sport, dport),
                (time, (verdict, enforced), reason, flags, length),
                protocol,
                vlan,
            )| {
                let mut raw = RawEvent::read_from_bytes(&[0; 72]).unwrap();
                (raw.src, raw.dst) = (src.to_be_bytes(), dst.to_be_bytes());
                (raw.src_port, raw.dst_port) = (sport, dport);
                (raw.time, raw.verdict, raw.reason) = (time, verdict, reason);
                raw.enforced = enforced;
                (raw.tcp_flags, raw.length) = (flags, length);
                (raw.protocol, raw.vlan) = (protocol, vlan);
                raw
            },
        )
}

proptest! {
    /// Whatever came before it, a packet's record is what it is without templates.
    #[test]
    fn a_record_is_the_same_by_a_template(
        packets in prop::collection::vec((raw(), any::<prop::sample::Index>(), any::<u64>()), 1..60),
    ) {
        let (labels, numbers) = labels();
        for format in [Format::Rfc5424, Format::Json, Format::Cef, Format::BigIp(FieldList::default())] {
            let encoder = || Encoder::new(format.clone(), 16, "mail.example", 321);
            let (mut plain, mut by_template) = (encoder(), encoder());
            let mut shown = Packets::new(Arc::clone(&labels));
            for (raw, label, number) in &packets {
                let item = Item::Packet(Packet { raw: *raw, label: *label.get(&numbers) });
                let event = shown.event(&item);
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                plain.numbered(*number, event, &mut expected);
                by_template.item(*number, item.like(), event, &mut found);
                prop_assert_eq!(String::from_utf8(found), String::from_utf8(expected));
            }
        }
    }
}
