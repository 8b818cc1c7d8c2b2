//! Every finding of this layer: one table of rules, by the moment at which each is checked.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::exchange::{Message, OpenExchange};
use super::exchange_table::HeldResponse;
use super::record::{Cause, Exchange};
use super::session::SessionState;
use super::transaction::{Transaction, Verb};
use super::{method, revision};
use crate::base::{Code, Degraded, Finding, Findings, Origin, Side, Status};
use crate::rpc::{Id, Parsed};

/// A rule looks at a moment, and returns what breaks it.
type Rule<M> = fn(&M) -> Option<Violation>;

/// The rules. To add one, write a function and put it in the list of its moment.
pub(super) const RULES: Rules = Rules {
    request_head: &[session_id_is_folded],
    response_head: &[session_is_refused],
    ambiguous_stream: &[stream_has_unknown_owner],
    request_body: &[method_header_differs, name_header_differs, version_header_differs],
    batch: &[batch_is_outside_its_revision],
    request_in_json: &[request_is_in_json_body],
    new_exchange: &[id_is_reused, token_collides, initialize_is_missing],
    repeated_response: &[response_is_duplicate],
    unmatched_progress: &[token_is_unknown],
    unmatched_cancellation: &[cancelled_id_is_unknown],
    completed_exchange: &[request_is_unanswered, post_was_repeated, response_is_late],
    twin_session: &[session_is_seen_twice],
    orphan: &[request_is_not_captured, response_is_unknown, ids_are_always_zero],
};

/// Rules by moment.
pub(super) struct Rules {
    /// The head of a request is complete.
    pub(super) request_head: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// The head of a response is complete, and its session is known.
    pub(super) response_head: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// A stream without head was given to a session, and several could own it.
    pub(super) ambiguous_stream: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// The body of a request is complete.
    pub(super) request_body: &'static [fn(&Body<'_>) -> Option<Violation>],
    /// All messages of a batch were handled.
    pub(super) batch: &'static [fn(&Body<'_>) -> Option<Violation>],
    /// The server sent a request in a body that is no event stream.
    pub(super) request_in_json: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A request opens an exchange, which is not outstanding yet.
    pub(super) new_exchange: &'static [fn(&NewExchange<'_>) -> Option<Violation>],
    /// A response has the id of an exchange that is complete.
    pub(super) repeated_response: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A progress notification matches no exchange.
    pub(super) unmatched_progress: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A cancellation matches no open exchange.
    pub(super) unmatched_cancellation: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// An exchange is complete.
    pub(super) completed_exchange: &'static [fn(&CompletedExchange<'_>) -> Option<Violation>],
    /// An exchange is complete that another session with the same id has too.
    pub(super) twin_session: &'static [fn(&TwinSession<'_>) -> Option<Violation>],
    /// No request came for a response in time.
    pub(super) orphan: &'static [fn(&Orphan<'_>) -> Option<Violation>],
}

/// What a rule found.
#[derive(Debug)]
pub(super) struct Violation {
    code: Code,
    detail: String,
}

fn violation(code: Code, detail: impl Into<String>) -> Option<Violation> {
    Some(Violation { code, detail: detail.into() })
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FindingContext {
    at: Origin,
    tcp_stream: u32,
    session: Option<u32>,
    exchange: Option<u64>,
}

/// Something that rules look at.
pub(super) trait Moment {
    /// What the findings of this moment are about.
    fn subject(&self) -> FindingContext;
}

/// A transaction whose head was seen in packet `at`.
pub(super) struct Head<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) at: Origin,
}

/// A body that carries MCP.
pub(super) struct Body<'a> {
    pub(super) transaction: &'a Transaction,
    /// `None` if the session was evicted.
    pub(super) session: Option<&'a SessionState>,
    pub(super) parsed: &'a Parsed,
}

/// A message that belongs to no open exchange.
pub(super) struct Unmatched<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) message: Message<'a>,
    /// The session, if the finding is about it.
    pub(super) session: Option<&'a SessionState>,
    /// The completed exchange that it belongs to; `None` if there is none.
    pub(super) completed: Option<u64>,
}

/// A request and the exchange that it opens.
pub(super) struct NewExchange<'a> {
    pub(super) session: &'a SessionState,
    pub(super) exchange: &'a OpenExchange,
}

/// An exchange of which nothing more is to come, at its last packet.
pub(super) struct CompletedExchange<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) at: Origin,
}

/// An exchange that another session has too.
pub(super) struct TwinSession<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) at: Origin,
    /// Number of the other session.
    pub(super) other: u32,
}

/// A response without a request.
pub(super) struct Orphan<'a> {
    /// Number of the session.
    pub(super) session: u32,
    pub(super) response: &'a HeldResponse,
    /// Why its request may be missing.
    pub(super) missing: Degraded,
    /// Number of responses of the session that have the id 0 and no request, up to this one; 0 if
    /// this one is not counted.
    pub(super) zero_ids: u32,
}

/// Checks rules, and adds what they find.
pub(super) fn check<M: Moment>(rules: &[Rule<M>], moment: &M, findings: &mut Findings) {
    for finding in violations(rules, moment) {
        findings.push(finding);
    }
}

/// What rules find, without adding it.
pub(super) fn violations<'a, M: Moment>(
    rules: &'a [Rule<M>],
    moment: &'a M,
) -> impl Iterator<Item = Finding> + 'a {
    rules.iter().filter_map(|rule| rule(moment)).map(|Violation { code, detail }| {
        let FindingContext { at, tcp_stream, session, exchange } = moment.subject();
        Finding { code, at: Some(at), tcp_stream: Some(tcp_stream), session, exchange, detail }
    })
}

/// Adds the faults that `rpc` found in a body or event, which is known to be MCP, and in its
/// messages.
pub(super) fn add_faults(transaction: &Transaction, parsed: &Parsed, findings: &mut Findings) {
    let of_messages = parsed.envelopes.iter().flat_map(|envelope| &envelope.faults);
    for fault in parsed.faults.iter().chain(of_messages) {
        findings.push(Finding {
            code: fault.code,
            at: Some(parsed.span.end),
            tcp_stream: Some(transaction.key().0),
            session: None,
            exchange: None,
            detail: fault.detail.clone().into_owned(),
        });
    }
}

/// Adds that a cap was reached.
pub(super) fn add_limit(at: Origin, detail: String, findings: &mut Findings) {
    findings.add(Code::McpLimit, at, detail);
}

impl Moment for Head<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext { at: self.at, tcp_stream: self.transaction.key().0, ..FindingContext::default() }
    }
}

impl Moment for Body<'_> {
    fn subject(&self) -> FindingContext {
        let at = self.parsed.span.end;
        FindingContext { at, tcp_stream: self.transaction.key().0, ..FindingContext::default() }
    }
}

impl Moment for Unmatched<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.message.span.end,
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: self.completed,
        }
    }
}

impl Moment for NewExchange<'_> {
    fn subject(&self) -> FindingContext {
        let exchange = self.exchange.record();
        FindingContext {
            at: exchange.request.span.end,
            tcp_stream: exchange.tcp_stream,
            session: Some(self.session.number()),
            exchange: Some(exchange.n),
        }
    }
}

impl Moment for CompletedExchange<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

impl Moment for TwinSession<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

impl Moment for Orphan<'_> {
    fn subject(&self) -> FindingContext {
        let HeldResponse { carrier, span, .. } = self.response;
        FindingContext { at: span.end, tcp_stream: carrier.0, session: Some(self.session), exchange: None }
    }
}

fn of_exchange(exchange: &Exchange, at: Origin) -> FindingContext {
    let session = Some(exchange.session.number);
    FindingContext { at, tcp_stream: exchange.tcp_stream, session, exchange: Some(exchange.n) }
}

// Heads.

fn session_id_is_folded(head: &Head<'_>) -> Option<Violation> {
    if !head.transaction.request()?.is_session_id_folded {
        return None;
    }
    violation(Code::McpSessionFolded, "Mcp-Session-Id holds one id twice: two fields folded to one")
}

/// The server does not know the session of the request.
fn session_is_refused(head: &Head<'_>) -> Option<Violation> {
    let request = head.transaction.request()?;
    let id = request.session_id.as_ref()?;
    if head.transaction.status() != Some(404) || !matches!(request.verb, Verb::Post | Verb::Get) {
        return None;
    }
    violation(Code::McpSessionRefused, format!("session {id}: 404"))
}

fn stream_has_unknown_owner(_: &Head<'_>) -> Option<Violation> {
    violation(Code::McpUnknownStream, "several sessions could own it")
}

// Bodies.

fn method_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let header = body.transaction.request()?.mcp_method.as_deref();
    header_differs("Mcp-Method", header, envelope.method.as_deref())
}

fn name_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let header = body.transaction.request()?.mcp_name.as_deref();
    header_differs("Mcp-Name", header, envelope.look.name.as_deref().or(envelope.look.uri.as_deref()))
}

fn version_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let header = body.transaction.request()?.protocol_version.as_deref();
    header_differs("MCP-Protocol-Version", header, envelope.look.meta_version.as_deref())
}

/// A header that repeats a value of the body (MCP 2026-07-28).
fn header_differs(field: &str, header: Option<&str>, body: Option<&str>) -> Option<Violation> {
    let (header, body) = (decoded(header?), body?);
    if header == body {
        return None;
    }
    violation(Code::McpHeaderMismatch, format!("{field} is {header}, the body has {body}"))
}

/// Decodes a header value of MCP 2026-07-28: one that is not ASCII is carried as `=?base64?…?=`.
fn decoded(value: &str) -> Cow<'_, str> {
    let coded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes = coded.and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(value),
    }
}

fn batch_is_outside_its_revision(body: &Body<'_>) -> Option<Violation> {
    let version = body.session?.protocol_version()?;
    if **version == *revision::BATCHES {
        return None;
    }
    let messages = body.parsed.envelopes.len();
    violation(Code::McpBatch, format!("{messages} messages in a batch, under {version}"))
}

// Messages.

fn request_is_in_json_body(request: &Unmatched<'_>) -> Option<Violation> {
    let method = request.message.envelope.method.as_deref().unwrap_or_default();
    violation(Code::McpRequestInResponse, format!("{method} in a JSON body"))
}

/// Without a session id the ids of several clients meet, so that one id in two requests is normal.
fn id_is_reused(new: &NewExchange<'_>) -> Option<Violation> {
    let Exchange { origin, id, .. } = new.exchange.record();
    if !new.session.has_id() || *id == Id::Null || !new.session.is_outstanding(*origin, id) {
        return None;
    }
    violation(Code::McpIdReused, format!("id {id}"))
}

fn token_collides(new: &NewExchange<'_>) -> Option<Violation> {
    let token = new.exchange.token()?;
    if !new.session.has_id() || !new.session.is_token_in_use(new.exchange.record().origin, token) {
        return None;
    }
    violation(Code::McpTokenCollision, format!("token {token}"))
}

/// The first request of an HTTP+SSE session that was captured from its beginning.
fn initialize_is_missing(new: &NewExchange<'_>) -> Option<Violation> {
    let (session, request) = (new.session, new.exchange.record());
    let is_first = session.is_at_first_request() && session.is_http_sse();
    let is_complete = session.degraded().is_none() && session.has_open_stream();
    let needs_initialize = request.origin == Side::Client
        && !method::is_initialize(&request.method)
        && *request.method != *method::PING;
    if !(is_first && is_complete && needs_initialize) {
        return None;
    }
    violation(Code::McpNoInitialize, format!("the first request is {}", request.method))
}

fn response_is_duplicate(response: &Unmatched<'_>) -> Option<Violation> {
    violation(Code::McpDuplicateResponse, id_text(response.message.envelope.id.as_ref()))
}

fn token_is_unknown(progress: &Unmatched<'_>) -> Option<Violation> {
    let token = progress.message.envelope.look.progress_token.as_ref()?;
    violation(Code::McpUnknownToken, format!("token {token}"))
}

fn cancelled_id_is_unknown(cancellation: &Unmatched<'_>) -> Option<Violation> {
    let id = cancellation.message.envelope.look.request_id.as_ref()?;
    violation(Code::McpUnknownCancel, format!("id {id}"))
}

// Exchanges.

fn request_is_unanswered(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { status, cause, degraded, method, id, .. } = completed.exchange;
    if *status != Status::Unanswered || degraded.any() {
        return None;
    }
    let code = if *cause == Some(Cause::NoStream) { Code::McpNoStream } else { Code::McpUnanswered };
    violation(code, format!("{method} with id {id}: {}", cause.map_or("", Cause::name)))
}

fn post_was_repeated(completed: &CompletedExchange<'_>) -> Option<Violation> {
    listed(completed, Code::McpPostRepeated)
}

fn response_is_late(completed: &CompletedExchange<'_>) -> Option<Violation> {
    listed(completed, Code::McpLateResponse)
}

/// A finding that the exchange lists already.
fn listed(completed: &CompletedExchange<'_>, code: Code) -> Option<Violation> {
    let Exchange { findings, method, id, .. } = completed.exchange;
    if !findings.contains(&code) {
        return None;
    }
    violation(code, format!("{method} with id {id}"))
}

fn session_is_seen_twice(twin: &TwinSession<'_>) -> Option<Violation> {
    let number = twin.exchange.session.number;
    let (first, second) = (twin.other.min(number), twin.other.max(number));
    violation(Code::McpSeenTwice, format!("s{first} and s{second} are one session on the way"))
}

// Responses without a request.

fn request_is_not_captured(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.missing.is_none() {
        return None;
    }
    let reasons: Vec<_> = orphan.missing.names().collect();
    let id = id_text(orphan.response.envelope.id.as_ref());
    violation(Code::McpRequestUnseen, format!("{id}: {}", reasons.join(", ")))
}

fn response_is_unknown(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.missing.any() {
        return None;
    }
    violation(Code::McpUnknownResponse, id_text(orphan.response.envelope.id.as_ref()))
}

/// Reported once for each session, at the second such response.
fn ids_are_always_zero(orphan: &Orphan<'_>) -> Option<Violation> {
    if orphan.zero_ids != 2 {
        return None;
    }
    violation(Code::McpIdZeroAlways, "responses with the id 0 to requests with other ids")
}

/// An id in the words of a finding; responses without one have the id null.
fn id_text(id: Option<&Id>) -> String {
    id.filter(|id| **id != Id::Null).map_or_else(|| "id null".to_owned(), |id| format!("id {id}"))
}
