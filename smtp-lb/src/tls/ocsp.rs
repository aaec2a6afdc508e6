//! What a stapled OCSP response says (RFC 6960 4.2.1). Its signature is for the client to verify.

use std::time::SystemTime;

use x509_parser::asn1_rs::{Any, Class, FromDer, GeneralizedTime, Tag};

use super::certificate::time;

/// Why a response is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OcspFault {
    /// Not DER, or not of this shape.
    NotDer,
    /// `responseStatus` is not `successful`.
    Refused(u8),
    /// Nothing about this certificate.
    Other,
}

/// What it says about one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// Neither revoked nor unknown.
    pub(super) good: bool,
    /// Its end, if it has one.
    pub(super) next_update: Option<SystemTime>,
}

/// What the response says about the certificate with this serial number (the octets of the
/// INTEGER).
pub(super) fn parse(der: &[u8], serial: &[u8]) -> Result<Answer, OcspFault> {
    let (status, basic) = envelope(der).ok_or(OcspFault::NotDer)?;
    if status != 0 {
        return Err(OcspFault::Refused(status));
    }
    let singles = basic.and_then(singles).ok_or(OcspFault::NotDer)?;
    for single in singles {
        let (of, answer) = single.as_ref().and_then(about).ok_or(OcspFault::NotDer)?;
        if of == serial {
            return Ok(answer);
        }
    }
    Err(OcspFault::Other)
}

/// `OCSPResponse`: its status, and the octets of the `BasicOCSPResponse`.
fn envelope(der: &[u8]) -> Option<(u8, Option<&[u8]>)> {
    let mut response = Items(sequence(&Any::from_der(der).ok()?.1)?);
    let status = response.next()??;
    if status.tag() != Tag::Enumerated {
        return None;
    }
    let status = *status.data.first()?;
    let basic = response.next().flatten().and_then(|bytes| {
        let mut bytes = Items(sequence(&Any::from_der(context(&bytes, 0)?).ok()?.1)?);
        let _kind = bytes.next()??;
        let octets = bytes.next()??;
        (octets.tag() == Tag::OctetString).then_some(octets.data)
    });
    Some((status, basic))
}

/// The `SingleResponse`s of a `BasicOCSPResponse`.
fn singles(basic: &[u8]) -> Option<Items<'_>> {
    let mut basic = Items(sequence(&Any::from_der(basic).ok()?.1)?);
    let data = Items(sequence(&basic.next()??)?);
    // After an optional version, the responder and a time: the only SEQUENCE among them.
    for item in data {
        let item = item?;
        if item.class() == Class::Universal && item.tag() == Tag::Sequence {
            return Some(Items(item.data));
        }
    }
    None
}

/// Serial number and answer of a `SingleResponse`.
fn about<'a>(single: &Any<'a>) -> Option<(&'a [u8], Answer)> {
    let mut single = Items(sequence(single)?);
    let id = Items(sequence(&single.next()??)?);
    let serial = id.last()??;
    if serial.tag() != Tag::Integer {
        return None;
    }
    let status = single.next()??;
    let good = status.class() == Class::ContextSpecific && status.tag().0 == 0;
    let _this_update = single.next()??;
    let next_update = match single.next() {
        None => None,
        Some(item) => match context(&item?, 0) {
            None => None,
            Some(at) => {
                let at = GeneralizedTime::from_der(at).ok()?.1;
                Some(time(at.utc_datetime().ok()?.unix_timestamp()))
            }
        },
    };
    Some((serial.data, Answer { good, next_update }))
}

/// Elements of a SEQUENCE, one after the other; `None` for one that is none, and then no more.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Option<Any<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = Any::from_der(self.0).ok();
        self.0 = item.as_ref().map_or(&[], |(rest, _)| rest);
        Some(item.map(|(_, item)| item))
    }
}

fn sequence<'a>(any: &Any<'a>) -> Option<&'a [u8]> {
    (any.class() == Class::Universal && any.tag() == Tag::Sequence).then_some(any.data)
}

fn context<'a>(any: &Any<'a>, number: u32) -> Option<&'a [u8]> {
    (any.class() == Class::ContextSpecific && any.tag().0 == number).then_some(any.data)
}
