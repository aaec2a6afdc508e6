//! Country databases in the format MMDB, version 2, as small as a test needs them.

#![expect(clippy::expect_used, reason = "a test's database is small")]

use ipnet::IpNet;

/// A database of networks with the codes of their countries. Networks may not nest.
#[must_use]
pub fn countries(networks: &[(IpNet, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut nodes = vec![[Record::Empty; 2]];
    for (network, code) in networks {
        let offset = data.len();
        map(&mut data, 1);
        text(&mut data, "country");
        map(&mut data, 1);
        text(&mut data, "iso_code");
        text(&mut data, code);
        insert(&mut nodes, network, offset);
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        let value = match record {
            Record::Empty => count,
            Record::Node(at) => *at,
            Record::Data(offset) => count + 16 + offset,
        };
        let value = u32::try_from(value).expect("a small database");
        file.extend(&value.to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    map(&mut file, 9);
    let number = |file: &mut Vec<u8>, key: &str, kind: u8, value: u32| {
        text(file, key);
        // Numbers of types above 7 have theirs in a second octet.
        match kind.checked_sub(7) {
            None => file.push(kind << 5 | 4),
            Some(kind) => file.extend([4, kind]),
        }
        file.extend(value.to_be_bytes());
    };
    number(
        &mut file,
        "node_count",
        6,
        u32::try_from(count).expect("few"),
    );
    number(&mut file, "build_epoch", 9, 1_700_000_000);
    for (key, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 24),
    ] {
        text(&mut file, key);
        file.extend([5 << 5 | 1, value]);
    }
    text(&mut file, "database_type");
    text(&mut file, "Test-Country");
    text(&mut file, "description");
    map(&mut file, 0);
    text(&mut file, "languages");
    file.extend([0, 4]);
    file
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

/// IPv4 networks lie under `::/96`.
fn insert(nodes: &mut Vec<[Record; 2]>, network: &IpNet, offset: usize) {
    let (bits, length) = match network {
        IpNet::V4(net) => (u128::from(u32::from(net.network())), net.prefix_len() + 96),
        IpNet::V6(net) => (u128::from(net.network()), net.prefix_len()),
    };
    let mut at = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            nodes[at][side] = Record::Data(offset);
        } else if let Record::Node(next) = nodes[at][side] {
            at = next;
        } else {
            nodes.push([Record::Empty; 2]);
            nodes[at][side] = Record::Node(nodes.len() - 1);
            at = nodes.len() - 1;
        }
    }
}

fn map(out: &mut Vec<u8>, entries: u8) {
    out.push(7 << 5 | entries);
}

fn text(out: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).expect("short");
    match length.checked_sub(0x1d) {
        None => out.push(2 << 5 | length),
        Some(more) => out.extend([2 << 5 | 0x1d, more]),
    }
    out.extend(text.as_bytes());
}
