use proptest::prelude::*;

use super::{Packet, ReadError, Reader, Writer, ethernet};

fn read(octets: &[u8]) -> Result<Vec<Packet>, ReadError> {
    let mut reader = Reader::new(octets)?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.packet()? {
        packets.push(packet);
    }
    Ok(packets)
}

fn written(packets: &[(u64, &str, &[u8], &str)]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut writer = Writer::new(&mut octets, 1536).unwrap();
    for (time, interface, data, comment) in packets {
        let length = u32::try_from(data.len()).unwrap() + 7;
        writer
            .packet(*time, interface, length, data, comment)
            .unwrap();
    }
    octets
}

/// One record of a classic file.
fn classic(magic: [u8; 4], big: bool) -> Vec<u8> {
    let word = |n: u32| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut octets = magic.to_vec();
    for n in [0x0002_0004, 0, 0, 65_535, 101, 5, 6, 3, 9] {
        octets.extend(word(n));
    }
    octets.extend([1, 2, 3]);
    octets
}

#[test]
fn pcap_in_either_order_and_unit() {
    for (magic, big, time) in [
        ([0xd4, 0xc3, 0xb2, 0xa1], false, 5_000_006_000),
        ([0xa1, 0xb2, 0xc3, 0xd4], true, 5_000_006_000),
        ([0x4d, 0x3c, 0xb2, 0xa1], false, 5_000_000_006),
        ([0xa1, 0xb2, 0x3c, 0x4d], true, 5_000_000_006),
    ] {
        let packets = read(&classic(magic, big)).unwrap();
        assert_eq!(
            packets,
            [Packet {
                time_ns: Some(time),
                link: 101,
                length: 9,
                data: vec![1, 2, 3],
                comment: None,
            }]
        );
    }
}

#[test]
fn what_is_no_capture_is_refused() {
    for octets in [&b""[..], b"abc", b"hello, world"] {
        assert!(matches!(read(octets), Err(ReadError::Unknown)));
    }
    let mut long = classic([0xd4, 0xc3, 0xb2, 0xa1], false);
    long[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&long), Err(ReadError::TooLong(u32::MAX))));
    let whole = written(&[(1, "eth0", b"frame", "drop")]);
    let cut = &whole[..whole.len() - 1];
    assert!(matches!(read(cut), Err(ReadError::Truncated)));
}

#[test]
fn other_link_layers_become_ethernet() {
    let bare = [0x45, 0, 0, 20];
    let framed = |kind: [u8; 2], packet: &[u8]| [&[0; 12], &kind[..], packet].concat();
    assert_eq!(ethernet(1, b"as it is"), Some(b"as it is".to_vec()));
    assert_eq!(ethernet(101, &bare), Some(framed([8, 0], &bare)));
    assert_eq!(ethernet(101, &[0x60]), Some(framed([0x86, 0xdd], &[0x60])));
    let sll = [&[0; 14], &[8, 0][..], &bare].concat();
    assert_eq!(ethernet(113, &sll), Some(framed([8, 0], &bare)));
    let sll2 = [&[0x86, 0xdd], &[0; 18][..], &[0x60]].concat();
    assert_eq!(ethernet(276, &sll2), Some(framed([0x86, 0xdd], &[0x60])));
    assert_eq!(ethernet(105, &bare), None);
    assert_eq!(ethernet(113, &bare), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        packets in prop::collection::vec(
            (any::<u64>(), "[a-c]", prop::collection::vec(any::<u8>(), 0..40), ".{0,20}"), 0..8),
    ) {
        let list: Vec<_> = packets
            .iter()
            .map(|(time, name, data, comment)| {
                (*time, name.as_str(), data.as_slice(), comment.as_str())
            })
            .collect();
        let read = read(&written(&list)).unwrap();
        prop_assert_eq!(read.len(), list.len());
        for (packet, (time, _, data, comment)) in read.iter().zip(&list) {
            prop_assert_eq!(packet.time_ns, Some(*time));
            prop_assert_eq!(&packet.data, data);
            prop_assert_eq!(packet.length as usize, data.len() + 7);
            prop_assert_eq!(packet.comment.as_deref(), Some(*comment));
        }
    }

    /// No panic, and never more than was there.
    #[test]
    fn any_octets_are_borne(
        octets in prop::collection::vec(any::<u8>(), 0..300),
        at in 0usize..300,
        start in 0usize..3,
    ) {
        let good = match start {
            0 => written(&[(1, "eth0", b"frame", "comment"), (2, "eth1", b"other", "")]),
            1 => classic([0xa1, 0xb2, 0xc3, 0xd4], true),
            _ => Vec::new(),
        };
        let mut mixed = good;
        mixed.truncate(at);
        mixed.extend(&octets);
        let length = mixed.len();
        if let Ok(packets) = read(&mixed) {
            prop_assert!(packets.iter().map(|packet| packet.data.len()).sum::<usize>() <= length);
        }
    }
}
