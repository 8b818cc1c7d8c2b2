//! What the end of a transaction means for the exchanges that it carried, and for its session.

use super::exchange::OpenExchange;
use super::handle::SessionIndex;
use super::record::{Cause, Record, SessionEnd};
use super::server_stream::ServerStream;
use super::session::SessionState;
use super::tables::Tables;
use super::transaction::{Transaction, TransactionEnd};
use crate::base::{Origin, ResponseEnd, Side};

/// Applies the end of a transaction: nothing more of it will be seen.
pub(super) fn end_transaction(transaction: &Transaction, end: TransactionEnd, tables: &mut Tables<'_>) {
    let Some(session) = transaction.session() else { return };
    let ending = Ending::of(end, tables.last);
    for n in transaction.requests() {
        end_request(*n, transaction, end, tables);
        if tables.exchanges.get(*n).is_some()
            && let Some(session) = tables.sessions.get_mut(session)
        {
            session.add_unended(Side::Client, *n);
        }
    }
    if transaction.stream().is_some() {
        end_server_requests(session, transaction, ending, tables);
    }
    if transaction.stream().is_some_and(|stream| stream.is_standalone()) {
        end_standalone_stream(session, transaction, ending, tables);
    }
    emit_interrupted(transaction, tables);
}

/// How and where a transaction or stream ended.
#[derive(Clone, Copy)]
struct Ending {
    how: ResponseEnd,
    at: Origin,
}

impl Ending {
    /// Takes an end; one that no packet shows is at `last`, the latest packet.
    fn of(end: TransactionEnd, last: Origin) -> Self {
        Self { how: end.how, at: end.at.unwrap_or(last) }
    }

    /// What it means for an exchange of `session` that has no response.
    fn cause(self, open: &OpenExchange, session: Option<&SessionState>) -> (Cause, Origin) {
        let start = open.record().request.span.start.packet;
        let is_deleted = session.is_some_and(|session| session.deletion().is_after(start));
        let cause = match self.how {
            ResponseEnd::Open => Cause::CaptureEnd,
            _ if is_deleted => Cause::Deleted,
            // The server completed the stream that should have carried the response.
            ResponseEnd::Complete | ResponseEnd::ClosedBy(Side::Server) => Cause::ServerClosed,
            ResponseEnd::ClosedBy(Side::Client) => Cause::ClientClosed,
            ResponseEnd::ResetBy(Side::Client) => Cause::ClientReset,
            ResponseEnd::ResetBy(Side::Server) => Cause::ServerReset,
        };
        (cause, self.at)
    }
}

/// The transaction is over that carried the request of the exchange `n`.
fn end_request(n: u64, transaction: &Transaction, end: TransactionEnd, tables: &mut Tables<'_>) {
    let ending = Ending::of(end, tables.last);
    let Some(open) = tables.exchanges.get_mut(n) else { return };
    open.clear_carrier();
    if !open.is_unanswered() {
        return tables.complete(n);
    }
    let how = end.how;
    open.end_in(transaction);
    open.degrade(transaction.degraded().and(transaction.gaps()));
    let status = transaction.status();
    if let Some(400..=599) = status {
        let at = end.span.map_or(ending.at, |span| span.end);
        open.set_http_error(transaction.body_error().cloned(), at);
        return tables.complete(n);
    }
    let is_by_client = how.by() == Some(Side::Client);
    if is_by_client && open.is_cancelled_by_closing() {
        open.cancel(ending.at, Cause::ClientClosed);
    }
    let session = tables.sessions.get(open.session());
    let is_http_sse = session.is_some_and(|session| session.is_http_sse());
    let is_redirect = status.is_some_and(|status| (300..400).contains(&status));
    if status == Some(202) || (is_http_sse && status.is_some() && !is_redirect) {
        let Some(session) = session else { return };
        let missing = session.missing().and(tables.evidence.missing());
        let has_no_stream = match session.server_stream() {
            ServerStream::Open(_) => false,
            // Another one may have been opened in what the capture lacks.
            ServerStream::Ended(_) => missing.is_none(),
            // Or before the capture began.
            ServerStream::Unseen => missing.is_none() && !session.is_http_sse(),
        };
        if !matches!(session.server_stream(), ServerStream::Open(_)) {
            open.degrade(missing);
        }
        let cause = if how == ResponseEnd::Open { Cause::CaptureEnd } else { Cause::NoStream };
        open.set_ended(has_no_stream.then_some((cause, ending.at)));
        return;
    }
    let ended = ending.cause(open, session);
    open.set_ended(Some(ended));
    // A session is found again by its id: to resume a stream with event ids, or to repeat a POST
    // that was not answered.
    let can_return = session.is_some_and(|session| session.has_id()) && ended.0 != Cause::Deleted;
    let is_resumable = transaction.stream().is_some_and(|stream| stream.is_resumable());
    if how == ResponseEnd::Open || (is_resumable && can_return) {
        return;
    }
    // A stream without events answers nothing either: it is declared as what it is not.
    let holds_events = transaction.stream().is_some_and(|stream| stream.events > 0 || end.bytes == 0);
    let is_complete = how == ResponseEnd::Complete && !holds_events;
    if is_complete && ended.0 != Cause::Deleted && transaction.degraded().is_none() {
        let at = end.span.map_or(ending.at, |span| span.end);
        open.set_unusable(transaction.unusable_reason(end), transaction.body_error().cloned(), at);
        open.set_redirected(transaction.is_redirect());
        if !(transaction.is_redirect() && tables.exchanges.await_repetition(ending.at, n)) {
            tables.complete(n);
        }
        return;
    }
    let is_repeatable = status.is_none() && !open.is_cancelled() && can_return;
    if !(is_repeatable && tables.exchanges.await_repetition(ending.at, n)) {
        complete_ended(n, ending.at, tables);
    }
}

/// Completes an exchange whose wait ended at `at`: at once, unless something that was not seen yet
/// may show that it was not the server that ended it, or that it was answered before.
fn complete_ended(n: u64, at: Origin, tables: &mut Tables<'_>) {
    let may_change = tables.exchanges.get(n).is_some_and(OpenExchange::may_have_ended_otherwise);
    if !(may_change && tables.exchanges.await_evidence(at, n)) {
        tables.complete(n);
    }
}

/// What the server asked on this transaction's response is answered by POST. The end of the stream
/// tells why it was not.
fn end_server_requests(
    index: SessionIndex,
    transaction: &Transaction,
    ending: Ending,
    tables: &mut Tables<'_>,
) {
    for n in transaction.questions() {
        let session = tables.sessions.get(index);
        if let Some(open) = tables.exchanges.get_mut(*n)
            && !open.is_answered()
        {
            open.set_ended((ending.how != ResponseEnd::Open).then(|| ending.cause(open, session)));
            open.end_in(transaction);
        }
    }
}

/// A stream is over on which the server could send what belongs to no POST.
fn end_standalone_stream(
    index: SessionIndex,
    transaction: &Transaction,
    ending: Ending,
    tables: &mut Tables<'_>,
) {
    let Ending { how, at } = ending;
    let Some(session) = tables.sessions.get_mut(index) else { return };
    let has_other_stream = session.close_stream(at, how);
    if has_other_stream || how == ResponseEnd::Open {
        return;
    }
    if !session.has_one_stream() {
        // Those whose POST is open come again when it ends.
        for n in take_unended(index, Side::Client, at, tables) {
            let session = tables.sessions.get(index);
            if let Some(open) = tables.exchanges.get_mut(n)
                && open.carrier().is_none()
                && !open.is_answered()
            {
                let (cause, at) = ending.cause(open, session);
                open.set_ended_if_none(cause, at);
                open.end_in(transaction);
            }
        }
        return;
    }
    session.end(SessionEnd::StreamClosed { by: how.by() });
    let mut unended = take_unended(index, Side::Client, at, tables);
    unended.extend(take_unended(index, Side::Server, at, tables));
    unended.sort_unstable();
    // Such streams cannot be resumed: responses that were due on this one will not come.
    for n in unended {
        let session = tables.sessions.get(index);
        let Some(open) = tables.exchanges.get_mut(n).filter(|open| !open.is_answered()) else { continue };
        open.set_ended(Some(ending.cause(open, session)));
        open.end_in(transaction);
        // The response to the server may still come by POST, and so may the status line of the
        // client's POST.
        let is_client = open.record().origin == Side::Client;
        if is_client && open.is_unanswered() && (open.is_acknowledged() || open.carrier().is_none()) {
            complete_ended(n, at, tables);
        }
    }
}

/// Takes the requests of `origin` that no end of a stream was applied to and that were sent before
/// `at`, where one ended, oldest first. Some may be over.
fn take_unended(index: SessionIndex, origin: Side, at: Origin, tables: &mut Tables<'_>) -> Vec<u64> {
    let Some(session) = tables.sessions.get_mut(index) else { return Vec::new() };
    let is_due = |n: &u64| tables.exchanges.get(*n).is_none_or(|open| !is_later(open, at));
    let (due, later): (Vec<_>, Vec<_>) = session.unended(origin).take().into_iter().partition(is_due);
    for n in later {
        session.add_unended(origin, n);
    }
    due
}

/// Whether the request was sent after packet `at`, the end of a stream: it may be known only later
/// that the stream ended.
fn is_later(open: &OpenExchange, at: Origin) -> bool {
    open.record().request.span.start.packet > at.packet
}

/// The client closed its direction at `at`, before the response was complete.
pub(super) fn close_client(transaction: &Transaction, at: Origin, tables: &mut Tables<'_>) {
    for n in awaiting(transaction, tables) {
        let Some(open) = tables.exchanges.get_mut(n).filter(|open| open.is_unanswered()) else { continue };
        open.hang_up(at);
        if open.is_cancelled_by_closing() {
            open.cancel(at, Cause::ClientClosed);
        }
    }
    emit_interrupted(transaction, tables);
}

/// Emits the exchanges that wait for a response of the transaction and whose outcome is open, with
/// what seems to have ended the wait.
fn emit_interrupted(transaction: &Transaction, tables: &mut Tables<'_>) {
    if !tables.exchanges.emits_interrupted() {
        return;
    }
    for n in awaiting(transaction, tables) {
        let open = tables.exchanges.get(n).filter(|open| open.is_unanswered());
        let session = open.and_then(|open| tables.sessions.get(open.session()));
        let Some((open, session)) = open.zip(session) else { continue };
        let record = open.interrupted(session.reference());
        if record.cause.is_some() {
            tables.sink.out.push(Record::Interrupted(Box::new(record)));
        }
    }
}

/// The open requests of the client whose responses a transaction carries: of the only
/// stream of a session all of the session, else those of its own POST, unless it was only accepted
/// (202).
fn awaiting(transaction: &Transaction, tables: &Tables<'_>) -> Vec<u64> {
    let Some(index) = transaction.session() else { return Vec::new() };
    let has_one_stream = tables.sessions.get(index).is_some_and(|session| session.has_one_stream());
    let is_standalone = transaction.stream().is_some_and(|stream| stream.is_standalone());
    match (has_one_stream, is_standalone) {
        (true, true) => outstanding(index, Side::Client, tables),
        (true, false) => Vec::new(),
        (false, _) if transaction.status() == Some(202) => Vec::new(),
        (false, _) => transaction.requests().to_vec(),
    }
}

/// Requests of `origin` without a response, oldest first.
fn outstanding(session: SessionIndex, origin: Side, tables: &Tables<'_>) -> Vec<u64> {
    tables.sessions.get(session).map_or_else(Vec::new, |session| session.all_outstanding(origin))
}

/// Requests of both sides without a response, oldest first.
pub(super) fn all_outstanding(session: SessionIndex, tables: &Tables<'_>) -> Vec<u64> {
    let mut numbers = outstanding(session, Side::Client, tables);
    numbers.extend(outstanding(session, Side::Server, tables));
    numbers.sort_unstable();
    numbers
}
