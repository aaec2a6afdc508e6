//! What rustls does not say to clients of old.

/// The alert (record and all) for a client whose first octets are `received`, if it offers no
/// more than TLS 1.1: fatal `protocol_version` (RFC 8446 6.2).
///
/// rustls misses signature algorithms before it looks at the version, and tells such clients
/// `handshake_failure`, from which nobody learns what to do. To be sent in place of its alert when
/// a handshake with a client has failed. `None` too while fewer than 11 octets are there.
#[must_use]
pub fn outdated(received: &[u8]) -> Option<[u8; 7]> {
    match received {
        // Record: handshake, its version, length; ClientHello, length, offered version.
        [22, 3, _, _, _, 1, _, _, _, 3, 0..=2, ..] => Some([21, 3, 1, 0, 2, 2, 70]),
        _ => None,
    }
}
