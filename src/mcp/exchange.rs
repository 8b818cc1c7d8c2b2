//! An exchange that is open: its request was seen, and what becomes of it is not known yet.

use std::sync::Arc;

use super::carrier::Carrier;
use super::handle::{SessionIndex, TransactionKey};
use super::heads::ResponseHead;
use super::history::Continued;
use super::method;
use super::record::{Asked, Cause, Exchange, MessageSpan, SessionRef, Transport, Twins};
use super::transaction::Transaction;
use crate::base::http2::Http2Facts;
use crate::base::{Code, Degraded, Origin, Side, Span, Status, Timestamp, TraceContext};
use crate::rpc::{Envelope, Id, Kind, RpcError};

/// An open exchange.
#[derive(Debug)]
pub(super) struct OpenExchange {
    /// Boxed: it is emitted as it is.
    record: Box<Exchange>,
    session: SessionIndex,
    /// The transaction that carried the client's request; `None` once it is over, and for requests
    /// of the server.
    carrier: Option<TransactionKey>,
    /// The stream on which the response may come, and the server's retransmissions there when the
    /// request was sent.
    stream: Option<(TransactionKey, u32)>,
    token: Option<Id>,
    /// Whether it asks for a page of a list behind the first.
    has_cursor: bool,
    /// Requests of the server inside the exchange that wait for the client, and the time since
    /// which at least one does; `None` if none does.
    open_questions: Option<(u32, Timestamp)>,
    /// Whether it is one of the open questions of its parent.
    is_question: bool,
    is_answered: bool,
    /// The packet that cancelled it, and how.
    cancelled: Option<(Origin, Cause)>,
    /// How the transaction or stream that should have carried its response ended, and the packet
    /// that ended it; `None` while it is open.
    ended: Option<(Cause, Origin)>,
    /// The packet with which the client closed its direction of the connection that should carry
    /// the response; `None` while it is open. The server may still answer.
    hung_up: Option<Origin>,
    /// Why the HTTP response holds no usable JSON-RPC response; `None` if the cause is another.
    unusable: Option<Box<str>>,
    /// The first message about it on its way back: progress, a log message, a request of the server
    /// on its own stream.
    first_message: Option<Origin>,
    /// Number of these messages.
    messages: u32,
    /// The response to its POST redirects the client, which may repeat it elsewhere.
    is_redirected: bool,
    /// The head of the response to its POST was seen. A POST with the same message is then another
    /// request.
    is_acknowledged: bool,
    /// The greatest progress that was told.
    furthest: Option<f64>,
    /// The capability that it needs and that its receiver did not announce.
    missing_capability: Option<&'static str>,
}

/// A message and the side that sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) from: Side,
    /// Packets of the body or the event.
    pub(super) span: Span,
    pub(super) degraded: Degraded,
    pub(super) envelope: &'a Envelope,
}

impl OpenExchange {
    /// The exchange number `n`, opened by `message` in `transaction`.
    pub(super) fn new(
        n: u64,
        message: Message<'_>,
        transaction: &Transaction,
        session: (SessionIndex, SessionRef),
        (method, name): (Arc<str>, Option<Arc<str>>),
    ) -> Self {
        let Message { from, span, degraded, envelope } = message;
        let (key, peers) = (transaction.key(), transaction.peers());
        let (session, mut reference) = session;
        if reference.transport == Transport::StreamableHttp {
            // A replica, or another address of the host.
            reference.server = peers.server;
        }
        // A request on a stream is no better known than whose stream it is.
        let stream_degraded = if from == Side::Server { transaction.degraded() } else { Degraded::NONE };
        // A request of the server is one of many messages on its stream.
        let request_wait = transaction.http2().all().request_wait.filter(|_| from == Side::Client);
        let http2 = Http2Facts { request_wait, ..Http2Facts::default() };
        let trace = envelope.look.trace.clone();
        let trace = trace.map(|trace| trace.with_state(envelope.look.trace_state.as_deref()));
        let record = Box::new(Exchange {
            n,
            tcp_stream: peers.tcp_stream,
            transaction: key.1.0,
            protocols: transaction.protocols().clone(),
            answered_on: None,
            session: reference,
            client: peers.client,
            protocol_version: None,
            origin: from,
            id: envelope.id.clone().unwrap_or(Id::Null),
            method,
            name,
            status: Status::Unanswered,
            error: None,
            http_status: None,
            request: MessageSpan { span, bytes: envelope.bytes },
            response: None,
            ack: None,
            progress: 0,
            cause: None,
            wait_ended: None,
            http2: http2.boxed(),
            continues: None,
            input_ns: None,
            parent: None,
            asked: Asked::default(),
            twins: Twins::default(),
            trace: trace.map(Box::new),
            retransmissions: 0,
            degraded: degraded.and(stream_degraded),
            findings: envelope.faults.iter().map(|fault| fault.code).collect(),
        });
        Self {
            record,
            session,
            carrier: (from == Side::Client).then_some(key),
            stream: None,
            open_questions: None,
            is_question: false,
            token: envelope.look.progress_token.clone(),
            has_cursor: envelope.look.has_cursor,
            is_answered: false,
            cancelled: None,
            ended: None,
            hung_up: None,
            unusable: None,
            first_message: None,
            messages: 0,
            is_redirected: false,
            is_acknowledged: false,
            furthest: None,
            missing_capability: None,
        }
    }

    /// The exchange as far as it is known.
    pub(super) fn record(&self) -> &Exchange {
        &self.record
    }

    pub(super) fn into_record(self) -> Box<Exchange> {
        self.record
    }

    pub(super) fn session(&self) -> SessionIndex {
        self.session
    }

    /// Whether it asks for a page of a list behind the first.
    pub(super) fn has_cursor(&self) -> bool {
        self.has_cursor
    }

    pub(super) fn token(&self) -> Option<&Id> {
        self.token.as_ref()
    }

    /// The transaction that carried the client's request; `None` once it is over, and for requests
    /// of the server.
    pub(super) fn carrier(&self) -> Option<TransactionKey> {
        self.carrier
    }

    /// About what is allocated for it, in bytes, its entries in tables included.
    pub(super) fn allocated(&self) -> usize {
        /// Two copies of the id and of the token in the session's tables, and an entry each there
        /// and in the table of exchanges.
        const ENTRIES: usize = 384;
        let token = self.token.as_ref().map_or(0, Id::len);
        let name = self.record.name.as_ref().map_or(0, |name| name.len());
        let trace = self.record.trace.as_ref().map_or(0, |trace| {
            size_of::<TraceContext>() + trace.state.as_ref().map_or(0, |state| state.len())
        });
        let texts = 2 * (self.record.id.len() + token) + self.record.method.len() + name + trace;
        size_of::<Self>() + size_of::<Exchange>() + ENTRIES + texts
    }

    /// Whether it has neither a response nor another outcome.
    pub(super) fn is_unanswered(&self) -> bool {
        !self.is_answered && self.record.status == Status::Unanswered
    }

    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether it waits for the status line that answers its POST.
    pub(super) fn needs_acknowledgement(&self) -> bool {
        self.record.origin == Side::Client && !self.is_acknowledged && self.carrier.is_some()
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// Whether its sender cancelled it with a message, which tells that no response came before.
    pub(super) fn is_cancelled_by_message(&self) -> bool {
        self.cancelled.is_some_and(|(_, cause)| cause == Cause::Cancelled)
    }

    /// Whether the client cancels it by closing the response stream: since 2026-07-28.
    pub(super) fn is_cancelled_by_closing(&self) -> bool {
        self.record.is_stateless()
    }

    /// Whether what should have carried its response is over.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some() && self.carrier.is_none()
    }

    /// Whether the server ended the wait without a response.
    pub(super) fn is_ended_by_server(&self) -> bool {
        matches!(self.ended, Some((Cause::ServerClosed | Cause::ServerReset | Cause::NoStream, _)))
    }

    /// Whether what is behind a hole may show another end: that the server did not end the wait, or
    /// that its answer came before the client reset the stream of HTTP/2.
    pub(super) fn may_have_ended_otherwise(&self) -> bool {
        let closed_by = self.record.http2_facts().closed_by;
        self.is_ended_by_server() || closed_by.is_some_and(|frame| frame.by == Side::Client)
    }

    /// Whether its connection was lost before any response head, so that the client may POST it
    /// again.
    pub(super) fn is_interrupted(&self) -> bool {
        !self.is_acknowledged
            && self.carrier.is_none()
            && self.ended.is_some_and(|(cause, _)| cause != Cause::CaptureEnd)
    }

    /// Whether the response to its POST is a redirect, so that the client may POST it again.
    pub(super) fn is_redirected(&self) -> bool {
        self.is_redirected
    }

    pub(super) fn set_redirected(&mut self, is_redirected: bool) {
        self.is_redirected = is_redirected;
    }

    pub(super) fn degrade(&mut self, why: Degraded) {
        self.record.degraded.add(why);
    }

    /// The capability that it needs and that its receiver did not announce; `None` if it did, or if
    /// that is not known.
    pub(super) fn missing_capability(&self) -> Option<&'static str> {
        self.missing_capability
    }

    pub(super) fn set_missing_capability(&mut self, capability: Option<&'static str>) {
        self.missing_capability = capability;
    }

    /// Lists codes among the findings of the exchange.
    pub(super) fn add_findings(&mut self, codes: impl IntoIterator<Item = Code>) {
        self.record.findings.extend(codes);
    }

    /// The first message about it before the response; `None` if there is none.
    pub(super) fn first_message(&self) -> Option<Origin> {
        self.first_message
    }

    /// Number of messages about it before the response.
    pub(super) fn messages(&self) -> u32 {
        self.messages
    }

    /// Counts a message about it that came before the response, complete at `at`.
    pub(super) fn count_message(&mut self, at: Origin) {
        if !self.is_answered {
            self.first_message.get_or_insert(at);
            self.messages = self.messages.saturating_add(1);
        }
    }

    pub(super) fn twins_mut(&mut self) -> &mut Twins {
        &mut self.record.twins
    }

    /// Lists a code among the findings of the exchange, once.
    pub(super) fn add_finding(&mut self, code: Code) {
        if !self.record.findings.contains(&code) {
            self.record.findings.push(code);
        }
    }

    /// Counts a progress notification; returns the greatest progress that was told before.
    pub(super) fn count_progress(&mut self, progress: Option<f64>) -> Option<f64> {
        self.record.progress = self.record.progress.saturating_add(1);
        let before = self.furthest;
        self.furthest = before.into_iter().chain(progress).reduce(f64::max);
        before
    }

    /// Sets the exchange that it continues, and the end of the response that asked for input if it
    /// did.
    pub(super) fn set_continues(&mut self, continued: Option<Continued>) {
        self.record.continues = continued.map(|continued| continued.n);
        let asked = continued.and_then(|continued| continued.asked_at);
        self.record.input_ns = asked.map(|asked| self.record.request.span.start.time.since(asked));
    }

    pub(super) fn set_protocol_version(&mut self, version: Option<Arc<str>>) {
        self.record.protocol_version = version;
    }

    /// Sets the session's revision where the exchange has none of its own.
    pub(super) fn set_protocol_version_if_none(&mut self, version: Option<&Arc<str>>) {
        if self.record.protocol_version.is_none() && !method::is_initialize(&self.record.method) {
            self.record.protocol_version = version.cloned();
        }
    }

    /// Sets the session as it is known when the exchange completes: its transport may have shown
    /// itself since.
    pub(super) fn set_session(&mut self, session: &SessionRef) {
        if is_same(&self.record.session, session) {
            return;
        }
        let server = self.record.session.server;
        self.record.session = session.clone();
        if self.record.session.transport == Transport::StreamableHttp {
            self.record.session.server = server;
        }
    }

    /// The stream on which the response may come, and the server's retransmissions there so far.
    pub(super) fn set_stream(&mut self, stream: Option<(TransactionKey, u32)>) {
        self.stream = stream;
    }

    /// The exchange in which the server asks.
    pub(super) fn parent(&self) -> Option<u64> {
        self.record.parent
    }

    pub(super) fn set_parent(&mut self, n: Option<u64>) {
        self.record.parent = n;
        self.is_question = n.is_some();
    }

    /// The exchange whose open question it is; from now on it is none.
    pub(super) fn take_question(&mut self) -> Option<u64> {
        std::mem::take(&mut self.is_question).then_some(self.record.parent)?
    }

    /// The server asked the client something at `at`, inside the exchange.
    pub(super) fn open_question(&mut self, at: Timestamp) {
        if self.is_answered {
            return;
        }
        self.record.asked.requests = self.record.asked.requests.saturating_add(1);
        let (open, since) = self.open_questions.unwrap_or((0, at));
        self.open_questions = Some((open.saturating_add(1), since));
    }

    /// A question is answered or withdrawn at `at`.
    pub(super) fn close_question(&mut self, at: Timestamp) {
        let Some((open, since)) = self.open_questions else { return };
        if open > 1 {
            self.open_questions = Some((open - 1, since));
        } else {
            self.close_questions(at);
        }
    }

    /// The exchange ended at `at`: nothing waits for the client any more.
    fn close_questions(&mut self, at: Timestamp) {
        if let Some((_, since)) = self.open_questions.take() {
            let asked = &mut self.record.asked;
            asked.client_ns = asked.client_ns.saturating_add(at.since(since).max(0));
        }
    }

    /// Takes the head of the response to the POST; returns whether it is the first.
    pub(super) fn acknowledge(&mut self, response: &ResponseHead) -> bool {
        self.record.http_status = response.status;
        self.record.ack = response.status.map(|_| response.start);
        !std::mem::replace(&mut self.is_acknowledged, true)
    }

    pub(super) fn add_retransmissions(&mut self, retransmissions: u32) {
        self.record.retransmissions = self.record.retransmissions.saturating_add(retransmissions);
    }

    /// Takes the response.
    pub(super) fn answer(&mut self, carrier: Carrier, message: Message<'_>) {
        let Message { from, span, degraded, envelope } = message;
        self.is_answered = true;
        self.close_questions(span.start.time);
        self.record.answered_on = Some((carrier.key.0, carrier.key.1.0));
        self.record.response = Some(MessageSpan { span, bytes: envelope.bytes });
        self.record.degraded.add(degraded.and(carrier.degraded));
        self.record.error.clone_from(&envelope.error);
        self.record.findings.extend(envelope.faults.iter().map(|fault| fault.code));
        self.record.status = match envelope.kind {
            Kind::Error => Status::Error,
            _ if envelope.look.is_error => Status::ToolError,
            _ => Status::Ok,
        };
        // Those of the stream since the request, or of the POST with which the client responds.
        let retransmissions = match self.stream {
            Some((key, before)) if key == carrier.key => {
                carrier.server_retransmissions.saturating_sub(before)
            }
            _ if from == Side::Client => carrier.client_retransmissions,
            _ => 0,
        };
        self.add_retransmissions(retransmissions);
        let response_wait = if from == Side::Client {
            carrier.http2.request_wait
        } else if self.is_carried_by(carrier.key) {
            carrier.http2.response_wait
        } else {
            carrier.event_wait
        };
        self.set_http2(Http2Facts { response_wait, ..self.record.http2_facts() });
    }

    /// Whether the transaction is that of the POST which carried the request.
    fn is_carried_by(&self, key: TransactionKey) -> bool {
        let record = &self.record;
        record.origin == Side::Client && (record.tcp_stream, record.transaction) == (key.0, key.1.0)
    }

    /// The transaction ended that carried the request, or the stream that should have carried the
    /// response.
    pub(super) fn end_in(&mut self, transaction: &Transaction) {
        let of_transaction = transaction.http2().all();
        let mut http2 = self.record.http2_facts();
        if self.is_carried_by(transaction.key()) {
            http2.response_wait = of_transaction.response_wait;
        }
        http2.closed_by = of_transaction.closed_by;
        self.set_http2(http2);
    }

    fn set_http2(&mut self, http2: Http2Facts) {
        self.record.http2 = http2.boxed();
    }

    /// The response to the POST is a 4xx or 5xx and ended at `at`; `error` is what its body says.
    pub(super) fn set_http_error(&mut self, error: Option<RpcError>, at: Origin) {
        self.record.status = Status::HttpError;
        self.record.cause = Some(Cause::HttpError);
        self.record.wait_ended = Some(at);
        self.record.error = error;
    }

    /// The response to the POST ended at `at` and holds no usable JSON-RPC response, for this
    /// reason; `error` is what its body says.
    pub(super) fn set_unusable(&mut self, reason: Box<str>, error: Option<RpcError>, at: Origin) {
        self.ended = Some((Cause::NoResponse, at));
        self.unusable = Some(reason);
        self.record.error = error;
    }

    /// Why the HTTP response holds no usable JSON-RPC response; `None` if the cause is another.
    pub(super) fn unusable(&self) -> Option<&str> {
        self.unusable.as_deref().filter(|_| self.record.cause == Some(Cause::NoResponse))
    }

    /// Cancels it, unless it is cancelled already.
    pub(super) fn cancel(&mut self, at: Origin, cause: Cause) {
        self.cancelled.get_or_insert((at, cause));
    }

    /// The client closed its direction of the connection that should carry the response.
    pub(super) fn hang_up(&mut self, at: Origin) {
        self.hung_up.get_or_insert(at);
    }

    /// The transaction that carried the request is over.
    pub(super) fn clear_carrier(&mut self) {
        self.carrier = None;
    }

    /// Sets how the transaction or stream ended that should have carried the response, and where.
    pub(super) fn set_ended(&mut self, ended: Option<(Cause, Origin)>) {
        self.ended = ended;
    }

    pub(super) fn set_ended_if_none(&mut self, cause: Cause, at: Origin) {
        self.ended.get_or_insert((cause, at));
    }

    /// The client POSTed the request again, in another transaction.
    pub(super) fn repeat(&mut self, carrier: TransactionKey) {
        self.carrier = Some(carrier);
        self.ended = None;
        self.hung_up = None;
        self.unusable = None;
        let request_wait = self.record.http2_facts().request_wait;
        self.set_http2(Http2Facts { request_wait, ..Http2Facts::default() });
        self.record.error = None;
        if std::mem::replace(&mut self.is_redirected, false) {
            self.is_acknowledged = false;
            self.record.findings.push(Code::McpRedirected);
        } else {
            self.record.findings.push(Code::McpPostRepeated);
        }
    }

    /// Whether the response may be in what the capture lacks.
    fn may_lack_response(&self) -> bool {
        self.record.degraded.may_hide_messages()
    }

    /// Sets status and cause: nothing more is to come. A cancellation counts only if it came before
    /// the response. `last` is the latest packet of the capture.
    pub(super) fn settle(&mut self, last: Origin) {
        let end = self.record.response.map(|response| response.span.end.packet);
        match self.cancelled {
            // The client may have closed after a response that is not in the capture.
            Some((_, Cause::ClientClosed)) if end.is_none() && self.may_lack_response() => {
                self.record.status = Status::Undetermined;
            }
            Some((at, cause)) if end.is_none_or(|end| at.packet < end) => {
                self.record.status = Status::Cancelled;
                self.record.cause = Some(cause);
                self.record.wait_ended = Some(at);
            }
            _ if self.record.status == Status::Unanswered => {
                let (cause, at) = self.ended.unwrap_or((Cause::CaptureEnd, last));
                // What ends the connection may come long after the client's FIN.
                let at = self.hung_up.filter(|_| cause == Cause::ClientClosed).unwrap_or(at);
                if cause == Cause::CaptureEnd {
                    self.record.degraded.add(Degraded::CAPTURE_END);
                }
                if self.may_lack_response() {
                    self.record.status = Status::Undetermined;
                } else {
                    self.record.cause = Some(cause);
                    self.record.wait_ended = Some(at);
                }
            }
            _ => {}
        }
        if let Some(end) = self.record.wait_ended {
            self.close_questions(end.time);
        }
        let by = self.record.cause.and_then(Cause::by);
        let http2 = self.record.http2_facts();
        let closed_by = http2.closed_by.filter(|frame| by == Some(frame.by));
        self.set_http2(Http2Facts { closed_by, ..http2 });
    }

    /// The exchange as it is known while its outcome is open, with what seems to have ended the
    /// wait.
    pub(super) fn interrupted(&self, session: &SessionRef) -> Exchange {
        let cancelled = self.cancelled.map(|(at, cause)| (cause, at));
        let hung_up = self.hung_up.map(|at| (Cause::ClientClosed, at));
        let ended = self.ended.filter(|(cause, _)| *cause != Cause::CaptureEnd);
        let ended = cancelled.or(hung_up).or(ended);
        let mut record = Exchange::clone(&self.record);
        record.session = SessionRef { server: record.session.server, ..session.clone() };
        record.cause = ended.map(|(cause, _)| cause);
        record.wait_ended = ended.map(|(_, at)| at);
        record
    }
}

/// Whether nothing changed of a session since `known`. Its addresses never do; texts are shared.
fn is_same(known: &SessionRef, now: &SessionRef) -> bool {
    let texts = |it: &SessionRef| {
        [&it.id, &it.path, &it.server_name, &it.client_name].map(|text| text.as_deref().map(str::as_ptr))
    };
    (known.number, known.transport, known.behind) == (now.number, now.transport, now.behind)
        && texts(known) == texts(now)
}
