//! Rules for messages that reach the wrong stream or session.

use super::super::deliveries::Delivery;
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
