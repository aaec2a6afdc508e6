//! Numbers, addresses and times as text, past the machinery of formatting: a packet's record has fifteen of
//! them, and a million records a second are asked for.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

/// What text is written to.
pub(super) trait Text: fmt::Write {
    /// Writes ASCII that no format escapes: letters, digits, spaces, and `.:-<>[](),` where no rule is
    /// about them.
    fn clean(&mut self, ascii: &[u8]) -> fmt::Result {
        self.write_str(str::from_utf8(ascii).map_err(|_| fmt::Error)?)
    }
}

impl Text for fmt::Formatter<'_> {}

impl fmt::Write for Octets<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Text that nothing bounds and nothing escapes.
pub(super) struct Octets<'a>(pub(super) &'a mut Vec<u8>);

impl Text for Octets<'_> {
    fn clean(&mut self, ascii: &[u8]) -> fmt::Result {
        self.0.extend_from_slice(ascii);
        Ok(())
    }
}

pub(super) fn number(number: impl itoa::Integer, out: &mut impl Text) -> fmt::Result {
    out.clean(itoa::Buffer::new().format(number).as_bytes())
}

/// Appends a number.
pub(super) fn push_number(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

pub(super) fn address(address: IpAddr, out: &mut impl Text) -> fmt::Result {
    match address {
        IpAddr::V4(address) => {
            let (text, length) = dotted(address);
            out.clean(text.get(..length).unwrap_or_default())
        }
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => write!(out, "{address}"),
        IpAddr::V6(address) => {
            let mut text = [0; 40];
            let length = colons(address, &mut text);
            out.clean(text.get(..length).unwrap_or_default())
        }
    }
}

/// An address and a port, as `SocketAddr` shows them.
pub(super) fn socket(ip: IpAddr, port: u16, out: &mut impl Text) -> fmt::Result {
    if ip.is_ipv6() {
        out.clean(b"[")?;
        address(ip, out)?;
        out.clean(b"]:")?;
    } else {
        address(ip, out)?;
        out.clean(b":")?;
    }
    number(port, out)
}

/// Every octet in decimal, a point behind it, and how many digits.
const DECIMAL: [([u8; 4], u8); 256] = {
    let mut table = [(*b"....", 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let leading = if octet < 10 {
            2
        } else if octet < 100 {
            1
        } else {
            0
        };
        let mut place = 0;
        while leading + place < 3 {
            // A digit.
            #[expect(clippy::cast_possible_truncation, reason = "at most 9")]
            let digit = digits[leading + place] as u8;
            table[octet].0[place] = b'0' + digit;
            place += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 3")]
        {
            table[octet].1 = place as u8;
        }
        octet += 1;
    }
    table
};

fn dotted(address: Ipv4Addr) -> ([u8; 16], usize) {
    let mut text = [0; 16];
    let mut end = 0;
    for octet in address.octets() {
        let (digits, count) = DECIMAL[usize::from(octet)];
        // At most four times three digits and a point.
        if let Some(place) = text.get_mut(end..end + 4) {
            place.copy_from_slice(&digits);
        }
        end += usize::from(count) + 1;
    }
    (text, end - 1)
}

/// RFC 5952: the first of the longest runs of zeros is left out.
fn colons(address: Ipv6Addr, text: &mut [u8; 40]) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let segments = address.segments();
    let (mut zeros, mut length) = (0, 0);
    let (mut begin, mut run) = (0, 0);
    for (place, segment) in segments.iter().enumerate() {
        if *segment == 0 {
            if run == 0 {
                begin = place;
            }
            run += 1;
            if run > length {
                (zeros, length) = (begin, run);
            }
        } else {
            run = 0;
        }
    }
    if length < 2 {
        (zeros, length) = (segments.len(), 0);
    }
    let mut end = 0;
    let mut put = |octet: u8| {
        if let Some(place) = text.get_mut(end) {
            *place = octet;
            end += 1;
        }
    };
    for (place, segment) in segments.iter().enumerate() {
        if place >= zeros && place < zeros + length {
            if place == zeros {
                put(b':');
                // The colon before the next is the second.
                if zeros + length == segments.len() {
                    put(b':');
                }
            }
            continue;
        }
        if place > 0 {
            put(b':');
        }
        let mut seen = false;
        for shift in [12, 8, 4, 0] {
            let digit = usize::from(segment >> shift & 15);
            seen |= digit > 0 || shift == 0;
            if seen {
                put(HEX[digit]);
            }
        }
    }
    end
}

/// The text of the second that was written last: records come many to a second.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: Vec<u8>,
}

/// How a format writes whole seconds.
type Layout = fn(Timestamp, &mut Vec<u8>);

impl Clock {
    /// The second of a time, by a layout that is the same at every call.
    pub(super) fn second(&mut self, time_ns: u64, layout: Layout) -> &[u8] {
        let second = time_ns / 1_000_000_000;
        if self.second != Some(second) {
            self.text.clear();
            layout(super::time(second * 1_000_000_000), &mut self.text);
            self.second = Some(second);
        }
        &self.text
    }

    /// RFC 3339, UTC, with microseconds.
    pub(super) fn micros(&mut self, time_ns: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.second(time_ns, rfc3339));
        out.extend_from_slice(&fraction::<8>(time_ns / 1000));
    }

    /// RFC 3339, UTC, with nanoseconds.
    pub(super) fn nanos(&mut self, time_ns: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.second(time_ns, rfc3339));
        out.extend_from_slice(&fraction::<11>(time_ns));
    }
}

/// Without its `Z`: the fraction is to come.
fn rfc3339(time: Timestamp, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{time:.0}");
    out.pop();
}

/// A point, the last digits of a number, and `Z`: as many octets as asked for.
fn fraction<const N: usize>(mut number: u64) -> [u8; N] {
    let mut text = [b'.'; N];
    if let [_, digits @ .., end] = &mut text[..] {
        *end = b'Z';
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::SocketAddr;

    fn written(write: impl FnOnce(&mut Octets<'_>) -> fmt::Result) -> String {
        let mut out = Vec::new();
        write(&mut Octets(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn six() -> impl Strategy<Value = Ipv6Addr> {
        let segment =
            prop_oneof![3 => Just(0), 1 => 0..20_u16, 1 => any::<u16>(), 1 => Just(0xffff)];
        prop::array::uniform8(segment).prop_map(Ipv6Addr::from)
    }

    proptest! {
        #[test]
        fn addresses_are_those_of_the_library(four in any::<Ipv4Addr>(), six in six(), port in any::<u16>()) {
            for ip in [IpAddr::from(four), six.into(), four.to_ipv6_mapped().into()] {
                prop_assert_eq!(written(|out| address(ip, out)), ip.to_string());
                let expected = SocketAddr::new(ip, port).to_string();
                prop_assert_eq!(written(|out| socket(ip, port, out)), expected);
            }
        }

        #[test]
        fn times_are_those_of_the_library(times in prop::collection::vec(any::<u64>(), 1..9), step in 0..3_000_000_000_u64) {
            let mut clock = Clock::default();
            for time in times.iter().flat_map(|time| [*time, time.saturating_add(step)]) {
                let mut out = Vec::new();
                clock.micros(time, &mut out);
                out.push(b' ');
                clock.nanos(time, &mut out);
                let time = super::super::time(time);
                prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{time:.6} {time:.9}"));
            }
        }
    }
}
