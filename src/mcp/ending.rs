//! What ends: transactions, streams, clients that go, and gaps; and what that leaves unanswered.

use super::message::is_open;
use super::session::Stream;
use super::tracker::{Tracker, about};
use super::transaction::TransactionKey;
use super::{Cause, SessionEnd, Transport};
use crate::base::{Code, Degraded, Findings, Origin, Peers, ResponseEnd, Side, limits};

/// How the transaction ended that carried a request.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    at: Origin,
    how: ResponseEnd,
    /// `None` where no response was seen.
    status: Option<u16>,
    /// Its response was a stream with event ids.
    resumable: bool,
}

impl Tracker {
    /// A response is over, or will never come.
    pub(super) fn ended(
        &mut self,
        key: TransactionKey,
        at: Origin,
        how: ResponseEnd,
        findings: &mut Findings,
    ) {
        let Some(transaction) = self.transactions.get(&key) else {
            return;
        };
        let requests = transaction.requests.clone();
        let degraded = transaction.degraded.and(transaction.gaps);
        let status = transaction.status();
        let resumable = transaction.stream.as_ref().is_some_and(|story| story.resumable);
        let carrier = Carrier { at, how, status, resumable };
        let standalone = transaction.stream.as_ref().is_some_and(|story| story.standalone);
        let error = transaction.body_error.clone();
        let Some(place) = transaction.session else { return };
        for n in requests {
            let Some(open) = self.exchanges.get_mut(&n) else {
                continue;
            };
            open.carrier = None;
            if !is_open(open) {
                self.complete(n, findings);
                continue;
            }
            open.told.degraded.add(degraded);
            if let Some(400..=599) = status {
                open.http_error(error.clone());
                self.complete(n, findings);
                continue;
            }
            self.carrier_over(n, carrier, findings);
        }
        // What the server asked on this stream is answered by POST: the end of the stream tells why it was not.
        for n in self.open_of(place, Side::Server) {
            if let Some(open) = self.exchanges.get_mut(&n).filter(|open| open.asked_on == Some(key)) {
                open.ended = Some(Self::cause(how)).filter(|_| how != ResponseEnd::Open);
            }
        }
        if standalone {
            self.stream_over(place, at, how, findings);
        }
    }

    /// The transaction is over that carried an unanswered request.
    fn carrier_over(&mut self, n: u64, carrier: Carrier, findings: &mut Findings) {
        let Carrier { at, how, status, resumable } = carrier;
        let closing_cancels = self.closing_cancels(n);
        let Some(open) = self.exchanges.get_mut(&n) else { return };
        let place = open.place;
        let by_client =
            matches!(how, ResponseEnd::ClosedBy(Side::Client) | ResponseEnd::ResetBy(Side::Client));
        if closing_cancels && by_client && open.cancelled.is_none() {
            open.cancelled = Some((open.told.request.span.end, Cause::ClientClosed));
        }
        let cancelled = open.cancelled.is_some();
        let on_stream = self.answers_on_stream(place);
        let Some(open) = self.exchanges.get_mut(&n) else { return };
        if status == Some(202) || (on_stream && status.is_some()) {
            let Some(state) = self.sessions.get(place) else {
                return;
            };
            let no_stream = match state.stream {
                Stream::Open(_) => false,
                Stream::Ended(_) => true,
                // It may have been opened before the capture began.
                Stream::Unseen => {
                    state.told.degraded.is_none() && state.told.session.transport != Transport::HttpSse
                }
            };
            open.ended = Some(if how == ResponseEnd::Open { Cause::CaptureEnd } else { Cause::NoStream });
            if !no_stream {
                open.ended = None;
            }
            return;
        }
        open.ended = Some(Self::cause(how));
        // Without a status the POST may be repeated on another connection; a stream with event ids may be resumed.
        let repeatable = status.is_none() && !cancelled;
        if how == ResponseEnd::Open || (resumable && self.may_be_resumed(place)) {
            return;
        }
        if repeatable && self.may_be_resumed(place) && self.interrupted.len() < limits::MAX_OPEN_EXCHANGES {
            self.interrupted.push_back((at, n));
        } else {
            self.complete(n, findings);
        }
    }

    /// A stream of a session that belongs to no POST is over.
    fn stream_over(
        &mut self,
        place: super::session::SessionIndex,
        at: Origin,
        how: ResponseEnd,
        findings: &mut Findings,
    ) {
        let Some(state) = self.sessions.get_mut(place) else {
            return;
        };
        state.told.last = state.told.last.later(at);
        let more = Self::stream_ended(state, how);
        let legacy = state.told.session.transport == Transport::HttpSse;
        if more || how == ResponseEnd::Open {
            return;
        }
        if !legacy {
            for n in self.open_of(place, Side::Client) {
                if let Some(open) = self.exchanges.get_mut(&n).filter(|open| open.carrier.is_none()) {
                    open.ended.get_or_insert(Self::cause(how));
                }
            }
            return;
        }
        state.told.ended = SessionEnd::StreamClosed;
        // HTTP+SSE has no resumption: what was to come on the stream will not come.
        let mut open = self.open_of(place, Side::Client);
        open.extend(self.open_of(place, Side::Server));
        open.sort_unstable();
        for n in open {
            let Some(open) = self.exchanges.get_mut(&n) else {
                continue;
            };
            open.ended = Some(Self::cause(how));
            // The answer to the server may still be on its way, by POST; the status line of a POST too.
            if open.told.origin == Side::Client
                && is_open(open)
                && (open.acknowledged || open.carrier.is_none())
            {
                self.complete(n, findings);
            }
        }
    }

    /// The client closed its direction while the response was not complete.
    pub(super) fn client_gone(&mut self, key: TransactionKey, at: Origin) {
        let requests = self.transactions.get(&key).map(|t| t.requests.clone()).unwrap_or_default();
        for n in requests {
            if self.closing_cancels(n)
                && let Some(open) = self.exchanges.get_mut(&n).filter(|open| is_open(open))
            {
                open.cancelled.get_or_insert((at, Cause::ClientClosed));
            }
        }
    }

    /// Bytes are missing that could have held the answer to what is open.
    pub(super) fn gap(
        &mut self,
        (key, peers, at): (TransactionKey, Peers, Origin),
        side: Side,
        why: Degraded,
    ) {
        let mut places = Vec::new();
        if let Some(transaction) = self.transactions.get_mut(&key) {
            transaction.gaps.add(why);
            places.extend(transaction.session);
        }
        if let Some(state) = places.first().and_then(|place| self.sessions.get_mut(*place)) {
            state.told.degraded.add(why);
        }
        if side == Side::Client {
            // The client answers the server on any connection.
            places.extend(self.sessions.of(peers));
        }
        for place in places {
            if let Some(state) = self.sessions.get_mut(place) {
                state.missed(side, at.packet, why);
            }
        }
    }

    /// A session that the server does not know.
    pub(super) fn refused(key: TransactionKey, at: Origin, id: &str, findings: &mut Findings) {
        findings.push(about(Code::McpSessionRefused, at, key, format!("session {id}: 404")));
    }
}
