//! What a collector answers: how much of a request it took (OTLP, "Partial Success").

use std::time::Duration;

use crate::export::otlp::Encoding;

/// The longest message of a collector that is kept, in bytes.
const MAX_MESSAGE: usize = 300;

/// The parts of a request that the collector did not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartialSuccess {
    /// Number of spans, data points or log records.
    pub(super) rejected: u64,
    /// Why, or a warning; empty without.
    pub(super) message: String,
}

impl PartialSuccess {
    /// Reads the body of an answer. One that cannot be read says nothing.
    pub(super) fn read(body: &[u8], encoding: Encoding) -> Self {
        let found = match encoding {
            Encoding::Protobuf => of_protobuf(body).unwrap_or_default(),
            Encoding::Json => of_json(body).unwrap_or_default(),
        };
        Self { message: cut(&found.message), ..found }
    }
}

/// Returns why a collector refused a request: the `message` of a `google.rpc.Status`, or the text
/// of the body.
pub(super) fn reason(body: &[u8], encoding: Encoding) -> String {
    let status = match encoding {
        Encoding::Protobuf => {
            let found = fields(body).and_then(|all| text(&all, 2));
            found.filter(|message| !message.is_empty())
        }
        Encoding::Json => serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|body| Some(body.get("message")?.as_str()?.to_owned())),
    };
    cut(&status.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
}

/// Returns the time that `Retry-After` names (RFC 9110 section 10.2.3): seconds, or a date that is
/// compared with `now`, in seconds since the epoch.
pub(super) fn retry_after(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(date.saturating_sub(now)).unwrap_or(0)))
}

fn cut(text: &str) -> String {
    let text = text.trim();
    text.get(..text.floor_char_boundary(MAX_MESSAGE)).unwrap_or_default().to_owned()
}

/// `partial_success` is field 1 of the answers for all signals; in it, 1 is a number and 2 a text.
fn of_protobuf(body: &[u8]) -> Option<PartialSuccess> {
    let all = fields(body)?;
    let Some((_, Wire::Bytes(partial))) = all.into_iter().find(|(number, _)| *number == 1) else {
        return None;
    };
    let inner = fields(partial)?;
    let rejected = inner.iter().find_map(|(number, value)| match value {
        Wire::Varint(count) if *number == 1 => Some(*count),
        _ => None,
    });
    Some(PartialSuccess { rejected: rejected.unwrap_or(0), message: text(&inner, 2).unwrap_or_default() })
}

fn of_json(body: &[u8]) -> Option<PartialSuccess> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = body.get("partialSuccess")?.as_object()?;
    let names = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"];
    let rejected = names.iter().find_map(|name| match partial.get(*name)? {
        serde_json::Value::String(digits) => digits.parse().ok(),
        number => number.as_u64(),
    });
    let message = partial.get("errorMessage").and_then(|message| message.as_str()).unwrap_or_default();
    Some(PartialSuccess { rejected: rejected.unwrap_or(0), message: message.to_owned() })
}

/// The value of a field of protobuf.
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Returns the fields of a protobuf message; `None` if the bytes are not one.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut bytes)?),
            1 => {
                take(&mut bytes, 8)?;
                Wire::Fixed
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                Wire::Bytes(take(&mut bytes, len)?)
            }
            5 => {
                take(&mut bytes, 4)?;
                Wire::Fixed
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

fn text(fields: &[(u64, Wire<'_>)], number: u64) -> Option<String> {
    fields.iter().find_map(|(found, value)| match value {
        Wire::Bytes(text) if *found == number => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    })
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_partial_success_is_read_in_both_encodings() {
        let expected = PartialSuccess { rejected: 300, message: "late".to_owned() };
        let protobuf = [10, 9, 8, 0xac, 2, 18, 4, b'l', b'a', b't', b'e'];
        assert_eq!(PartialSuccess::read(&protobuf, Encoding::Protobuf), expected);
        for json in [
            r#"{"partialSuccess":{"rejectedSpans":"300","errorMessage":"late"}}"#,
            r#"{"partialSuccess":{"rejectedDataPoints":300,"errorMessage":"late"}}"#,
        ] {
            assert_eq!(PartialSuccess::read(json.as_bytes(), Encoding::Json), expected);
        }
        for (body, encoding) in [("", Encoding::Protobuf), ("{}", Encoding::Json), ("<html>", Encoding::Json)]
        {
            assert_eq!(PartialSuccess::read(body.as_bytes(), encoding), PartialSuccess::default());
        }
    }

    #[test]
    fn a_refusal_has_a_reason() {
        assert_eq!(reason(&[8, 3, 18, 2, b'n', b'o'], Encoding::Protobuf), "no");
        assert_eq!(reason(br#"{"code":3,"message":"no"}"#, Encoding::Json), "no");
        assert_eq!(reason(b" no such path\n", Encoding::Protobuf), "no such path");
        assert_eq!(reason("\u{e9}".repeat(1000).as_bytes(), Encoding::Json).len(), 300);
    }

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 7 ", 0), Some(Duration::from_secs(7)));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(retry_after(date, 946_684_790), Some(Duration::from_secs(9)));
        assert_eq!(retry_after(date, 2_000_000_000), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", 0), None);
    }

    proptest! {
        #[test]
        fn any_body_is_read(body in prop::collection::vec(any::<u8>(), 0..64)) {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                PartialSuccess::read(&body, encoding);
                reason(&body, encoding);
            }
        }
    }
}
