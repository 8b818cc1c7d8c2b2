//! What is kept of the heads of a transaction.

use std::borrow::Cow;
use std::sync::Arc;

use super::interner::Interner;
use super::passage::Passage;
use super::session_key;
use crate::base::{Timestamp, text};
use crate::rpc::{Field, Fields, Head, StartLine};

/// Paths that serve the authorization of MCP, beside `/.well-known/…` (MCP 2025-03-26,
/// authorization, section 2.3.3).
const AUTHORIZATION: [&str; 3] = ["/authorize", "/token", "/register"];

/// HTTP methods that MCP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Delete,
    Other,
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) verb: Verb,
    /// The method; `None` if `verb` says it.
    other_method: Option<Box<str>>,
    pub(super) target: Arc<str>,
    /// The server's path: the target without query and trailing slash.
    pub(super) path: Arc<str>,
    /// `Mcp-Session-Id`.
    pub(super) session_id: Option<Arc<str>>,
    /// Whether `Mcp-Session-Id` holds one id twice: `a, a`, two fields folded to one.
    pub(super) is_session_id_folded: bool,
    /// `MCP-Protocol-Version`.
    pub(super) protocol_version: Option<Arc<str>>,
    /// `Mcp-Method`.
    pub(super) mcp_method: Option<Box<str>>,
    /// `Mcp-Name`.
    pub(super) mcp_name: Option<Box<str>>,
    /// Hash of the `Last-Event-ID` with which it resumes a stream; `None` if there is none.
    pub(super) last_event_id: Option<u64>,
    /// `Host` of a GET: what an `endpoint` event is relative to.
    pub(super) host: Option<Box<str>>,
    /// Whether it accepts JSON and event streams, which Streamable HTTP demands of every POST.
    pub(super) accepts_both: bool,
    /// Whether the media type of its body is JSON.
    pub(super) is_json: bool,
    /// The media type of its body if it is not JSON; `None` also without one.
    pub(super) other_media_type: Option<Cow<'static, str>>,
    /// Whether it accepts event streams.
    pub(super) accepts_events: bool,
    /// Whether a page of another origin than the server's sent it: its `Origin` is not its `Host`.
    pub(super) is_cross_origin: bool,
    /// What it says about proxies that it came through.
    pub(super) passage: Passage,
    /// What it asks leave for, if it is a CORS preflight (WHATWG Fetch).
    pub(super) preflight: Option<Preflight>,
}

/// What a preflight asks leave for.
#[derive(Debug)]
pub(super) struct Preflight {
    /// The method of the request that is to follow.
    pub(super) method: Box<str>,
    /// The names of its header fields, separated by commas.
    pub(super) headers: Box<str>,
}

/// The head of a final response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    /// `None` if the head was not captured.
    pub(super) status: Option<u16>,
    /// Time of its first byte.
    pub(super) start: Timestamp,
    /// `Mcp-Session-Id`.
    pub(super) session_id: Option<Arc<str>>,
    /// Whether the media type is JSON.
    pub(super) is_json: bool,
    /// Whether the media type is neither JSON nor that of event streams.
    is_other: bool,
    /// The media type without parameters; `None` if it names none.
    pub(super) media_type: Option<Cow<'static, str>>,
    /// Whether it names a scheme of authentication (`WWW-Authenticate`).
    pub(super) has_challenge: bool,
    /// Whether a script of another origin that may read the response may not read its
    /// `Mcp-Session-Id` (WHATWG Fetch, CORS protocol).
    pub(super) hides_session_id: bool,
    /// `Access-Control-Allow-Headers` if the response has `Access-Control-Allow-Origin`; `None` if
    /// a browser may not read the response.
    pub(super) allowed_headers: Option<Box<str>>,
}

impl ResponseHead {
    /// The media type if it is neither JSON nor that of event streams; `None` also without one.
    pub(super) fn other_media_type(&self) -> Option<&str> {
        self.media_type.as_deref().filter(|_| self.is_other)
    }

    /// Length of its texts, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let media_type = self.media_type.as_ref().map_or(0, |text| text.len());
        let allowed_headers = self.allowed_headers.as_ref().map_or(0, |text| text.len());
        media_type + allowed_headers + self.session_id.as_ref().map_or(0, |id| id.len())
    }
}

impl RequestHead {
    /// Length of its texts, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let boxed = [&self.mcp_method, &self.mcp_name, &self.host];
        let boxed: usize = boxed.into_iter().flatten().map(|text| text.len()).sum();
        let media_type = self.other_media_type.as_ref().map_or(0, |text| text.len());
        let shared = [&self.protocol_version, &self.session_id].into_iter().flatten();
        let shared = self.target.len() + self.path.len() + shared.map(|text| text.len()).sum::<usize>();
        let preflight = self.preflight.as_ref().map_or(0, |asked| asked.method.len() + asked.headers.len());
        self.method().len() + shared + boxed + media_type + preflight
    }

    /// The HTTP method.
    pub(super) fn method(&self) -> &str {
        match self.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Delete => "DELETE",
            Verb::Other => self.other_method.as_deref().unwrap_or_default(),
        }
    }

    /// Returns what is kept of a head; `None` if it is none of a request.
    pub(super) fn of(head: &Head, interner: &mut Interner) -> Option<Self> {
        let StartLine::Request { method, target } = &head.start else { return None };
        let verb = match &**method {
            "GET" => Verb::Get,
            "POST" => Verb::Post,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        };
        let fields = head.fields();
        let field = |field| fields.get(field).map(|value| text::kept(value).into());
        let accept = fields.get(Field::Accept).unwrap_or_default();
        let (session_id, is_session_id_folded) = session_id(fields);
        let target = match text::kept(target) {
            Cow::Borrowed(_) => Arc::clone(target),
            Cow::Owned(cut) => cut.into(),
        };
        let content_type = fields.get(Field::ContentType).unwrap_or_default();
        let is_json = contains_word(content_type, "json");
        let accepts_events = contains_word(accept, "text/event-stream");
        Some(Self {
            verb,
            other_method: (verb == Verb::Other).then(|| (&**method).into()),
            path: session_key::server_path(&target, interner),
            target,
            session_id,
            is_session_id_folded,
            protocol_version: fields
                .get(Field::ProtocolVersion)
                .map(|revision| interner.share_revision(&text::kept(revision))),
            mcp_method: field(Field::McpMethod),
            mcp_name: field(Field::McpName),
            last_event_id: fields.get(Field::LastEventId).map(text::digest),
            host: if verb == Verb::Get { field(Field::Host) } else { None },
            accepts_events,
            is_cross_origin: is_cross_origin(fields),
            passage: Passage::of(fields),
            preflight: fields.get(Field::RequestedMethod).filter(|_| &**method == "OPTIONS").map(|method| {
                let headers = fields.get(Field::RequestedHeaders).unwrap_or_default();
                Preflight { method: text::kept(method).into(), headers: text::kept(headers).into() }
            }),
            accepts_both: accepts_events && contains_word(accept, "application/json"),
            is_json,
            other_media_type: if is_json { None } else { media_type(content_type) },
        })
    }

    /// Whether it has a header of MCP, or asks for one in a preflight.
    pub(super) fn has_mcp_header(&self) -> bool {
        self.session_id.is_some()
            || self.protocol_version.is_some()
            || self.mcp_method.is_some()
            || self.preflight.as_ref().is_some_and(|preflight| contains_word(&preflight.headers, "mcp-"))
    }

    /// Whether its path serves authorization.
    pub(super) fn is_authorization(&self) -> bool {
        self.path.starts_with("/.well-known/") || AUTHORIZATION.contains(&&*self.path)
    }
}

impl ResponseHead {
    /// `status` is `None` if the head was not captured.
    pub(super) fn of(head: &Head, status: Option<u16>) -> Self {
        let fields = head.fields();
        let content_type = fields.get(Field::ContentType).unwrap_or_default();
        let is_json = contains_word(content_type, "json");
        let is_other = !is_json && !head.is_event_stream();
        let allowed = |_| text::kept(fields.get(Field::AllowedHeaders).unwrap_or_default()).into();
        Self {
            status,
            start: head.span.start.time,
            session_id: session_id(fields).0,
            is_json,
            is_other,
            media_type: media_type(content_type),
            has_challenge: fields.get(Field::Challenge).is_some(),
            hides_session_id: hides_session_id(fields),
            allowed_headers: fields.get(Field::AllowedOrigin).map(allowed),
        }
    }
}

/// Whether the `Origin` of a request is another one than that of its `Host`.
fn is_cross_origin(fields: Fields<'_>) -> bool {
    let origin = fields.get(Field::Origin).and_then(|origin| origin.split_once("://"));
    let (Some((_, origin)), Some(host)) = (origin, fields.get(Field::Host)) else { return false };
    !origin.eq_ignore_ascii_case(host)
}

/// Whether a response lets scripts of other origins read it, but not its `Mcp-Session-Id`.
fn hides_session_id(fields: Fields<'_>) -> bool {
    let exposed = fields.get(Field::ExposedHeaders).unwrap_or_default();
    fields.get(Field::SessionId).is_some()
        && fields.get(Field::AllowedOrigin).is_some()
        && !contains_word(exposed, "mcp-session-id")
        && !exposed.contains('*')
}

/// The media type of a `Content-Type`, without parameters; `None` if it is empty.
fn media_type(content_type: &str) -> Option<Cow<'static, str>> {
    let end = memchr::memchr(b';', content_type.as_bytes()).unwrap_or(content_type.len());
    match content_type.get(..end).unwrap_or_default().trim() {
        "" => None,
        // Nearly always one of these.
        "application/json" => Some("application/json".into()),
        "text/event-stream" => Some("text/event-stream".into()),
        "text/plain" => Some("text/plain".into()),
        media_type => Some(text::kept(media_type).into_owned().into()),
    }
}

/// Whether a header value contains a word, ignoring ASCII case. The word begins with a small
/// letter.
fn contains_word(value: &str, word: &str) -> bool {
    let (value, word) = (value.as_bytes(), word.as_bytes());
    // Most often it stands at the end, as in `application/json, text/event-stream`, or in front.
    let last = value.len().checked_sub(word.len()).and_then(|at| value.get(at..));
    let ends = [last, value.get(..word.len())];
    if ends.into_iter().flatten().any(|part| part.eq_ignore_ascii_case(word)) {
        return true;
    }
    let first = word.first().copied();
    // The first letter alone rules out most places.
    let begins = |part: &[u8]| part.first().map(|byte| byte | 0x20) == first;
    let is_it = |part: &[u8]| begins(part) && part.eq_ignore_ascii_case(word);
    value.windows(word.len()).any(is_it)
}

/// `Mcp-Session-Id`, and whether it holds one id twice.
fn session_id(fields: Fields<'_>) -> (Option<Arc<str>>, bool) {
    let Some(value) = fields.get(Field::SessionId) else { return (None, false) };
    let mut parts = value.split(',').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    let is_folded = rest.peek().is_some() && rest.all(|part| part == first);
    let id = if is_folded { first } else { value };
    (Some(text::kept(id).into()), is_folded)
}
