//! Rules for transactions that are over: GET, DELETE, preflights, and POSTs without a request.

use super::super::heads::{RequestHead, Verb};
use super::super::session::SessionState;
use super::super::transaction::{Transaction, TransactionEnd};
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin, ResponseEnd, Side};

/// A transaction of which nothing more is to come.
pub(in crate::mcp) struct EndedTransaction<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) end: TransactionEnd,
    /// `None` if it belongs to no session.
    pub(in crate::mcp) session: Option<&'a SessionState>,
    /// The packet that shows that nothing more is to come.
    pub(in crate::mcp) at: Origin,
    /// Whether it is MCP.
    pub(in crate::mcp) is_mcp: bool,
}

impl Moment for EndedTransaction<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.end.span.map_or(self.at, |response| response.end),
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: None,
        }
    }
}

impl EndedTransaction<'_> {
    /// The head of a request for an event stream.
    fn stream_request(&self) -> Option<&RequestHead> {
        let request = self.transaction.request()?;
        let asks = request.verb == Verb::Get && (request.accepts_events || request.session_id.is_some());
        let has_stream = self.transaction.stream().is_some();
        let is_known = !self.transaction.lacks_fields();
        (asks && is_known && self.is_mcp && !has_stream && !request.is_authorization()).then_some(request)
    }

    /// Request and response in words: `GET /mcp: 404 text/html, "Cannot GET /mcp"`.
    fn summary(&self) -> String {
        let Some(request) = self.transaction.request() else { return String::new() };
        let mut summary = format!("{} {}", request.method(), request.target);
        if let Some(status) = self.transaction.status() {
            summary.push_str(&format!(": {status}"));
        }
        let response = self.transaction.response();
        if let Some(media_type) = response.and_then(|response| response.media_type.as_deref()) {
            summary.push_str(&format!(" {media_type}"));
        }
        if let Some(text) = self.transaction.body_text().filter(|text| !text.is_empty()) {
            summary.push_str(&format!(", \"{text}\""));
        }
        summary
    }

    /// Whether another stream of the session is open.
    fn has_open_stream(&self) -> bool {
        self.session.is_some_and(SessionState::has_open_stream)
    }

    /// Whether the answer can hide in what the capture lacks.
    fn may_miss_bytes(&self) -> bool {
        self.transaction.degraded().and(self.transaction.gaps()).and(self.end.degraded).any()
    }

    /// The status of the response to a POST of notifications and responses alone. `None` also if
    /// header fields, and so perhaps its session, are not known.
    fn status_of_notification(&self) -> Option<u16> {
        let has_no_request = self.transaction.requests().is_empty();
        let has_messages = self.transaction.has_messages(Side::Client);
        let is_known = !self.transaction.lacks_fields();
        let is_notification = is_known && self.transaction.is_post() && has_messages && has_no_request;
        self.transaction.status().filter(|_| is_notification)
    }
}

/// A GET is answered with an event stream or with 405 (MCP 2025-03-26, transports, "Listening for
/// messages from the server"). Credentials may be missing, and a redirect leads elsewhere.
pub(super) fn get_is_misanswered(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let request = ended.stream_request()?;
    let is_due = match ended.transaction.status()? {
        401 | 403 | 405 | 407 | 409 | 429 | 100..=199 | 300..=399 => true,
        // A server that gives out session ids refuses what has none.
        400 if request.session_id.is_none() && !request.path.ends_with("/sse") => true,
        404 if request.session_id.is_some() => true,
        406 if !request.accepts_events => true,
        400..=499 => ended.has_open_stream(),
        _ => false,
    };
    if is_due {
        return None;
    }
    violation(Code::McpGetMisanswered, format!("{}; an event stream or 405 was due", ended.summary()))
}

/// A server may allow one stream for each session.
pub(super) fn stream_is_refused(ended: &EndedTransaction<'_>) -> Option<Violation> {
    ended.stream_request()?;
    match ended.transaction.status()? {
        409 => {}
        400 | 402 | 406 | 408 | 410..=499 if ended.has_open_stream() => {}
        _ => return None,
    }
    let which = if ended.has_open_stream() { "while another stream of the session is open" } else { "" };
    violation(Code::McpStreamRefused, format!("{} {which}", ended.summary()).trim_end())
}

/// A GET of a session that is answered 404, if the server has no route for GET.
pub(super) fn route_is_unknown(ended: &EndedTransaction<'_>) -> Option<Violation> {
    ended.stream_request()?;
    (ended.transaction.status()? == 404).then_some(())?;
    violation(Code::McpGetMisanswered, format!("{}; an event stream or 405 was due", ended.summary()))
}

pub(super) fn delete_is_refused(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let is_refused = ended.transaction.status()? >= 400;
    if !is_refused || !ended.is_mcp || ended.transaction.verb() != Some(Verb::Delete) {
        return None;
    }
    violation(Code::McpDeleteRefused, ended.summary())
}

pub(super) fn delete_is_unanswered(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let is_unanswered = ended.transaction.response().is_none() && ended.end.how != ResponseEnd::Open;
    let is_delete = ended.is_mcp && ended.transaction.verb() == Some(Verb::Delete);
    if !is_unanswered || !is_delete || ended.may_miss_bytes() {
        return None;
    }
    violation(Code::McpDeleteUnanswered, format!("{}: {}", ended.summary(), ended.end.how.name()))
}

/// A browser sends the request only if the preflight is answered 2xx, with leave for its origin and
/// its header fields (WHATWG Fetch, CORS-preflight fetch).
pub(super) fn preflight_is_refused(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let is_due = ended.is_mcp && !ended.transaction.lacks_fields();
    let preflight = ended.transaction.request()?.preflight.as_ref().filter(|_| is_due)?;
    let response = ended.transaction.response()?;
    let summary = ended.summary();
    let for_what = format!("asked for {} with {}", preflight.method, preflight.headers);
    if !(200..300).contains(&response.status?) {
        return violation(Code::McpPreflightRefused, format!("{summary}; {for_what}"));
    }
    let Some(allowed) = &response.allowed_headers else {
        let detail = format!("{summary}, without Access-Control-Allow-Origin; {for_what}");
        return violation(Code::McpPreflightRefused, detail);
    };
    let names = |list: &str| list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>();
    let allowed = names(allowed);
    let is_allowed =
        |name: &String| name.is_empty() || allowed.contains(name) || allowed.contains(&"*".into());
    let missing = names(&preflight.headers).into_iter().find(|name| !is_allowed(name))?;
    violation(Code::McpPreflightRefused, format!("{summary}, {missing} is not allowed; {for_what}"))
}

/// Streamable HTTP: what holds no request is answered 202 without a body.
pub(super) fn message_is_not_accepted(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let status = ended.status_of_notification()?;
    if ended.session?.is_http_sse() || status == 202 || !(200..300).contains(&status) {
        return None;
    }
    let bytes = ended.end.bytes;
    let detail = format!("{}, {bytes} bytes; 202 without a body was due", ended.summary());
    violation(Code::McpNot202, detail)
}

pub(super) fn message_is_refused(ended: &EndedTransaction<'_>) -> Option<Violation> {
    let status = ended.status_of_notification()?;
    let is_of_session = ended.transaction.request()?.session_id.is_some();
    if status < 400 || ended.session.is_none() || (status == 404 && is_of_session) {
        return None;
    }
    violation(Code::McpMessageRefused, ended.summary())
}
