//! The certificate of a server (RFC 5280): whom it names, and until when it is valid.

use std::net::IpAddr;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::der::{Der, tag};
use crate::base::{Timestamp, text};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tls) struct Certificate {
    /// The common name of the subject; else its alternative names; empty if it has neither.
    pub(in crate::tls) subject: Box<str>,
    pub(in crate::tls) not_before: Timestamp,
    pub(in crate::tls) not_after: Timestamp,
    common_name: Option<Box<str>>,
    /// Host names of the subject alternative names, in lower case.
    hosts: Vec<Box<str>>,
    addresses: Vec<IpAddr>,
}

/// Alternative names that are compared: certificates of large sites have some hundreds.
const MAX_NAMES: usize = 1024;

/// Object identifiers: `id-at-commonName`, `id-ce-subjectAltName`.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 29, 17];

impl Certificate {
    /// Reads the first certificate of a Certificate message of TLS 1.2, or of TLS 1.3 if `is_v13`.
    /// `None` if it has none, or if it cannot be read.
    pub(in crate::tls) fn read_message(mut body: &[u8], is_v13: bool) -> Option<Self> {
        if is_v13 {
            let (context, rest) = body.split_first()?;
            body = rest.get(usize::from(*context)..)?;
        }
        let list = vec24(body)?;
        Self::read(vec24(list)?)
    }

    /// Reads a certificate in DER.
    fn read(der: &[u8]) -> Option<Self> {
        let certificate = Der(der).tagged(tag::SEQUENCE)?;
        let mut fields = Der(Der(certificate).tagged(tag::SEQUENCE)?);
        fields.tagged(tag::explicit(0)); // version
        fields.next()?; // serial number
        fields.tagged(tag::SEQUENCE)?; // signature
        fields.tagged(tag::SEQUENCE)?; // issuer
        let mut validity = Der(fields.tagged(tag::SEQUENCE)?);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let common_name = common_name(fields.tagged(tag::SEQUENCE)?);
        let mut read = Self {
            subject: Box::default(),
            not_before,
            not_after,
            common_name,
            hosts: Vec::new(),
            addresses: Vec::new(),
        };
        let extensions =
            fields.find(|(found, _)| *found == tag::explicit(3)).map_or(&[][..], |(_, value)| value);
        for (_, extension) in Der(Der(extensions).tagged(tag::SEQUENCE).unwrap_or_default()) {
            let mut fields = Der(extension);
            if fields.tagged(tag::OBJECT_IDENTIFIER) == Some(ALTERNATIVE_NAME) {
                fields.tagged(tag::BOOLEAN);
                read.add_names(fields.tagged(tag::OCTET_STRING).unwrap_or_default());
            }
        }
        let first =
            read.hosts.first().cloned().or_else(|| read.addresses.first().map(|ip| ip.to_string().into()));
        read.subject = read.common_name.clone().or(first).unwrap_or_default();
        Some(read)
    }

    fn add_names(&mut self, value: &[u8]) {
        for (found, name) in Der(Der(value).tagged(tag::SEQUENCE).unwrap_or_default()).take(MAX_NAMES) {
            if found == tag::implicit(2) {
                self.hosts.push(kept(&String::from_utf8_lossy(name).to_ascii_lowercase()));
            } else if found == tag::implicit(7) {
                let v4 = <[u8; 4]>::try_from(name).map(IpAddr::from);
                self.addresses.extend(v4.or_else(|_| <[u8; 16]>::try_from(name).map(IpAddr::from)));
            }
        }
    }

    /// Returns whether the certificate is one of `host` (RFC 6125 section 6.4): an alternative
    /// name, or the common name if it has none. A wildcard stands for one label. No certificate is
    /// one of a host without a name.
    pub(in crate::tls) fn covers(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() {
            return false;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        if self.hosts.is_empty() {
            return self.common_name.as_ref().is_some_and(|name| matches(&name.to_ascii_lowercase(), &host));
        }
        self.hosts.iter().any(|name| matches(name, &host))
    }
}

fn matches(name: &str, host: &str) -> bool {
    let name = name.trim_end_matches('.');
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

/// Returns the last common name of a subject: the most specific one.
fn common_name(subject: &[u8]) -> Option<Box<str>> {
    let mut common_name = None;
    for (found, set) in Der(subject) {
        for (_, attribute) in Der(if found == tag::SET { set } else { &[] }) {
            let mut fields = Der(attribute);
            if fields.tagged(tag::OBJECT_IDENTIFIER) == Some(COMMON_NAME) {
                common_name = fields.next().map(|(found, value)| string(found, value));
            }
        }
    }
    common_name
}

/// Decodes a string: UTF-16 for a BMPString, else UTF-8.
fn string(found: u8, value: &[u8]) -> Box<str> {
    if found != tag::BMP_STRING {
        return kept(&String::from_utf8_lossy(value));
    }
    let units: Vec<u16> = value.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    kept(&String::from_utf16_lossy(&units))
}

/// Reads a UTCTime or a GeneralizedTime (RFC 5280 section 4.1.2.5): `YYMMDDHHMMSSZ`,
/// `YYYYMMDDHHMMSSZ`.
fn time((found, value): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (year, rest) = match found {
        tag::UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    // Not `Date::at`, which panics if there is no such time of day.
    let time = Time::new(part(4)?, part(6)?, part(8).unwrap_or(0), 0).ok()?;
    let time = Date::new(year, part(0)?, part(2)?).ok()?.to_datetime(time);
    // A certificate that never expires says the last second of 9999 (RFC 5280 section 4.1.2.5),
    // which jiff has no timestamp for.
    let ns = Offset::UTC.to_timestamp(time).map_or(i128::MAX, jiff::Timestamp::as_nanosecond);
    Some(Timestamp(i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })))
}

/// Reads a vector whose length has three bytes.
fn vec24(bytes: &[u8]) -> Option<&[u8]> {
    let ([l0, l1, l2], rest) = bytes.split_first_chunk::<3>()?;
    rest.get(..usize::try_from(u32::from_be_bytes([0, *l0, *l1, *l2])).ok()?)
}

/// Returns a name as it is kept.
fn kept(name: &str) -> Box<str> {
    text::kept_name(name).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utc_time(text: &str) -> Option<i64> {
        Some(time((tag::UTC_TIME, text.as_bytes()))?.0 / 1_000_000_000)
    }

    #[test]
    fn times_are_read() {
        assert_eq!(utc_time("700101000000Z"), Some(0));
        assert_eq!(utc_time("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc_time("500101000000Z"), Some(-631_152_000));
        // Seconds may be missing (X.680 section 47), but not in a certificate.
        assert_eq!(utc_time("7001010001Z"), Some(60));
        let generalized = |text: &str| time((tag::GENERALIZED_TIME, text.as_bytes()));
        assert_eq!(generalized("19700101000001Z"), Some(Timestamp(1_000_000_000)));
        assert_eq!(generalized("99991231235959Z"), Some(Timestamp(i64::MAX)));
    }

    #[test]
    fn a_time_that_does_not_exist_is_none() {
        for text in ["700101240000Z", "700101006000Z", "700101000061Z", "700230000000Z", "700101-1-1-1Z"] {
            assert_eq!(utc_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_time_is_survived(text in "[-+0-9]{0,16}Z?", generalized: bool) {
            time((if generalized { tag::GENERALIZED_TIME } else { tag::UTC_TIME }, text.as_bytes()));
        }
    }
}
