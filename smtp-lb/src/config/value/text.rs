//! Names, paths, modes and domains.

use std::path::PathBuf;

use super::Fault;
use super::endpoint::{is_host_name, parse_address};
use crate::config::diagnostic::quote;

/// Longest name: it is a label in events and tables.
const MAX_NAME: usize = 63;

/// Longest path of a Unix socket on Linux, the ending NUL left out (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// Longest path that Linux takes, the ending NUL left out.
const MAX_PATH: usize = 4095;

/// Longest name of an interface on Linux, the ending NUL left out.
const MAX_INTERFACE: usize = 15;

/// Reads the name of anything: letters, digits and `-_.:/`, so that it needs no quoting in a
/// command or an event.
pub(crate) fn name(text: &str) -> Result<String, Fault> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/[]".contains(&b);
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a name", quote(text)),
        format!("write 1 to {MAX_NAME} letters, digits or characters of `-_.:/[]`"),
    ))
}

/// Reads an absolute path.
pub(crate) fn path(text: &str) -> Result<PathBuf, Fault> {
    if !text.starts_with('/') {
        return Err(Fault::new(
            format!("{} is not an absolute path", quote(text)),
            "write the whole path, beginning with `/`",
        ));
    }
    if text.len() > MAX_PATH || text.contains('\0') {
        return Err(Fault::new(
            format!("{} is not a path", quote(text)),
            format!("write at most {MAX_PATH} bytes, none of them zero"),
        ));
    }
    Ok(text.into())
}

/// Reads the path of a Unix socket.
pub(crate) fn socket_path(text: &str) -> Result<PathBuf, Fault> {
    if text.len() > MAX_SOCKET_PATH {
        return Err(Fault::new(
            format!("{} is too long for a Unix socket", quote(text)),
            format!("write a path of at most {MAX_SOCKET_PATH} bytes"),
        ));
    }
    path(text)
}

/// Reads a file mode: three octal digits, a zero before them or not.
pub(crate) fn mode(text: &str) -> Result<u32, Fault> {
    let digits = if text.len() == 4 {
        text.strip_prefix('0')
    } else {
        Some(text)
    };
    digits
        .filter(|digits| digits.len() == 3 && digits.bytes().all(|b| (b'0'..=b'7').contains(&b)))
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .ok_or_else(|| {
            Fault::new(
                format!("{} is not a file mode", quote(text)),
                "write three octal digits after a zero, as `\"0600\"`",
            )
        })
}

/// Reads the name of a network interface.
pub(crate) fn interface(text: &str) -> Result<String, Fault> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':';
    let special = text == "." || text == "..";
    if (1..=MAX_INTERFACE).contains(&text.len()) && !text.contains(forbidden) && !special {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not the name of an interface", quote(text)),
        "write a name as `ip link` shows it, as `\"eth0\"`",
    ))
}

/// Reads what EHLO may give: a domain or an address literal (RFC 5321 section 4.1.1.1).
pub(crate) fn ehlo_domain(text: &str) -> Result<String, Fault> {
    let literal = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let sound = match literal {
        Some(inside) => match inside.strip_prefix("IPv6:") {
            Some(v6) => v6.contains(':') && parse_address(v6).is_ok(),
            None => !inside.contains(':') && parse_address(inside).is_ok(),
        },
        None => is_host_name(text) && !text.ends_with('.'),
    };
    if sound {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a domain", quote(text)),
        "write a domain, as `\"lb.example.org\"`, or an address literal, as `\"[192.0.2.1]\"`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(mode("0600"), Ok(0o600));
        assert_eq!(mode("660"), Ok(0o660));
        for text in ["", "0", "06000", "0888", "rw", "1777", "0o600", "+600"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names() {
        for text in [
            "smtp",
            "/Common/vs_smtp",
            "mx1.example.org:25",
            "[2001:db8::1]:25",
        ] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a\u{1b}", "ü", &"x".repeat(64)] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn domains() {
        for text in ["lb.example.org", "lb", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(ehlo_domain(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "a b",
            "lb.",
            "[192.0.2.256]",
            "[2001:db8::1]",
            "x\r\nQUIT",
            "[IPv6:1.2.3.4]",
        ] {
            assert!(ehlo_domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(path("/run/x"), Ok("/run/x".into()));
        assert!(path("run/x").is_err());
        assert!(path("/run\0x").is_err());
        assert!(path(&format!("/{}", "x".repeat(4095))).is_err());
        assert!(socket_path(&format!("/{}", "x".repeat(106))).is_ok());
        assert!(socket_path(&format!("/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn interfaces() {
        assert_eq!(interface("eth0.100").as_deref(), Ok("eth0.100"));
        for text in ["", ".", "..", "a/b", "a b", "eth0:1", "sixteencharacter"] {
            assert!(interface(text).is_err(), "{text}");
        }
    }
}
