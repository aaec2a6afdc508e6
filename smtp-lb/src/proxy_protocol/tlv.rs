//! Version 2's fields: type, length, value.

use crc::{CRC_32_ISCSI, Crc, Table};

use super::{Header, HeaderError, MAX};

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
pub(super) const CHECKSUM: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const TLS: u8 = 0x20;
const TLS_VERSION: u8 = 0x21;
const TLS_COMMON_NAME: u8 = 0x22;
const TLS_CIPHER: u8 = 0x23;

/// Octets of a unique id.
pub(crate) const MAX_UNIQUE_ID: usize = 128;

static CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

/// The client's leg is TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Bits: TLS is used (1), a certificate was given on this connection (2), or in this session (4).
    pub(crate) client: u8,
    /// 0: the client gave a certificate, which was verified.
    pub(crate) verify: u32,
    /// As OpenSSL names it, such as `TLSv1.3`.
    pub(crate) version: Option<Box<[u8]>>,
    /// As RFC 8446 and OpenSSL name it.
    pub(crate) cipher: Option<Box<[u8]>>,
    /// Of the client's certificate.
    pub(crate) common_name: Option<Box<[u8]>>,
}

/// A field, and the octets after it.
type Split<'a> = (u8, &'a [u8], &'a [u8]);

fn split(octets: &[u8]) -> Result<Split<'_>, HeaderError> {
    let ([kind, high, low], rest) = octets.split_first_chunk::<3>().ok_or(HeaderError::Field)?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = rest.split_at_checked(length).ok_or(HeaderError::Field)?;
    Ok((*kind, value, rest))
}

/// Reads the fields at the end of a `whole` header. Types that are not known are passed over.
pub(super) fn decode(whole: &[u8], mut fields: &[u8]) -> Result<Header, HeaderError> {
    let mut header = Header::default();
    while !fields.is_empty() {
        let (kind, value, rest) = split(fields)?;
        fields = rest;
        match kind {
            ALPN => header.alpn = Some(value.into()),
            AUTHORITY => header.authority = Some(value.into()),
            CHECKSUM => {
                let said: [u8; 4] = value.try_into().map_err(|_| HeaderError::Field)?;
                let at = whole.len() - rest.len() - said.len();
                if checksum(whole, at) != u32::from_be_bytes(said) {
                    return Err(HeaderError::Checksum);
                }
            }
            UNIQUE_ID if value.len() > MAX_UNIQUE_ID => return Err(HeaderError::UniqueId),
            UNIQUE_ID => header.unique_id = Some(value.into()),
            TLS => header.tls = Some(Box::new(tls(value)?)),
            _ => {}
        }
    }
    Ok(header)
}

fn tls(value: &[u8]) -> Result<Tls, HeaderError> {
    let ([client, verify @ ..], mut fields) =
        value.split_first_chunk::<5>().ok_or(HeaderError::Field)?;
    let mut tls = Tls {
        client: *client,
        verify: u32::from_be_bytes(*verify),
        ..Tls::default()
    };
    while !fields.is_empty() {
        let (kind, value, rest) = split(fields)?;
        fields = rest;
        match kind {
            TLS_VERSION => tls.version = Some(value.into()),
            TLS_COMMON_NAME => tls.common_name = Some(value.into()),
            TLS_CIPHER => tls.cipher = Some(value.into()),
            _ => {}
        }
    }
    Ok(tls)
}

/// Appends what is known, but the checksum.
pub(super) fn encode(header: &Header, octets: &mut Vec<u8>) {
    put(ALPN, header.alpn.as_deref(), octets);
    put(AUTHORITY, header.authority.as_deref(), octets);
    let id = header.unique_id.as_deref();
    put(UNIQUE_ID, id.filter(|id| id.len() <= MAX_UNIQUE_ID), octets);
    if let Some(tls) = &header.tls {
        let mut value = vec![tls.client];
        value.extend(tls.verify.to_be_bytes());
        put(TLS_VERSION, tls.version.as_deref(), &mut value);
        put(TLS_COMMON_NAME, tls.common_name.as_deref(), &mut value);
        put(TLS_CIPHER, tls.cipher.as_deref(), &mut value);
        put(TLS, Some(&value), octets);
    }
}

/// Appends a field, unless the header would be longer than others read. A checksum still fits.
fn put(kind: u8, value: Option<&[u8]>, octets: &mut Vec<u8>) {
    let Some(value) = value else { return };
    if octets.len() + value.len() > MAX - 64 {
        return;
    }
    let Ok(length) = u16::try_from(value.len()) else {
        return;
    };
    octets.push(kind);
    octets.extend(length.to_be_bytes());
    octets.extend_from_slice(value);
}

/// Of a whole header, with zeros for the four octets at `at`.
pub(super) fn checksum(whole: &[u8], at: usize) -> u32 {
    let mut digest = CRC32C.digest();
    digest.update(whole.get(..at).unwrap_or_default());
    digest.update(&[0; 4]);
    digest.update(whole.get(at + 4..).unwrap_or_default());
    digest.finalize()
}
