//! Makes heads of decoded header blocks (RFC 9113 section 8.3).
//!
//! The text of a head is written as HTTP/1 writes it, so that whatever shows or copies heads need
//! not know the version: `POST /mcp HTTP/2`, `host: …` for `:authority`, a field a line.

use bytes::{Bytes, BytesMut};

use super::hpack::{Field, Fields};
use crate::base::{Side, Span};
use crate::http::{Head, StartLine};

/// What a header block says.
#[derive(Debug)]
pub(super) enum Parsed {
    /// The head of a request.
    Request(Request),
    /// The head of a final response.
    Response(Response),
    /// An interim response (1xx): the final one follows.
    Interim,
    /// Fields without a pseudo-header field: they follow the content.
    Trailers,
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Box<Head>,
    pub(super) kind: RequestKind,
    /// Its `content-length`; `None` if it is absent, unknown or no number.
    pub(super) length: Option<u64>,
    /// What a receiver would not accept; `None` if the head is well-formed.
    pub(super) fault: Option<String>,
}

/// Kinds of requests that are read in different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Its response has a body if its head says so.
    Usual,
    /// `HEAD`: its response has no body.
    Head,
    /// `CONNECT`: what follows a 2xx is a tunnel. Says where it leads, or for an extended CONNECT
    /// (RFC 8441) what it carries.
    Tunnel(String),
    /// gRPC, which is never MCP.
    Grpc,
}

/// The head of a final response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) head: Box<Head>,
    /// `None` if it is not known.
    pub(super) status: Option<u16>,
    /// Its `content-length`, as that of a request.
    pub(super) length: Option<u64>,
    /// Whether it may be an event stream: its media type is not known.
    pub(super) may_be_stream: bool,
    /// Whether it may be an interim one (1xx): its status is not known.
    pub(super) may_be_interim: bool,
    pub(super) is_grpc: bool,
    /// What a receiver would not accept; `None` if the head is well-formed.
    pub(super) fault: Option<String>,
}

/// Returns what the block of `side` in `span` says.
pub(super) fn parse(side: Side, fields: &Fields, span: Span) -> Parsed {
    let pseudo = Pseudo::of(fields);
    match side {
        Side::Client if pseudo.is_trailers => Parsed::Trailers,
        Side::Client => Parsed::Request(request(&pseudo, fields, span)),
        Side::Server if pseudo.is_trailers => Parsed::Trailers,
        Side::Server => match pseudo.status() {
            Some(100..=199) => Parsed::Interim,
            status => Parsed::Response(response(status, &pseudo, fields, span)),
        },
    }
}

/// The pseudo-header fields of a block.
#[derive(Default)]
struct Pseudo<'a> {
    method: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    /// Whether the block has fields, and none of them can be a pseudo-header field.
    is_trailers: bool,
}

impl<'a> Pseudo<'a> {
    fn of(fields: &'a Fields) -> Self {
        let mut pseudo = Self::default();
        let mut count = 0;
        let mut can_be_head = false;
        for (name, value) in fields.iter() {
            count += 1;
            let Some(name) = name else {
                can_be_head = true;
                continue;
            };
            can_be_head |= name.starts_with(b":");
            let slot = match name {
                b":method" => &mut pseudo.method,
                b":path" => &mut pseudo.path,
                b":authority" => &mut pseudo.authority,
                b":protocol" => &mut pseudo.protocol,
                b":status" => &mut pseudo.status,
                _ => continue,
            };
            *slot = slot.or(value);
        }
        pseudo.is_trailers = count > 0 && !can_be_head && fields.unknown().is_none();
        pseudo
    }

    fn status(&self) -> Option<u16> {
        let digits = std::str::from_utf8(self.status?).ok()?;
        digits.parse().ok().filter(|status| (100..=999).contains(status))
    }
}

fn request(pseudo: &Pseudo<'_>, fields: &Fields, span: Span) -> Request {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let (method, authority) = (text(pseudo.method), text(pseudo.authority));
    let is_connect = method == "CONNECT";
    let target = if is_connect && pseudo.path.is_none() { authority.clone() } else { text(pseudo.path) };
    let kind = match &*method {
        "HEAD" => RequestKind::Head,
        "CONNECT" => RequestKind::Tunnel(match pseudo.protocol {
            Some(protocol) => format!("extended CONNECT to {target}: {}", String::from_utf8_lossy(protocol)),
            None => format!("CONNECT to {target}: a tunnel"),
        }),
        _ if is_grpc(fields) => RequestKind::Grpc,
        _ => RequestKind::Usual,
    };
    let is_known = fields.unknown().is_none() && !fields.is_cut();
    let lacks = match () {
        () if pseudo.method.is_none() => Some("no :method"),
        () if pseudo.path.is_none() && !is_connect => Some("no :path"),
        () => None,
    };
    let fault = lacks.filter(|_| is_known).map(str::to_owned).or_else(|| line_end(fields));
    let start = [method.as_bytes(), b" ", target.as_bytes(), b" HTTP/2"].concat();
    let host = pseudo.authority.filter(|_| !has(fields, b"host"));
    let start_line = StartLine::Request { method: method.to_owned().into(), target: target.into() };
    let head = Text::new(&start, host, fields).head(start_line, span, fields);
    Request { head, kind, length: length(fields), fault }
}

fn response(status: Option<u16>, pseudo: &Pseudo<'_>, fields: &Fields, span: Span) -> Response {
    let is_known = fields.unknown().is_none() && !fields.is_cut();
    let lacks = match pseudo.status {
        None => Some("no :status".to_owned()),
        Some(value) if status.is_none() => Some(format!(":status {}", String::from_utf8_lossy(value))),
        Some(_) => None,
    };
    let fault = lacks.filter(|_| is_known).or_else(|| line_end(fields));
    let start = match status {
        Some(status) => format!("HTTP/2 {status}"),
        None => "HTTP/2".to_owned(),
    };
    let start_line = status.map_or(StartLine::UnseenResponse, |status| StartLine::Response { status });
    let head = Text::new(start.as_bytes(), None, fields).head(start_line, span, fields);
    let may_be_stream = fields.unknown().any() && !has(fields, b"content-type");
    let may_be_interim = fields.unknown().any() && pseudo.status.is_none();
    let (length, is_grpc) = (length(fields), is_grpc(fields));
    Response { head, status, length, may_be_stream, may_be_interim, is_grpc, fault }
}

fn value<'a>(fields: &'a Fields, name: &[u8]) -> Option<&'a [u8]> {
    fields.iter().find(|(other, _)| *other == Some(name)).and_then(|(_, value)| value)
}

/// Returns whether the block has a field with this name and a known value.
fn has(fields: &Fields, name: &[u8]) -> bool {
    value(fields, name).is_some()
}

fn is_grpc(fields: &Fields) -> bool {
    value(fields, b"content-type").is_some_and(|value| value.starts_with(b"application/grpc"))
}

fn length(fields: &Fields) -> Option<u64> {
    let digits = value(fields, b"content-length")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Names the first field with a line end or NUL in it, which receivers reject (section 8.2.1).
fn line_end(fields: &Fields) -> Option<String> {
    let is_bad = |text: &&[u8]| text.iter().any(|byte| is_forbidden(*byte));
    let mut all = fields.iter();
    let (name, _) =
        all.find(|(name, value)| name.as_ref().is_some_and(is_bad) || value.as_ref().is_some_and(is_bad))?;
    Some(format!("a line end in the field {}", String::from_utf8_lossy(name.unwrap_or_default())))
}

fn is_forbidden(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// A head as text, with the place of each field in it.
struct Text {
    text: BytesMut,
    /// Start and end of each field's name, and end of its value.
    places: Vec<(usize, usize, usize)>,
}

impl Text {
    fn new(start: &[u8], host: Option<&[u8]>, fields: &Fields) -> Self {
        let capacity = start.len() + fields.len() + 4 * (fields.iter().count() + 3);
        let mut text = Self { text: BytesMut::with_capacity(capacity), places: Vec::new() };
        text.push(start);
        text.text.extend_from_slice(b"\r\n");
        if let Some(host) = host {
            text.field((Some(b"host"), Some(host)));
        }
        for field in fields.iter().filter(|(name, _)| !name.is_some_and(|name| name.starts_with(b":"))) {
            text.field(field);
        }
        text.text.extend_from_slice(b"\r\n");
        text
    }

    /// Appends text without what would end a line.
    fn push(&mut self, text: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        for byte in self.text.iter_mut().skip(start).filter(|byte| is_forbidden(**byte)) {
            *byte = b' ';
        }
    }

    fn field(&mut self, (name, value): Field<'_>) {
        let start = self.text.len();
        match (name, value) {
            (Some(name), Some(value)) => {
                self.push(name);
                let colon = self.text.len();
                self.text.extend_from_slice(b": ");
                self.push(value);
                self.places.push((start, colon, self.text.len()));
            }
            // No colon: it must not be taken for a field.
            (Some(name), None) => {
                self.text.extend_from_slice(b"(value not captured) ");
                self.push(name);
            }
            (None, Some(value)) => {
                self.text.extend_from_slice(b"(name not captured) ");
                self.push(value);
            }
            (None, None) => self.text.extend_from_slice(b"(field not captured)"),
        }
        self.text.extend_from_slice(b"\r\n");
    }

    fn head(self, start: StartLine, span: Span, fields: &Fields) -> Box<Head> {
        let text: Bytes = self.text.freeze();
        let places = self.places.iter().filter_map(|(start, colon, end)| {
            let name = std::str::from_utf8(text.get(*start..*colon)?).ok()?;
            Some((name, text.get(colon + 2..*end)?))
        });
        let head = Head::new(start, span, text.clone(), places);
        Box::new(head.with_unknown(fields.unknown()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hpack::Decoder;
    use super::super::hpack::tests::{Encoder, Form};
    use super::*;
    use crate::base::{Degraded, Origin};
    use crate::http::Field as HeadField;

    fn span() -> Span {
        Span::of(Origin::new(1, 1))
    }

    fn fields(list: &[(&str, &str)]) -> Fields {
        let (mut encoder, mut block, mut fields) = (Encoder::default(), Vec::new(), Fields::default());
        list.iter().for_each(|field| encoder.field(*field, Form::NotAdded, &mut block));
        Decoder::new().decode(&block, &mut fields).unwrap();
        fields
    }

    fn request(list: &[(&str, &str)]) -> Request {
        match parse(Side::Client, &fields(list), span()) {
            Parsed::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_reads_as_one_of_http_1() {
        let request = request(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "h:1"),
            (":path", "/mcp?x=1"),
            ("content-type", "application/json"),
            ("content-length", "12"),
        ]);
        let text = "POST /mcp?x=1 HTTP/2\r\nhost: h:1\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(request.head.text(), text);
        assert_eq!(request.head.field(HeadField::Host), Some("h:1"));
        assert_eq!(request.head.field(HeadField::ContentType), Some("application/json"));
        assert_eq!((request.length, request.kind, request.fault), (Some(12), RequestKind::Usual, None));
        let start = StartLine::Request { method: "POST".into(), target: "/mcp?x=1".into() };
        assert_eq!(request.head.start, start);
    }

    #[test]
    fn blocks_of_a_server_are_recognised() {
        let parsed = |list| parse(Side::Server, &fields(list), span());
        assert!(matches!(parsed(&[(":status", "103"), ("link", "x")]), Parsed::Interim));
        assert!(matches!(parsed(&[("grpc-status", "0")]), Parsed::Trailers));
        let Parsed::Response(response) = parsed(&[(":status", "202"), ("content-type", "text/event-stream")])
        else {
            panic!("no response");
        };
        assert_eq!(response.status, Some(202));
        assert!(response.head.is_event_stream() && !response.may_be_stream);
        let Parsed::Response(response) = parsed(&[(":status", "20x")]) else { panic!("no response") };
        assert_eq!((response.status, response.fault.as_deref()), (None, Some(":status 20x")));
    }

    #[test]
    fn tunnels_and_grpc_are_named() {
        let tunnel = request(&[(":method", "CONNECT"), (":authority", "h:443")]);
        assert_eq!(tunnel.kind, RequestKind::Tunnel("CONNECT to h:443: a tunnel".to_owned()));
        let websocket = request(&[(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws")]);
        assert_eq!(websocket.kind, RequestKind::Tunnel("extended CONNECT to /ws: websocket".to_owned()));
        let grpc = [(":method", "POST"), (":path", "/a/b"), ("content-type", "application/grpc+proto")];
        assert_eq!(request(&grpc).kind, RequestKind::Grpc);
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        let request = request(&[(":method", "GET"), (":path", "/"), ("x", "a\r\nmcp-session-id: b")]);
        assert_eq!(request.head.field(HeadField::SessionId), None);
        assert_eq!(request.head.text(), "GET / HTTP/2\r\nx: a  mcp-session-id: b\r\n\r\n");
        assert_eq!(request.fault.as_deref(), Some("a line end in the field x"));
        assert_eq!(request_fault(&[(":path", "/"), (":scheme", "http")]).as_deref(), Some("no :method"));
    }

    fn request_fault(list: &[(&str, &str)]) -> Option<String> {
        request(list).fault
    }

    /// A capture that starts in the middle: nobody is blamed for what it lacks.
    #[test]
    fn unknown_fields_are_no_fault() {
        let (mut encoder, mut block, mut fields) = (Encoder::default(), Vec::new(), Fields::default());
        encoder.field(("content-type", "text/event-stream"), Form::Added, &mut Vec::new());
        for field in [(":status", "299"), ("content-type", "text/event-stream")] {
            encoder.field(field, Form::Added, &mut block);
        }
        let mut decoder = Decoder::new();
        decoder.lose(Degraded::MIDSTREAM);
        decoder.decode(&block, &mut fields).unwrap();
        let Parsed::Response(response) = parse(Side::Server, &fields, span()) else { panic!("no response") };
        assert_eq!((response.status, response.fault), (Some(299), None));
        assert!(response.may_be_stream && !response.head.is_event_stream() && !response.head.is_unseen());
        assert_eq!(response.head.unknown(), Degraded::MIDSTREAM);
        assert_eq!(response.head.text(), "HTTP/2 299\r\n(field not captured)\r\n\r\n");
    }
}
