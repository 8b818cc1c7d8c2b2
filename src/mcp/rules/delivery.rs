//! Rules for messages that reach the wrong stream or session.

use super::super::deliveries::Delivery;
use super::super::exchange::Message;
use super::super::session::SessionState;
use super::super::transaction::Transaction;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin};

/// A message of the server that belongs to nothing in its session, and to an exchange of another
/// session.
pub(in crate::mcp) struct Misdelivery {
    /// `token 5`, `the response with id 3`.
    pub(in crate::mcp) what: String,
    pub(in crate::mcp) at: Origin,
    pub(in crate::mcp) tcp_stream: u32,
    /// Number of the session that got it.
    pub(in crate::mcp) session: u32,
    /// Number of the session that it is for.
    pub(in crate::mcp) owner: u32,
    /// Where it is at home.
    pub(in crate::mcp) copy: Delivery,
}

impl Moment for Misdelivery {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.at,
            tcp_stream: self.tcp_stream,
            session: Some(self.session),
            exchange: Some(self.copy.exchange),
        }
    }
}

pub(super) fn message_is_for_another_session(moment: &Misdelivery) -> Option<Violation> {
    let Misdelivery { what, at, session, owner, copy, .. } = moment;
    violation(
        Code::McpWrongSession,
        format!(
            "{what} is of session s{owner} (n={}, packet {}) and came in session s{session}, too \
             (packet {})",
            copy.exchange,
            copy.at.packet.mention(),
            at.packet.mention(),
        ),
    )
}

/// A message of the server that came on another stream of its session before.
pub(in crate::mcp) struct Broadcast<'a> {
    /// The transaction of the stream on which it came again.
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) session: &'a SessionState,
    pub(in crate::mcp) message: Message<'a>,
    /// Where it came before.
    pub(in crate::mcp) first: Delivery,
}

impl Moment for Broadcast<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.message.span.end,
            tcp_stream: self.transaction.key().0,
            session: Some(self.session.number()),
            exchange: Some(self.first.exchange),
        }
    }
}

/// A server sends each message on one stream only (MCP 2025-03-26, transports, "Multiple
/// Connections").
pub(super) fn message_is_on_several_streams(copy: &Broadcast<'_>) -> Option<Violation> {
    let method = copy.message.envelope.method.as_deref()?;
    violation(
        Code::McpBroadcast,
        format!(
            "{method} came on another stream of the session before (packet {})",
            copy.first.at.packet.mention()
        ),
    )
}

/// An event of a resumed stream that repeats one of another stream.
pub(in crate::mcp) struct WrongReplay<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    /// Number of the session that resumed the stream.
    pub(in crate::mcp) session: Option<u32>,
    pub(in crate::mcp) at: Origin,
    /// The event's id.
    pub(in crate::mcp) id: &'a str,
}

impl Moment for WrongReplay<'_> {
    fn subject(&self) -> FindingContext {
        let tcp_stream = self.transaction.key().0;
        FindingContext { at: self.at, tcp_stream, session: self.session, ..FindingContext::default() }
    }
}

pub(super) fn replay_is_of_another_stream(replay: &WrongReplay<'_>) -> Option<Violation> {
    violation(
        Code::McpWrongReplay,
        format!("event {} came on another stream than the one that Last-Event-ID resumes", replay.id),
    )
}

/// The first event with an id of a stream.
pub(in crate::mcp) struct FirstEventId<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) session: &'a SessionState,
    pub(in crate::mcp) at: Origin,
    pub(in crate::mcp) id: &'a str,
}

impl Moment for FirstEventId<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.at,
            tcp_stream: self.transaction.key().0,
            session: Some(self.session.number()),
            exchange: self.transaction.requests().first().copied(),
        }
    }
}

/// An event id names one event of all streams of its session (MCP 2025-03-26, transports,
/// "Resumability and Redelivery"). Reported once for each session.
pub(super) fn event_id_is_not_unique(first: &FirstEventId<'_>) -> Option<Violation> {
    let (session, transaction) = (first.session, first.transaction);
    // A stream that is resumed repeats ids, and so may one whose head was not captured.
    let may_repeat = transaction.request().is_none_or(|request| request.last_event_id.is_some())
        || transaction.lacks_fields();
    if may_repeat || session.has_one_stream() || !session.has_id() {
        return None;
    }
    if !session.history().is_first_of_other_stream(first.id, transaction.key()) {
        return None;
    }
    violation(
        Code::McpEventIdNotUnique,
        format!("event id {} was given on another stream of the session before", first.id),
    )
}
