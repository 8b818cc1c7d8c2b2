//! Notifications, and the exchanges that they are about: progress and cancellation.

use super::evidence::Stray;
use super::exchange::{Message, OpenExchange};
use super::message::{Context, unmatched};
use super::method;
use super::numbers::Numbers;
use super::record::{Cause, MessageSpan, Notification, Record};
use super::rules::{self, Broadcast, Progress, RULES, Unmatched, Violation};
use crate::base::{Code, Side};
use crate::rpc::{Id, Kind};

/// How long after its response progress on another stream is late, in nanoseconds: what one
/// connection carries may be captured later than what another one does.
const LATE: i64 = 1_000_000_000;

impl Context<'_, '_> {
    /// Handles a notification. Returns the number of the exchange that it is about; `None` if that
    /// is not known.
    pub(super) fn notification(&mut self) -> Option<u64> {
        let Message { from, span, degraded, envelope } = self.message;
        let method = envelope.method.as_deref().unwrap_or_default();
        let exchange = match method {
            method::PROGRESS => self.progress(),
            method::CANCELLED => self.cancellation(),
            _ => None,
        };
        if method == method::INITIALIZED {
            self.session.lifecycle_mut().set_initialized();
        }
        let task = envelope.look.task.as_deref().and_then(|task| self.session.history().task(task));
        let own = match from {
            Side::Client => None,
            Side::Server => self.transaction.requests().first().copied(),
        };
        let exchange = exchange.or(task).or(own);
        if from == Side::Server
            && let Some(open) = exchange.and_then(|n| self.exchanges.get_mut(n))
        {
            open.count_message(span.end);
        }
        self.sink.out.push(Record::Notification(Box::new(Notification {
            session: self.session.reference().clone(),
            tcp_stream: self.transaction.key().0,
            transaction: self.transaction.key().1.0,
            protocols: self.transaction.protocols().clone(),
            from,
            method: self.interner.share(method),
            message: MessageSpan { span, bytes: envelope.bytes },
            exchange,
            degraded: degraded.and(self.transaction.degraded()),
        })));
        exchange
    }

    /// The exchange that a progress notification belongs to.
    fn progress(&mut self) -> Option<u64> {
        let token = self.message.envelope.look.progress_token.as_ref()?;
        let origin = self.message.from.other();
        if let Some(open) = self.session.with_token(origin, token) {
            let own = self.exchanges.carried_by(open, self.transaction.key());
            if let Some(n) = own.or_else(|| open.front().copied()) {
                if let Some(copy) = self.copy_on_other_stream() {
                    return Some(copy);
                }
                self.count_progress(n);
                let (session, carrier) = (self.session.index(), self.transaction.certain_key());
                self.deliveries.add(session, carrier, n, self.message);
                return Some(n);
            }
        }
        let history = self.session.history();
        let completed = history.completed_with_token(origin, token);
        if let Some((n, answered)) = completed {
            // On the stream that carried the response the order is known. On another one a packet
            // may have been lost and sent again, so that it comes later than it was sent.
            let is_on_its_stream = self.transaction.requests().contains(&n) || self.session.has_one_stream();
            let start = self.message.span.start.time;
            let is_much_later = answered.is_some_and(|answered| start.since(answered) > LATE);
            let is_prompt = self.transaction.server_retransmissions() == 0;
            let is_behind = is_on_its_stream || is_much_later && is_prompt;
            if is_behind && !self.session.history().has_task(n) {
                self.check_late_progress(n);
            }
            return Some(n);
        }
        if let Some(n) = token.retyped().and_then(|other| only(self.session.with_token(origin, &other))) {
            self.exchanges.get_mut(n)?.count_progress(None);
            self.report_type(n, RULES.retyped_token);
            return Some(n);
        }
        let late = token.retyped().and_then(|other| history.completed_with_token(origin, &other));
        let late = late.map(|(n, _)| n);
        if late.is_none() {
            let mut progress = unmatched(self.transaction, self.message, None);
            progress.session = Some(self.session);
            for finding in rules::violations(RULES.unmatched_progress, &progress) {
                let (from, digest) = (self.message.from, self.message.envelope.digest);
                let stray = Stray { digest, from, token: token.clone() };
                self.evidence.defer_stray(self.message.span.end, self.session.index(), finding, stray);
            }
        }
        late
    }

    /// The exchange of a message of the server that came on another stream of its session before,
    /// which is reported.
    pub(super) fn copy_on_other_stream(&mut self) -> Option<u64> {
        let Message { from, span, envelope, .. } = self.message;
        if from == Side::Client || self.session.has_one_stream() {
            return None;
        }
        let here = (self.session.index(), self.transaction.certain_key()?);
        let first = self.deliveries.on_other_stream(envelope.digest, here, span.end)?;
        // A server that numbers the requests of each stream anew asks the same again.
        let is_open = |open: &OpenExchange| open.is_unanswered();
        if envelope.kind == Kind::Request && !self.exchanges.get(first.exchange).is_some_and(is_open) {
            return None;
        }
        // Without a session id the requests on the streams of two calls have nothing to do with
        // each other: each call may have a process, and ids, of its own.
        let is_of_a_call = |key| self.transaction_with(key).is_some_and(|one| !one.requests().is_empty());
        let are_of_calls = is_of_a_call(here.1) && first.carrier().is_some_and(is_of_a_call);
        if envelope.kind == Kind::Request && !self.session.has_id() && are_of_calls {
            return None;
        }
        let copy =
            Broadcast { transaction: self.transaction, session: self.session, message: self.message, first };
        // Two legs of a proxy look like one session if what tells them apart is missing.
        let is_whole = self.session.missing().and(self.evidence.missing()).is_none();
        let found: Vec<_> = rules::violations(RULES.broadcast, &copy).filter(|_| is_whole).collect();
        for finding in found {
            if let Some(open) = self.exchanges.get_mut(first.exchange) {
                open.add_findings([finding.code]);
            }
            self.sink.findings.push(finding);
        }
        Some(first.exchange)
    }

    /// Counts a progress notification of the open exchange `n`, and checks its value.
    fn count_progress(&mut self, n: u64) {
        let look = &self.message.envelope.look;
        let Some(open) = self.exchanges.get_mut(n) else { return };
        let before = open.count_progress(look.progress);
        let progress = Progress { exchange: open.record(), message: self.message, before };
        let found: Vec<_> = rules::violations(RULES.progress, &progress).collect();
        for finding in found {
            open.add_finding(finding.code);
            self.sink.findings.push(finding);
        }
    }

    /// Reports progress of the exchange `n`, which is over.
    fn check_late_progress(&mut self, n: u64) {
        let mut late = unmatched(self.transaction, self.message, Some(n));
        late.session = Some(self.session);
        rules::check(RULES.late_progress, &late, self.sink.findings);
    }

    /// The exchange that a cancellation belongs to. One whose id has another JSON type cancels
    /// nothing: receivers compare ids with their type.
    fn cancellation(&mut self) -> Option<u64> {
        let id = self.message.envelope.look.request_id.as_ref()?;
        let from = self.message.from;
        let latest = self.session.outstanding(from, id).and_then(|open| open.back()).copied();
        if let Some(n) = latest {
            let at = self.message.span.end;
            let open = self.exchanges.get_mut(n)?;
            open.cancel(at, Cause::Cancelled);
            if let Some(asker) = open.take_question().and_then(|parent| self.exchanges.get_mut(parent)) {
                asker.close_question(at.time);
            }
            self.emit_interrupted(n);
            return Some(n);
        }
        if let Some(n) = self.subscription_of_other_side(id) {
            self.exchanges.get_mut(n)?.cancel(self.message.span.end, Cause::Cancelled);
            return Some(n);
        }
        let completed = self.session.history().completed(from, id, None);
        if completed.is_none()
            && let Some(n) = id.retyped().and_then(|other| only(self.session.outstanding(from, &other)))
        {
            self.report_type(n, RULES.retyped_cancellation);
            return Some(n);
        }
        let mut cancellation = unmatched(self.transaction, self.message, completed);
        cancellation.session = Some(self.session);
        rules::check(RULES.unmatched_cancellation, &cancellation, self.sink.findings);
        completed
    }

    /// The open subscription that the server ends with a cancellation (2026-07-28, subscriptions).
    fn subscription_of_other_side(&self, id: &Id) -> Option<u64> {
        let n = only(self.session.outstanding(self.message.from.other(), id))?;
        let is_subscription = |n| self.exchanges.get(n).is_some_and(|open| open.record().is_subscription());
        (self.message.from == Side::Server && is_subscription(n)).then_some(n)
    }

    /// Reports once for each exchange that a token or id of it came with another JSON type.
    fn report_type(&mut self, n: u64, rules: &[fn(&Unmatched<'_>) -> Option<Violation>]) {
        let Some(open) = self.exchanges.get_mut(n) else { return };
        if open.record().findings.contains(&Code::McpTypeChanged) {
            return;
        }
        open.add_findings([Code::McpTypeChanged]);
        let mut retyped = unmatched(self.transaction, self.message, Some(n));
        retyped.session = Some(self.session);
        rules::check(rules, &retyped, self.sink.findings);
    }
}

/// The number if there is exactly one.
fn only(numbers: Option<&Numbers>) -> Option<u64> {
    numbers.filter(|numbers| numbers.len() == 1)?.front().copied()
}
