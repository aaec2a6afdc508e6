//! Headers as they are and as they must not be.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "as headers have them")]
fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    Some(Addresses {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    })
}

fn whole(octets: &[u8]) -> Result<Option<Header>, HeaderError> {
    Decoder::default().read(octets).map(|(_, header)| header)
}

/// A header of version 2 without a checksum.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    octets.extend([command, family]);
    octets.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    octets.extend(body);
    octets
}

const FOUR: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0, 25];

#[test]
fn lines_of_version_1() {
    let four = addresses("192.0.2.1:12345", "198.51.100.1:25");
    let six = addresses("[2001:db8::1]:12345", "[2001:db8::2]:25");
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), v1::MAX_LINE);
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 12345 25\r\n", Ok(four)),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n", Ok(six)),
        ("PROXY UNKNOWN\r\n", Ok(None)),
        (longest, Ok(None)),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 012345 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 +1 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 25 \r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4  192.0.2.1 198.51.100.1 1 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY TCP6 192.0.2.1 198.51.100.1 1 25\r\n",
            Err(HeaderError::Words),
        ),
        (
            "PROXY UDP4 192.0.2.1 198.51.100.1 1 25\r\n",
            Err(HeaderError::Words),
        ),
        ("PROXY\r\n", Err(HeaderError::Signature)),
        ("PROXY \u{fc}\r\n", Err(HeaderError::Words)),
        ("POST / HTTP/1.1\r\n", Err(HeaderError::Signature)),
        ("EHLO a.example\r\n", Err(HeaderError::Signature)),
        ("\r\nEHLO a.example\r\n", Err(HeaderError::Signature)),
    ] {
        let got = whole(line.as_bytes());
        let expected = expected.map(|addresses| {
            Some(Header {
                addresses,
                ..Header::default()
            })
        });
        assert_eq!(got, expected, "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(whole(endless.as_bytes()), Err(HeaderError::Line));
    assert_eq!(whole(&endless.as_bytes()[..106]), Ok(None));
}

#[test]
fn headers_of_version_2() {
    let four = addresses("192.0.2.1:12345", "198.51.100.1:25");
    let with = |fields: &[u8]| [FOUR, fields].concat();
    for (octets, expected) in [
        (v2(0x21, 0x11, FOUR), Ok(four)),
        (v2(0x20, 0x00, b""), Ok(None)),
        (v2(0x20, 0x11, FOUR), Ok(None)),
        (v2(0x20, 0x11, b"short"), Ok(None)),
        (v2(0x21, 0x00, b""), Ok(None)),
        (v2(0x21, 0x12, FOUR), Ok(None)),
        (v2(0x21, 0x31, &[b'/'; 216]), Ok(None)),
        (v2(0x21, 0x11, &with(&[0x04, 0, 2, 9, 9])), Ok(four)),
        (v2(0x21, 0x11, &with(&[0xe0, 0, 0])), Ok(four)),
        (v2(0x21, 0x31, &[b'/'; 215]), Err(HeaderError::TooShort)),
        (v2(0x11, 0x11, FOUR), Err(HeaderError::Version)),
        (v2(0x31, 0x11, FOUR), Err(HeaderError::Version)),
        (v2(0x22, 0x11, FOUR), Err(HeaderError::Command)),
        (v2(0x21, 0x41, FOUR), Err(HeaderError::Family)),
        (v2(0x21, 0x13, FOUR), Err(HeaderError::Family)),
        (v2(0x21, 0x11, &FOUR[..11]), Err(HeaderError::TooShort)),
        (v2(0x21, 0x21, FOUR), Err(HeaderError::TooShort)),
        (v2(0x21, 0x11, &with(&[0x04, 0])), Err(HeaderError::Field)),
        (
            v2(0x21, 0x11, &with(&[0x04, 0, 1])),
            Err(HeaderError::Field),
        ),
        (
            v2(0x21, 0x11, &with(&[0x03, 0, 3, 0, 0, 0])),
            Err(HeaderError::Field),
        ),
        (
            v2(0x21, 0x11, &with(&[0x03, 0, 4, 0, 0, 0, 0])),
            Err(HeaderError::Checksum),
        ),
        (
            v2(0x21, 0x11, &with(&[0x20, 0, 4, 0, 0, 0, 0])),
            Err(HeaderError::Field),
        ),
        (
            v2(0x21, 0x11, &with(&[0x20, 0, 6, 1, 0, 0, 0, 0, 0x21])),
            Err(HeaderError::Field),
        ),
        (
            v2(
                0x21,
                0x11,
                &with(&[&[0x05, 0, 129][..], &[7; 129]].concat()),
            ),
            Err(HeaderError::UniqueId),
        ),
        (v2(0x21, 0x11, &[0; 4081]), Err(HeaderError::TooLong)),
    ] {
        let got = whole(&octets).map(|header| header.map(|header| header.addresses));
        assert_eq!(got, expected.map(Some), "{octets:x?}");
    }
    assert!(
        whole(&v2(
            0x21,
            0x11,
            &with(&[&[0x05, 0, 128][..], &[7; 128]].concat())
        ))
        .is_ok()
    );
    // What is too long is known before it came.
    assert_eq!(
        whole(&v2(0x21, 0x11, &[0; 4081])[..16]),
        Err(HeaderError::TooLong)
    );
}

/// The value for "123456789" that all who describe CRC-32C give.
#[test]
fn the_checksum_is_crc32c() {
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(b"123456789");
    assert_eq!(sum, 0xe306_9283);
}

#[test]
fn a_connection_of_our_own_has_no_client() {
    let header = Header::default();
    assert_eq!(encode(Version::V1, &header), b"PROXY UNKNOWN\r\n");
    let octets = encode(Version::V2, &header);
    assert_eq!(octets[12..14], [0x20, 0x00]);
    assert_eq!(whole(&octets), Ok(Some(header)));
}

#[test]
fn addresses_of_two_versions_of_ip_are_not_said() {
    let header = Header {
        addresses: addresses("192.0.2.1:1", "[2001:db8::1]:25"),
        ..Header::default()
    };
    assert_eq!(encode(Version::V1, &header), b"PROXY UNKNOWN\r\n");
    let mapped = Header {
        addresses: addresses("[::ffff:192.0.2.1]:1", "198.51.100.1:25"),
        ..Header::default()
    };
    let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 1 25\r\n";
    assert_eq!(encode(Version::V1, &mapped), line);
}

fn any_field() -> impl Strategy<Value = Option<Box<[u8]>>> {
    option::of(vec(any::<u8>(), 0..=64).prop_map(Into::into))
}

fn any_addresses() -> impl Strategy<Value = Option<Addresses>> {
    let ports = any::<(u16, u16)>();
    (any::<[[u8; 4]; 2]>(), any::<[[u16; 8]; 2]>(), ports, 0..3u8).prop_map(
        |(four, [a, b], (from, to), which)| {
            let (source, destination) = match which {
                0 => return None,
                1 => (four[0].into(), four[1].into()),
                // Not one that stands for an IPv4 address.
                _ => {
                    let global = |mut ip: [u16; 8]| {
                        ip[0] |= 0x2000;
                        std::net::IpAddr::from(ip)
                    };
                    (global(a), global(b))
                }
            };
            Some(Addresses {
                source: SocketAddr::new(source, from),
                destination: SocketAddr::new(destination, to),
            })
        },
    )
}

fn any_tls() -> impl Strategy<Value = Option<Box<Tls>>> {
    let fields = (any_field(), any_field(), any_field());
    option::of((any::<u8>(), any::<u32>(), fields).prop_map(
        |(client, verify, (version, cipher, common_name))| {
            Box::new(Tls {
                client,
                verify,
                version,
                cipher,
                common_name,
            })
        },
    ))
}

fn any_header() -> impl Strategy<Value = Header> {
    let fields = (any_field(), any_field(), any_field());
    (any_addresses(), fields, any_tls()).prop_map(
        |(addresses, (alpn, authority, unique_id), tls)| Header {
            addresses,
            alpn,
            authority,
            unique_id,
            tls,
        },
    )
}

proptest! {
    /// At whatever octet it is cut, and whatever comes after it.
    #[test]
    fn what_is_said_is_understood(header in any_header(), v1: bool, after in vec(any::<u8>(), 0..20)) {
        let version = if v1 { Version::V1 } else { Version::V2 };
        let octets = encode(version, &header);
        let expected = match version {
            Version::V1 => Header { addresses: header.addresses, ..Header::default() },
            Version::V2 => header,
        };
        let sent = [&octets[..], &after].concat();
        for cut in 0..octets.len() {
            let mut decoder = Decoder::default();
            prop_assert_eq!(decoder.read(&sent[..cut]), Ok((cut, None)));
            let rest = octets.len() - cut;
            prop_assert_eq!(decoder.read(&sent[cut..]), Ok((rest, Some(expected.clone()))));
        }
    }

    #[test]
    fn one_octet_at_a_time_is_as_good(header in any_header(), v1: bool) {
        let version = if v1 { Version::V1 } else { Version::V2 };
        let octets = encode(version, &header);
        let mut decoder = Decoder::default();
        let (last, before) = octets.split_last().unwrap();
        for octet in before {
            prop_assert_eq!(decoder.read(&[*octet]), Ok((1, None)));
        }
        prop_assert!(matches!(decoder.read(&[*last]), Ok((1, Some(_)))));
    }

    /// Of version 2 with its checksum: no octet may change.
    #[test]
    fn a_changed_octet_is_found(header in any_header(), at: prop::sample::Index, bit in 0..8u32) {
        let mut octets = encode(Version::V2, &header);
        let at = at.index(octets.len());
        octets[at] ^= 1 << bit;
        let got = whole(&octets);
        // But the checksum's own type: it is a field that is not known then.
        let unknown = at + 7 == octets.len();
        // And the family of a LOCAL header, of which the receiver is to skip what follows then.
        let skipped = header == Header::default() && at == 13;
        prop_assert!(unknown || skipped || got != Ok(Some(header)));
    }

    #[test]
    fn nothing_harms_and_little_is_held(pieces in vec(vec(any::<u8>(), 0..600), 0..12), v2: bool) {
        let mut decoder = Decoder::default();
        if v2 {
            decoder.read(b"\r\n\r\n\0\r\nQUIT\n\x21\x11").unwrap();
        }
        for piece in pieces {
            let held = decoder.held.len();
            match decoder.read(&piece) {
                Ok((used, None)) => prop_assert_eq!(used, piece.len().min(MAX - held)),
                Ok((used, Some(_))) => {
                    prop_assert!(used <= piece.len());
                    break;
                }
                Err(_) => break,
            }
            prop_assert!(decoder.held.len() <= MAX);
        }
    }
}
