//! Parses HTTP/1 heads (RFC 9112 sections 2 to 5), and determines the framing of the body. Lenient:
//! reads what `strict_head` does not.

use std::mem::MaybeUninit;

use bytes::Bytes;

use super::body::Framing;
use super::strict_head::StrictHead;
use crate::base::fact::Speaks;
use crate::base::{Code, Side, Span, limits};
use crate::http::{FieldValues, Head, StartLine};

/// A head and the framing of the body after it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) head: Box<Head>,
    pub(super) framing: Framing,
    /// The client waits for a 100 or a final response before it sends the body (`Expect:
    /// 100-continue`, RFC 9110 section 10.1.1).
    pub(super) expects_continue: bool,
    /// What few heads have. Boxed: heads are moved several times.
    pub(super) unusual: Option<Box<Unusual>>,
}

/// What few heads have.
#[derive(Debug)]
pub(super) struct Unusual {
    /// Status 1xx other than 101: the final response follows.
    pub(super) interim: bool,
    /// The protocol that a response with status 101 switches to.
    pub(super) upgrade: Option<Speaks>,
    /// Whether a request asks for WebSocket (RFC 6455 section 4.1).
    pub(super) asks_websocket: bool,
    /// Whether a WebSocket may compress its messages; an error names what it does that is not read.
    pub(super) compresses: Result<bool, String>,
    /// Violations that do not prevent parsing.
    pub(super) faults: Vec<(Code, String)>,
}

impl Default for Unusual {
    fn default() -> Self {
        Self {
            interim: false,
            upgrade: None,
            asks_websocket: false,
            compresses: Ok(false),
            faults: Vec::new(),
        }
    }
}

impl Unusual {
    /// Returns itself, or `None` if nothing is unusual.
    fn boxed(self) -> Option<Box<Self>> {
        let is_usual = !self.interim
            && self.upgrade.is_none()
            && !self.asks_websocket
            && self.compresses == Ok(false)
            && self.faults.is_empty();
        (!is_usual).then(|| Box::new(self))
    }
}

impl Parsed {
    /// Creates the result for a strict head, whose text is `text`.
    #[inline]
    pub(super) fn strict(head: StrictHead, values: FieldValues, text: Bytes, span: Span) -> Self {
        let StrictHead { start, framing, expects_continue, .. } = head;
        let head = Box::new(Head::with_values(start, span, text, values));
        Self { head, framing, expects_continue, unusual: None }
    }
}

/// Returns the length of the head at the front of `bytes`, including its empty line; `None` if it
/// is incomplete. `scanned` is the number of bytes that earlier calls searched, and is advanced, so
/// that no byte is searched twice.
pub(super) fn end(bytes: &[u8], scanned: &mut usize) -> Option<usize> {
    // An empty line is LF LF or LF CR LF: a lone LF ends a line too (RFC 9112 section 2.2).
    let from = *scanned;
    for at in memchr::memchr_iter(b'\n', bytes.get(from..)?).map(|at| at + from) {
        let behind = bytes.get(at + 1..).unwrap_or_default();
        match behind {
            [b'\n', ..] => return Some(at + 2),
            [b'\r', b'\n', ..] => return Some(at + 3),
            [] | [b'\r'] => {
                *scanned = at;
                return None;
            }
            _ => {}
        }
    }
    *scanned = bytes.len();
    None
}

/// Parses a complete head. The error says why the bytes are no head.
pub(super) fn parse(side: Side, raw: &Bytes, span: Span) -> Result<Parsed, String> {
    // Few heads have more than 32 fields: an array for all allowed fields costs more than parsing
    // those heads twice.
    match parse_fields::<32>(side, raw, span) {
        Err(httparse::Error::TooManyHeaders) => parse_fields::<{ limits::MAX_FIELDS }>(side, raw, span),
        parsed => parsed,
    }
    .map_err(|error| error.to_string())
}

fn parse_fields<const N: usize>(side: Side, raw: &Bytes, span: Span) -> Result<Parsed, httparse::Error> {
    let mut fields = [const { MaybeUninit::uninit() }; N];
    let config = httparse::ParserConfig::default();
    let (start, fields, status) = match side {
        Side::Client => {
            let mut request = httparse::Request::new(&mut []);
            let done = config.parse_request_with_uninit_headers(&mut request, raw, &mut fields)?;
            let (true, Some(method), Some(target)) = (done.is_complete(), request.method, request.path)
            else {
                return Err(httparse::Error::Token);
            };
            let start =
                StartLine::Request { method: method.to_owned().into(), target: origin_form(target).into() };
            (start, &*request.headers, None)
        }
        Side::Server => {
            let mut response = httparse::Response::new(&mut []);
            let mut config = config;
            config
                .allow_obsolete_multiline_headers_in_responses(true)
                .allow_spaces_after_header_name_in_responses(true);
            let done = config.parse_response_with_uninit_headers(&mut response, raw, &mut fields)?;
            let (true, Some(status)) = (done.is_complete(), response.code) else {
                return Err(httparse::Error::Token);
            };
            (StartLine::Response { status }, &*response.headers, Some(status))
        }
    };
    let mut faults = Vec::new();
    let framing = match status {
        // RFC 9112 section 6.3 rule 1.
        Some(100..=199 | 204 | 304) => Framing::Length(0),
        _ => framing(fields, &mut faults),
    };
    let interim = matches!(status, Some(100 | 102..=199));
    let expects_continue = status.is_none()
        && value(fields, "expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
    let upgrade = (status == Some(101)).then(|| upgrade(value(fields, "upgrade").unwrap_or_default()));
    let asks_websocket = status.is_none()
        && value(fields, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let compresses = if upgrade == Some(Speaks::WebSocket) { compresses(fields) } else { Ok(false) };
    let fields = fields.iter().map(|field| (field.name, field.value));
    let head = Box::new(Head::new(start, span, raw.clone(), fields));
    let unusual = Unusual { interim, upgrade, asks_websocket, compresses, faults }.boxed();
    Ok(Parsed { head, framing, expects_continue, unusual })
}

/// Returns the value of the first field with this name, without surrounding whitespace.
fn value<'a>(fields: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    // The length first: it rules out most fields.
    let has_name = |field: &&httparse::Header<'_>| {
        field.name.len() == name.len() && field.name.eq_ignore_ascii_case(name)
    };
    fields.iter().find(has_name).map(|field| field.value.trim_ascii())
}

/// Returns the protocol that an `Upgrade` field names (RFC 9110 section 7.8).
fn upgrade(value: &[u8]) -> Speaks {
    let name = value.split(|b| matches!(b, b'/' | b',')).next().unwrap_or_default().trim_ascii();
    match &*name.to_ascii_lowercase() {
        b"websocket" => Speaks::WebSocket,
        b"h2c" => Speaks::Http2,
        b"tls" => Speaks::Tls,
        _ => Speaks::Other,
    }
}

/// Returns whether a WebSocket may compress its messages (RFC 7692).
///
/// # Errors
/// Names an extension that is not read (RFC 6455 section 9.1).
fn compresses(fields: &[httparse::Header<'_>]) -> Result<bool, String> {
    let is_list = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("sec-websocket-extensions");
    let mut compresses = false;
    for field in fields.iter().filter(is_list) {
        for extension in field.value.split(|b| *b == b',') {
            let name = extension.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"permessage-deflate") {
                compresses = true;
            } else if !name.is_empty() {
                let name = String::from_utf8_lossy(name);
                return Err(format!("WebSocket with the extension {name}"));
            }
        }
    }
    Ok(compresses)
}

/// Returns path and query of a request target; removes scheme and authority of an absolute form
/// (RFC 9112 section 3.2.2).
fn origin_form(target: &str) -> &str {
    // First, since nearly every target is in origin form and a search for a text is dear.
    if target.starts_with('/') {
        return target;
    }
    let Some((scheme, rest)) = target.split_once("://") else {
        return target;
    };
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        return target;
    }
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn framing(fields: &[httparse::Header<'_>], faults: &mut Vec<(Code, String)>) -> Framing {
    let mut length = None;
    let mut codings = Codings::default();
    let mut conflict = false;
    for field in fields {
        // By length first: most fields of a head are neither.
        if field.name.len() == 14 && field.name.eq_ignore_ascii_case("content-length") {
            // RFC 9112 section 6.3 rule 5: a list of equal values is that value.
            for value in field.value.split(|b| *b == b',') {
                let value = decimal(value.trim_ascii());
                conflict |= value.is_none() || length.is_some_and(|length| Some(length) != value);
                length = length.or(value);
            }
        } else if field.name.len() == 17 && field.name.eq_ignore_ascii_case("transfer-encoding") {
            codings.add(field.value);
        }
    }
    if codings.fields > 0 {
        if length.is_some() || conflict {
            faults.push((Code::HttpLengthConflict, "both Content-Length and Transfer-Encoding".to_owned()));
        }
        return codings.framing(fields, faults);
    }
    if conflict {
        faults.push((
            Code::HttpBadLength,
            "Content-Length is no number, or stands twice and differs".to_owned(),
        ));
        return Framing::Unknown;
    }
    length.map_or(Framing::Unsaid, Framing::Length)
}

/// The transfer codings of a message: all `Transfer-Encoding` fields are one list (RFC 9110 section
/// 5.3).
#[derive(Default)]
struct Codings {
    fields: usize,
    /// How often `chunked` is named.
    chunked: usize,
    /// The last coding is `chunked`.
    ends_chunked: bool,
    /// A coding other than `chunked` and `identity` is named behind `chunked`.
    is_chunked_inside: bool,
}

impl Codings {
    fn add(&mut self, value: &[u8]) {
        self.fields += 1;
        for coding in value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty())
        {
            self.ends_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.chunked += usize::from(self.ends_chunked);
            let is_identity = coding.eq_ignore_ascii_case(b"identity");
            self.is_chunked_inside |= self.chunked > 0 && !self.ends_chunked && !is_identity;
        }
    }

    /// Returns the framing that they ask for. `fields` are those of the head.
    fn framing(self, fields: &[httparse::Header<'_>], faults: &mut Vec<(Code, String)>) -> Framing {
        if self.chunked == 1 && self.ends_chunked {
            return Framing::Chunked;
        }
        let is_coding = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("transfer-encoding");
        let values = fields.iter().filter(is_coding).map(|field| String::from_utf8_lossy(field.value));
        let text = values.collect::<Vec<_>>().join(", ");
        if self.chunked == 0 || self.is_chunked_inside {
            faults.push((Code::HttpBadLength, format!("Transfer-Encoding {text}")));
            return Framing::Unknown;
        }
        let among = if self.fields > 1 { format!(" in {} fields", self.fields) } else { String::new() };
        let detail = format!("Transfer-Encoding {text}{among}: read as chunked once");
        faults.push((Code::HttpTransferEncoding, detail));
        Framing::Chunked
    }
}

/// Parses a length (RFC 9110 section 8.6): digits only. `None` if it does not fit into 64 bits.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;
    use crate::http::Field;

    fn read(side: Side, text: &str) -> Result<Parsed, String> {
        parse(side, &Bytes::copy_from_slice(text.as_bytes()), Span::of(Origin::new(1, 1)))
    }

    #[test]
    fn the_end_is_found_however_the_head_is_cut() {
        for (head, len) in [
            ("GET / HTTP/1.1\r\nA: b\r\n\r\nbody", 24),
            ("GET / HTTP/1.1\nA: b\n\nbody", 21),
            ("GET / HTTP/1.1\r\n\r\n", 18),
        ] {
            let mut scanned = 0;
            let found = (0..=head.len()).find_map(|n| end(&head.as_bytes()[..n], &mut scanned));
            assert_eq!(found, Some(len), "{head:?}");
        }
    }

    #[test]
    fn framing_follows_rfc_9112() {
        for (fields, framing, code) in [
            ("Content-Length: 5\r\n", Framing::Length(5), None),
            ("content-LENGTH: 5\r\nContent-Length: 5\r\n", Framing::Length(5), None),
            ("Content-Length: 5, 5\r\n", Framing::Length(5), None),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Framing::Unknown, Some(Code::HttpBadLength)),
            ("Content-Length: +5\r\n", Framing::Unknown, Some(Code::HttpBadLength)),
            ("Content-Length: 99999999999999999999\r\n", Framing::Unknown, Some(Code::HttpBadLength)),
            ("Transfer-Encoding: gzip, Chunked\r\n", Framing::Chunked, None),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Framing::Chunked,
                Some(Code::HttpLengthConflict),
            ),
            ("Transfer-Encoding: gzip\r\n", Framing::Unknown, Some(Code::HttpBadLength)),
            ("Transfer-Encoding: chunked, gzip\r\n", Framing::Unknown, Some(Code::HttpBadLength)),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Framing::Chunked, None),
            (
                "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n",
                Framing::Chunked,
                Some(Code::HttpTransferEncoding),
            ),
            ("Transfer-Encoding: chunked, Chunked\r\n", Framing::Chunked, Some(Code::HttpTransferEncoding)),
            ("Transfer-Encoding: chunked, identity\r\n", Framing::Chunked, Some(Code::HttpTransferEncoding)),
            ("", Framing::Unsaid, None),
        ] {
            let head = read(Side::Server, &format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).expect(fields);
            assert_eq!(head.framing, framing, "{fields}");
            let unusual = head.unusual.unwrap_or_default();
            assert_eq!(unusual.faults.first().map(|fault| fault.0), code, "{fields}");
        }
        let head = read(Side::Server, "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n").expect("204");
        assert_eq!(head.framing, Framing::Length(0));
    }

    #[test]
    fn fields_in_any_case_and_targets_in_any_form() {
        let head = read(
            Side::Client,
            "POST http://host:1/mcp?x=1 HTTP/1.1\r\nMCP-SESSION-ID:  abc \r\nhost: h\r\n\r\n",
        )
        .expect("a head")
        .head;
        assert_eq!(head.start, StartLine::Request { method: "POST".into(), target: "/mcp?x=1".into() });
        assert_eq!(head.field(Field::SessionId), Some("abc"));
        assert_eq!(head.field(Field::Host), Some("h"));
        assert_eq!(head.field(Field::Accept), None);
        assert_eq!(origin_form("/a?u=http://b/c"), "/a?u=http://b/c");
        assert_eq!(origin_form("http://a"), "/");
    }
}
