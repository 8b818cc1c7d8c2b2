//! The calls of one connection: which transactions are calls, and their records when they are over.
//!
//! ```text
//!   Request head ─ POST, not of MCP ─▶ undecided ─ body or path ─▶ call ─ Ended ─▶ LlmCall
//!                                          └─ body of something else ─▶ forgotten
//!   event stream whose request was not captured ─▶ undecided ─ shape of its first events ─▶ call
//! ```

use std::sync::Arc;

use super::answer::Answer;
use super::call::{CallError, CallStatus, Carried, LlmCall};
use super::dialect::{self, Dialect};
use super::json;
use super::reader::Reader;
use super::request::{Request, may_be_call};
use crate::base::protocols::{Protocols, TlsNames};
use crate::base::{Degraded, Origin, Peers, ResponseEnd, Side, limits, text};
use crate::http::{Body, Event, Field, Head, StartLine, TransactionNo, Update, UpdateKind};

/// The calls of one connection that are open.
#[derive(Debug, Default)]
pub struct Calls {
    /// In the order in which they began. Empty on a connection that carries none.
    open: Vec<Open>,
    /// The latest transaction whose request was captured.
    latest: Option<TransactionNo>,
}

/// The connection that carries calls.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// The connection and its ends.
    pub peers: &'a Peers,
    /// What it agreed on; `None` without TLS.
    pub tls: Option<&'a Arc<TlsNames>>,
}

/// What becomes of calls, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// The request of a call is complete.
    Began(TransactionNo),
    /// A call is over. Its number is not set.
    Over(Box<LlmCall>),
}

/// A transaction that is a call, or may be one.
#[derive(Debug)]
struct Open {
    transaction: TransactionNo,
    target: Option<Arc<str>>,
    host: Option<Arc<str>>,
    /// The head has a field of Anthropic's API.
    is_anthropic: bool,
    /// Whether its target or the body of its request shows that it is a call.
    is_call: bool,
    /// The packets and the size of the request; `None` if it was not captured.
    carried: Option<Carried>,
    http_status: Option<u16>,
    is_event_stream: bool,
    /// Pieces of the answer that did not show a dialect.
    unknown_pieces: u32,
    /// Whether the answer came in pieces; `None` before it came.
    is_streamed: Option<bool>,
    degraded: Degraded,
    /// Without TLS.
    protocols: Protocols,
    request: Option<Box<Request>>,
    reader: Option<Box<Reader>>,
}

/// Events after which a stream whose request was not captured is none of a call.
const MAX_UNKNOWN_PIECES: u32 = 4;

/// Pieces of a body after which it is no answer, if none showed a dialect.
const MAX_UNPROVEN_PIECES: u32 = 64;

/// Beginning of the text of an HTTP error that is no JSON, in bytes.
const MAX_ERROR_PAGE: usize = 200;

impl Calls {
    /// Takes the next update of the connection.
    #[inline]
    pub fn push(&mut self, update: &Update, on: Connection<'_>, out: &mut Vec<Step>) {
        match &update.kind {
            UpdateKind::Request(head) => {
                if let Some(open) = self.request(update.transaction, head) {
                    self.begin(open, on, out);
                }
            }
            UpdateKind::Response(head) => {
                if let Some(open) = self.response(update.transaction, head) {
                    self.begin(open, on, out);
                }
            }
            _ if self.open.is_empty() => {}
            _ => self.push_open(update, on, out),
        }
    }

    /// Returns what a request begins; `None` if it can be no call.
    fn request(&mut self, transaction: TransactionNo, head: &Head) -> Option<Open> {
        self.latest = self.latest.max(Some(transaction));
        let StartLine::Request { method, target } = &head.start else { return None };
        if &**method != "POST" || is_mcp(head) {
            return None;
        }
        if Dialect::of_target(target).is_none() && names_session(target) {
            return None;
        }
        Some(Open {
            target: Some(text::kept(target).into()),
            host: head.field(Field::Host).map(|host| text::kept_name(host).into()),
            is_anthropic: has_anthropic_field(head),
            carried: Some(Carried { span: head.span, bytes: 0 }),
            protocols: Protocols { http: head.version(), http2_stream: head.stream(), tls: None },
            ..Open::new(transaction)
        })
    }

    /// Takes the head of a response. Returns what it begins if its request was not captured.
    fn response(&mut self, transaction: TransactionNo, head: &Head) -> Option<Open> {
        if let Some(open) = self.open.iter_mut().find(|open| open.transaction == transaction) {
            open.response(head);
            return None;
        }
        if Some(transaction) <= self.latest || !(head.is_event_stream() || head.is_unseen()) {
            return None;
        }
        // The connection was open before the capture, or packets are missing.
        let why = if transaction == TransactionNo(0) { Degraded::MIDSTREAM } else { Degraded::GAP };
        let mut open = Open { degraded: why, ..Open::new(transaction) };
        open.response(head);
        Some(open)
    }

    fn begin(&mut self, open: Open, on: Connection<'_>, out: &mut Vec<Step>) {
        if self.open.len() >= limits::MAX_LLM_CALLS {
            // More than a client has: nothing is said to be missing of the oldest.
            let oldest = self.open.remove(0);
            out.extend(oldest.over(End::unseen(Degraded::NOT_READ), on).map(Step::Over));
        }
        self.open.push(open);
    }

    #[inline(never)]
    fn push_open(&mut self, update: &Update, on: Connection<'_>, out: &mut Vec<Step>) {
        let transaction = update.transaction;
        let Some(at) = self.open.iter().position(|open| open.transaction == transaction) else { return };
        let Some(open) = self.open.get_mut(at) else { return };
        let was_call = open.is_call;
        let is_kept = match &update.kind {
            UpdateKind::RequestBody(body) => open.request_body(body),
            UpdateKind::Event(event) => open.event(event),
            UpdateKind::ResponseBody(body) => {
                open.response_body(body);
                true
            }
            UpdateKind::Gap { why, .. } => {
                open.degraded.add(*why);
                true
            }
            UpdateKind::Ended { how, bytes, span, degraded } => {
                let open = self.open.remove(at);
                let end = End {
                    how: *how,
                    at: update.at,
                    response: span.map(|span| Carried { span, bytes: *bytes }),
                    degraded: *degraded,
                };
                out.extend(open.over(end, on).map(Step::Over));
                return;
            }
            _ => true,
        };
        if !is_kept {
            self.open.remove(at);
        } else if open.is_call && !was_call {
            out.push(Step::Began(transaction));
        }
    }

    /// Nothing more of the connection comes: ends what is open.
    pub fn finish(&mut self, on: Connection<'_>, out: &mut Vec<Step>) {
        for open in self.open.drain(..) {
            out.extend(open.over(End::unseen(Degraded::NONE), on).map(Step::Over));
        }
    }

    /// Returns what is allocated for the calls, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        if self.open.is_empty() {
            return 0;
        }
        self.open.capacity() * size_of::<Open>() + self.open.iter().map(Open::held).sum::<usize>()
    }

    /// Drops the texts of all calls because a cap was reached.
    pub fn shed(&mut self) {
        for open in &mut self.open {
            if let Some(reader) = &mut open.reader {
                reader.answer.shed();
            }
            if let Some(request) = &mut open.request {
                request.shed();
                open.degraded.add(Degraded::NOT_READ);
            }
        }
    }
}

/// Returns whether a request says that it is one of MCP.
fn is_mcp(head: &Head) -> bool {
    [Field::SessionId, Field::ProtocolVersion, Field::McpMethod].into_iter().any(|field| head.has(field))
}

/// Returns whether a target names a session in its query, as HTTP+SSE does.
fn names_session(target: &str) -> bool {
    let query = target.split_once('?').map(|(_, query)| query.as_bytes());
    query.is_some_and(|query| memchr::memmem::find(query, b"ession").is_some())
}

/// Returns whether a head has a field that clients of Anthropic's API send.
fn has_anthropic_field(head: &Head) -> bool {
    let name = b"nthropic-version";
    memchr::memchr2_iter(b'a', b'A', head.text()).any(|at| {
        let behind = head.text().get(at + 1..at + 1 + name.len());
        behind.is_some_and(|behind| behind.eq_ignore_ascii_case(name))
    })
}

/// How a response ended.
#[derive(Clone, Copy)]
struct End {
    how: ResponseEnd,
    at: Origin,
    response: Option<Carried>,
    degraded: Degraded,
}

impl End {
    /// Nothing more is read.
    fn unseen(degraded: Degraded) -> Self {
        Self { how: ResponseEnd::Open, at: Origin::default(), response: None, degraded }
    }
}

impl Open {
    fn new(transaction: TransactionNo) -> Self {
        Self {
            transaction,
            target: None,
            host: None,
            is_anthropic: false,
            is_call: false,
            carried: None,
            http_status: None,
            is_event_stream: false,
            unknown_pieces: 0,
            is_streamed: None,
            degraded: Degraded::NONE,
            protocols: Protocols::default(),
            request: None,
            reader: None,
        }
    }

    /// Reads the body of the request; returns whether the transaction may still be a call.
    fn request_body(&mut self, body: &Body) -> bool {
        self.carried = Some(Carried { span: body.span, bytes: body.len });
        self.degraded.add(body.degraded);
        let target = self.target.as_deref().unwrap_or_default();
        let sure = Dialect::of_target(target);
        if !may_be_call(&body.content) {
            // What is missing of the body may have shown it: then the answer may.
            self.is_call |= sure.is_some();
            let is_lost = body.content.is_empty() && body.degraded.any();
            if sure.is_some() {
                self.reader().dialect = sure;
            }
            return self.is_call || is_lost;
        }
        let request = Request::read(&body.content);
        let dialect = request.dialect(target, self.is_anthropic);
        // The answer may have shown it before.
        self.is_call |= dialect.is_some();
        if let Some(dialect) = dialect {
            let reader = self.reader();
            reader.dialect = reader.dialect.or(Some(dialect));
        }
        self.request = Some(Box::new(request));
        self.is_call || !body.is_complete
    }

    fn response(&mut self, head: &Head) {
        if let StartLine::Response { status } = head.start {
            self.http_status = Some(status);
        }
        self.is_event_stream = head.is_event_stream() || head.is_unseen();
        self.degraded.add(head.unknown());
        self.protocols.http = self.protocols.http.or(head.version());
        self.protocols.http2_stream = self.protocols.http2_stream.or(head.stream());
    }

    fn reader(&mut self) -> &mut Reader {
        self.reader.get_or_insert_default()
    }

    /// Reads an event; returns whether the transaction may still be a call.
    fn event(&mut self, event: &Event) -> bool {
        self.degraded.add(event.degraded);
        self.is_streamed = Some(true);
        self.piece(event.name.as_deref(), &event.data, event.span.end)
    }

    fn piece(&mut self, event: Option<&str>, piece: &[u8], at: Origin) -> bool {
        let reader = self.reader();
        reader.push(event, piece, at);
        if reader.is_proven {
            self.is_call = true;
        } else if !self.is_call {
            self.unknown_pieces += 1;
        }
        self.is_call || self.unknown_pieces < MAX_UNKNOWN_PIECES
    }

    /// Reads a body that is no event stream: a JSON text, one in each line, or an array of them.
    fn response_body(&mut self, body: &Body) {
        self.degraded.add(body.degraded);
        let content = &body.content[..];
        let is_array = content.trim_ascii_start().first() == Some(&b'[');
        let is_lines = !is_array && json::Json::parse(content).is_none();
        if is_array {
            self.is_streamed = Some(true);
            let from = content.as_ptr() as usize;
            let mut unproven = 0;
            json::elements(content, |element| {
                // The element is a slice of the content: the difference of the addresses is its
                // place.
                let text = element.raw();
                let end = (text.as_ptr() as usize).wrapping_sub(from) + text.len();
                self.piece_of(body, text.as_bytes(), end as u64, &mut unproven);
            });
        } else if is_lines && content.trim_ascii_start().first() == Some(&b'{') {
            self.is_streamed = Some(true);
            let (mut end, mut unproven) = (0, 0);
            for line in content.split_inclusive(|byte| *byte == b'\n') {
                end += line.len() as u64;
                if line.trim_ascii_start().first() == Some(&b'{') {
                    self.piece_of(body, line, end, &mut unproven);
                }
            }
        } else if !is_lines {
            self.is_streamed = Some(false);
            let reader = self.reader();
            reader.push_whole(content);
            self.is_call |= reader.is_proven;
        }
        if self.http_status.is_some_and(|status| status >= 400) && self.reader().answer.error.is_none() {
            self.reader().answer.error = error_text(content);
        }
    }

    /// Reads a piece of a body, which ends at `end` bytes.
    fn piece_of(&mut self, body: &Body, piece: &[u8], end: u64, unproven: &mut u32) {
        *unproven += u32::from(!self.reader().is_proven);
        if *unproven <= MAX_UNPROVEN_PIECES {
            self.piece(None, piece, body.arrivals.at(end).unwrap_or(body.span.end));
        }
    }

    fn held(&self) -> usize {
        let request = self.request.as_ref().map_or(0, |it| size_of::<Request>() + it.held());
        let answer = self.reader.as_ref().map_or(0, |it| size_of::<Reader>() + it.answer.held());
        let target = self.target.as_ref().map_or(0, |target| target.len());
        request + answer + target + 2 * limits::MAX_NAME
    }

    /// Returns the record of the call; `None` if it turned out to be none.
    fn over(mut self, end: End, on: Connection<'_>) -> Option<Box<LlmCall>> {
        let target = self.target.clone();
        let target_text = target.as_deref().unwrap_or_default();
        let sure = Dialect::of_target(target_text);
        if !self.is_call && sure.is_none() {
            return None;
        }
        let Reader { dialect, answer, .. } = *self.reader.take().unwrap_or_default();
        let request = *self.request.take().unwrap_or_default();
        let dialect = dialect.or(sure)?;
        let mut degraded = self.degraded.and(end.degraded).and(answer.degraded);
        let is_whole = self.is_streamed == Some(false) && end.how == ResponseEnd::Complete;
        let is_finished = answer.is_done || answer.finish_reason.is_some() || is_whole;
        let status = self.status(&answer, &end, (dialect, is_finished, degraded));
        let ended_at = match end.how {
            ResponseEnd::Open if status == CallStatus::Open => None,
            ResponseEnd::Complete | ResponseEnd::Open => {
                Some(end.response.map_or(end.at, |response| response.span.end))
            }
            ResponseEnd::ClosedBy(_) | ResponseEnd::ResetBy(_) => Some(end.at),
        };
        let times = [self.carried.map(|it| it.span.start), answer.pace.first, answer.pace.last, ended_at];
        if answer.pace.went_back || !times.iter().flatten().map(|at| at.time).is_sorted() {
            degraded.add(Degraded::TIME_BACK);
        }
        let model = answer
            .model
            .as_deref()
            .or(request.model.as_deref())
            .or_else(|| dialect::model_of_target(target_text));
        let is_streamed = self.is_streamed.unwrap_or_else(|| match self.carried {
            Some(_) => request.is_streamed(dialect, target_text),
            None => true,
        });
        let tool_calls = answer.tools.into_iter().map(|tool| {
            let mut call = tool.call;
            call.is_complete |= is_finished;
            call
        });
        Some(Box::new(LlmCall {
            number: 0,
            tcp_stream: on.peers.tcp_stream,
            transaction: self.transaction.0,
            dialect,
            server: on.peers.server,
            client: on.peers.client,
            protocols: Protocols { tls: on.tls.cloned(), ..self.protocols },
            host: self.host,
            model: model.map(|model| text::kept_name(model).into()),
            target,
            is_streamed,
            is_event_stream: self.is_event_stream,
            http_status: self.http_status,
            status,
            ended: end.how,
            end: ended_at,
            error: answer.error,
            request: self.carried,
            response: end.response,
            pace: answer.pace,
            input_tokens: answer.usage.input,
            output_tokens: answer.usage.output,
            reasoning_tokens: answer.usage.reasoning,
            cached_tokens: answer.usage.cached,
            text: answer.text,
            reasoning_bytes: answer.reasoning_bytes,
            tool_calls: tool_calls.collect(),
            tool_results: request.results.into(),
            tools: request.tools,
            tools_offered: request.tools_offered,
            finish_reason: answer.finish_reason,
            degraded,
        }))
    }

    fn status(
        &self,
        answer: &Answer,
        end: &End,
        (dialect, is_finished, degraded): (Dialect, bool, Degraded),
    ) -> CallStatus {
        let is_refused = self.http_status.is_some_and(|status| !(200..300).contains(&status));
        if is_refused || answer.error.is_some() {
            return CallStatus::Error;
        }
        match end.how {
            _ if is_finished => CallStatus::Ok,
            ResponseEnd::Open => CallStatus::Open,
            // The end may be in what is missing.
            _ if degraded.may_hide_messages() => CallStatus::Ok,
            ResponseEnd::ClosedBy(Side::Client) | ResponseEnd::ResetBy(Side::Client) => CallStatus::Cancelled,
            ResponseEnd::ClosedBy(Side::Server) | ResponseEnd::ResetBy(Side::Server) => CallStatus::Cut,
            // The end may look different from what is known of it.
            ResponseEnd::Complete if degraded.any() || !dialect.is_documented() => CallStatus::Ok,
            ResponseEnd::Complete => CallStatus::Cut,
        }
    }
}

/// Returns what the body of an HTTP error says, if not in the way of its API.
fn error_text(body: &[u8]) -> Option<CallError> {
    let message = match json::Json::parse(body) {
        Some(json) => {
            let [detail, message] = json.get_all(["detail", "message"]);
            let detail = detail.or(message).unwrap_or(json);
            detail.text().unwrap_or_else(|| detail.raw().into()).into_owned()
        }
        None => String::from_utf8_lossy(body.get(..MAX_ERROR_PAGE).unwrap_or(body)).trim().to_owned(),
    };
    (!message.is_empty()).then(|| CallError { code: None, message: text::kept(&message).into() })
}
