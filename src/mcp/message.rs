//! One message after the other: requests open exchanges, responses answer them, notifications join them.

use std::collections::VecDeque;

use super::exchange::{NewExchange, OpenExchange};
use super::session::{Asked, Done, SessionIndex};
use super::tracker::{Found, HeldResponse, Tracker, about};
use super::transaction::TransactionKey;
use super::{Cause, Id, MessageSpan, Notification, Offer, Record, Status, Transport, method, router, rules};
use crate::base::{Code, Degraded, Findings, Origin, Side, limits};
use crate::rpc::{Envelope, Kind};

impl Tracker {
    /// Takes a message; `n` is the number of its exchange, where it is a request of the client.
    pub(super) fn message(&mut self, found: &Found<'_>, n: u64, findings: &mut Findings) {
        match found.envelope.kind {
            Kind::Request => self.request(found, n, findings),
            Kind::Notification => self.notification(found, findings),
            Kind::Response | Kind::Error => self.response(found, findings),
            Kind::Unknown => {}
        }
    }

    fn request(&mut self, found: &Found<'_>, n: u64, findings: &mut Findings) {
        let Some(transaction) = self.transactions.get(&found.carrier) else {
            return;
        };
        let (peers, carrier_version) = (transaction.peers, transaction.version.clone());
        let carrier_degraded = transaction.degraded;
        if found.from == Side::Server && transaction.stream.is_none() {
            let detail = format!("{} in a JSON body", found.envelope.method.as_deref().unwrap_or_default());
            findings.push(about(Code::McpRequestInResponse, found.span.end, found.carrier, detail));
            return;
        }
        if self.repeated(found) {
            return;
        }
        let n = if found.from == Side::Server {
            self.next += 1;
            self.next
        } else {
            n
        };
        let Some(state) = self.sessions.get_mut(found.place) else {
            return;
        };
        let look = &found.envelope.look;
        let name = look.name.as_deref().or(look.uri.as_deref()).filter(|_| method::has_name(found.envelope));
        let asked = NewExchange {
            n,
            peers,
            session: state.told.session.clone(),
            place: found.place,
            carrier: found.carrier,
            origin: found.from,
            envelope: found.envelope,
            span: found.span,
            method: self.names.share(found.envelope.method.as_deref().unwrap_or_default()),
            name: name.map(|name| self.names.share(name)),
            // What the server asks on a stream is no better known than whose stream it is.
            degraded: found.degraded.and(if found.from == Side::Server {
                carrier_degraded
            } else {
                Degraded::NONE
            }),
        };
        let mut open = Box::new(OpenExchange::new(asked));
        state.told.exchanges += 1;
        let on_post = state.told.session.transport == Transport::StreamableHttp;
        let stream = if on_post { Some(found.carrier) } else { state.speaks_on };
        open.stream =
            stream.and_then(|key| Some((key, self.transactions.get(&key)?.server_retransmissions())));
        rules::opened(state, &mut open, found, findings);
        open.told.continues = state.continued(&open, look);
        let version = look.meta_version.as_deref().or(carrier_version.as_deref());
        if let Some(version) = version.filter(|_| found.from == Side::Client) {
            let version = self.names.share(version);
            if router::is_stateless(&version) && !method::is_initialize(&open.told.method) {
                open.told.protocol_version = Some(version.clone());
                state.told.protocol_version = Some(version);
            } else {
                state.told.protocol_version.get_or_insert(version);
            }
        }
        if found.from == Side::Client
            && (look.meta_version.is_some() || method::is_initialize(&open.told.method))
        {
            state.introduce_client(look);
        }
        let id = (found.from, open.told.id.clone());
        if open.told.id != Id::Null {
            state.outstanding.entry(id).or_default().push_back(n);
        }
        if let Some(token) = &open.token {
            state.tokens.entry((found.from, token.clone())).or_default().push_back(n);
        }
        if found.from == Side::Client
            && let Some(transaction) = self.transactions.get_mut(&found.carrier)
        {
            transaction.requests.push(n);
            open.told.http_status = transaction.status();
            open.told.ack = transaction.response.as_ref().filter(|r| r.status.is_some()).map(|r| r.start);
            open.acknowledged = transaction.response.is_some();
        }
        if self.emits_requests {
            let mut told = Box::new(open.told.clone());
            // As it will be told when it is over, if nothing changes until then.
            if told.protocol_version.is_none() && !method::is_initialize(&told.method) {
                told.protocol_version.clone_from(&state.told.protocol_version);
            }
            self.out.push(Record::Request(told));
        }
        self.open_text += open.text_len();
        self.exchanges.insert(n, open);
        self.answered_before(n, findings);
        self.limit_open(found.span.end, findings);
    }

    /// A request that stands open already, POSTed again because its connection broke: the same exchange.
    fn repeated(&mut self, found: &Found<'_>) -> bool {
        let Some(id) = found.envelope.id.as_ref().filter(|_| found.from == Side::Client) else {
            return false;
        };
        let Some(state) = self.sessions.get(found.place) else {
            return false;
        };
        let Some(open) =
            state.outstanding.get(&(found.from, id.clone())).filter(|_| state.told.session.id.is_some())
        else {
            return false;
        };
        let interrupted = |open: &&mut Box<OpenExchange>| {
            !open.acknowledged
                && open.carrier.is_none()
                && open.ended.is_some_and(|cause| cause != Cause::CaptureEnd)
        };
        let Some(open) = open.back().and_then(|n| self.exchanges.get_mut(n)).filter(interrupted) else {
            return false;
        };
        if Some(&*open.told.method) != found.envelope.method.as_deref() {
            return false;
        }
        open.carrier = Some(found.carrier);
        open.ended = None;
        open.told.findings.push(Code::McpPostRepeated);
        let n = open.told.n;
        if let Some(transaction) = self.transactions.get_mut(&found.carrier) {
            transaction.requests.push(n);
        }
        true
    }

    /// A response that was captured before its request.
    fn answered_before(&mut self, n: u64, findings: &mut Findings) {
        if self.held.is_empty() {
            return;
        }
        let Some(open) = self.exchanges.get(&n) else { return };
        let (place, carrier, origin) = (open.place, open.carrier, open.told.origin);
        let state = self.sessions.get(place);
        let only_own_post = state.is_some_and(|state| state.only_own_post(origin.other()));
        let start = open.told.request.span.start.time;
        let fits = |held: &HeldResponse| {
            if start.since(held.since.time) > limits::RESPONSE_WAIT {
                return false;
            }
            held.from == origin.other()
                && held.envelope.id.as_ref() == Some(&open.told.id)
                && (Some(held.carrier) == carrier || held.place == place && !only_own_post)
        };
        if let Some(held) = self.held.iter().position(fits).and_then(|at| self.held.remove(at)) {
            let HeldResponse { carrier, from, span, degraded, envelope, .. } = held;
            self.answer(n, &Found { place, carrier, from, span, degraded, envelope: &envelope }, findings);
        }
    }

    fn response(&mut self, found: &Found<'_>, findings: &mut Findings) {
        let named = found.envelope.id.as_ref().filter(|id| **id != Id::Null);
        let own = self.on_its_own_post(found);
        if let Some(n) = own.or_else(|| self.outstanding(found)) {
            self.answer(n, found, findings);
            return;
        }
        let Some(transaction) = self.transactions.get_mut(&found.carrier) else {
            return;
        };
        let refused = transaction.status().is_some_and(|status| status >= 400);
        if found.from == Side::Server && refused && found.envelope.kind == Kind::Error {
            transaction.body_error.clone_from(&found.envelope.error);
            // Its request may be captured after it.
            if transaction.body_seen || named.is_none() {
                return;
            }
        }
        if named.is_none() && found.envelope.kind == Kind::Error {
            // An answer to something unreadable (JSON-RPC 2.0 section 5): no fault.
            return;
        }
        let requests = &transaction.requests;
        let Some(state) = self.sessions.get_mut(found.place) else {
            return;
        };
        // On the response to a POST whose own requests have other ids it is no second answer to anything.
        let strange = found.from == Side::Server && !requests.is_empty();
        let any_post = !strange && !state.only_own_post(found.from);
        let done = state.done.iter().rev().find(|done| {
            named.is_some_and(|id| done.is(found.from.other(), id))
                && (any_post || requests.contains(&done.n))
        });
        if let Some(done) = done {
            let mut finding =
                about(Code::McpDuplicateResponse, found.span.end, found.carrier, id_text(named));
            finding.session = Some(state.told.session.number);
            finding.exchange = Some(done.n);
            findings.push(finding);
            return;
        }
        if self.held.len() >= limits::MAX_HELD_RESPONSES
            && let Some(oldest) = self.held.pop_front()
        {
            self.orphan(&oldest, findings);
        }
        self.held.push_back(HeldResponse {
            since: found.span.end,
            place: found.place,
            carrier: found.carrier,
            from: found.from,
            envelope: found.envelope.clone(),
            span: found.span,
            degraded: found.degraded,
        });
    }

    /// The request that the POST carried on whose response this stands (design: rule 1).
    fn on_its_own_post(&self, found: &Found<'_>) -> Option<u64> {
        let id = found.envelope.id.clone().filter(|_| found.from == Side::Server)?;
        let state = self.sessions.get(found.place)?;
        self.of_carrier(state.outstanding.get(&(Side::Client, id)), found.carrier)
    }

    /// The first of these exchanges whose request the transaction carried.
    fn of_carrier(&self, list: Option<&VecDeque<u64>>, carrier: TransactionKey) -> Option<u64> {
        let carried = |n: &&u64| self.exchanges.get(n).is_some_and(|open| open.carrier == Some(carrier));
        list?.iter().take(limits::MAX_ALIKE).find(carried).copied()
    }

    /// The oldest outstanding request of the other side with this id (design: rule 2).
    fn outstanding(&self, found: &Found<'_>) -> Option<u64> {
        let id = found.envelope.id.clone()?;
        let state = self.sessions.get(found.place).filter(|state| !state.only_own_post(found.from))?;
        let open = state.outstanding.get(&(found.from.other(), id))?;
        open.front().copied()
    }

    fn answer(&mut self, n: u64, found: &Found<'_>, findings: &mut Findings) {
        let Some(open) = self.exchanges.get_mut(&n) else { return };
        let adopted =
            self.transactions.get(&found.carrier).map_or(Degraded::NONE, |transaction| transaction.degraded);
        open.answer(found.carrier, found.envelope, found.span, found.degraded.and(adopted));
        if open.cancelled.is_some_and(|(at, _)| at.packet < found.span.end.packet) {
            open.told.findings.push(Code::McpLateResponse);
        }
        if let Some(carrier) = self.transactions.get(&found.carrier) {
            // The answer's own way: the stream since it was asked, or the POST that carries the client's answer.
            let again = match open.stream {
                Some((key, before)) if key == found.carrier => {
                    carrier.server_retransmissions().saturating_sub(before)
                }
                _ if found.from == Side::Client => carrier.client_retransmissions(),
                _ => 0,
            };
            open.told.retransmissions = open.told.retransmissions.saturating_add(again);
        }
        let waits = open.told.origin == Side::Client && !open.acknowledged && open.carrier.is_some();
        if let Some(state) = self.sessions.get_mut(open.place) {
            state.forget(&(open.told.origin, open.told.id.clone()), n);
            let look = &found.envelope.look;
            if method::is_initialize(&open.told.method) && found.envelope.kind == Kind::Response {
                state.told.protocol_version = look.protocol_version.as_deref().map(|v| self.names.share(v));
                open.told.protocol_version.clone_from(&state.told.protocol_version);
            }
            if look.server_info.is_some() && found.from == Side::Server {
                state.introduce_server(look);
            }
            if look.input_required {
                let (method, name) = (open.told.method.clone(), open.told.name.clone());
                state.ask(Asked { n, state: look.request_state, method, name });
            }
            if let Some(task) = look.task.clone().filter(|_| !method::is_task(&open.told.method))
                && state.tasks.len() < limits::MAX_ANSWERED
            {
                state.tasks.insert(task, n);
            }
            if let Some(listing) = &look.listing {
                let definitions = listing.definitions.iter().map(|d| (d.name.clone(), d.bytes)).collect();
                let offer = Offer { server: state.told.session.server, kind: listing.kind, definitions };
                self.out.push(Record::Offer(Box::new(offer)));
            }
        }
        if !waits {
            self.complete(n, findings);
        }
    }

    fn notification(&mut self, found: &Found<'_>, findings: &mut Findings) {
        let look = &found.envelope.look;
        let method = found.envelope.method.as_deref().unwrap_or_default();
        let exchange = match method {
            method::PROGRESS => self.progress(found),
            method::CANCELLED => self.cancel(found, findings),
            _ => None,
        };
        let Some(state) = self.sessions.get_mut(found.place) else {
            return;
        };
        if method == method::INITIALIZED {
            state.initialized = true;
        }
        let task = look.task.as_ref().and_then(|task| state.tasks.get(task).copied());
        let Some(transaction) = self.transactions.get(&found.carrier) else {
            return;
        };
        let own = transaction.requests.first().copied().filter(|_| found.from == Side::Server);
        let notification = Notification {
            session: state.told.session.clone(),
            tcp_stream: transaction.peers.tcp_stream,
            from: found.from,
            method: self.names.share(method),
            message: MessageSpan { span: found.span, bytes: found.envelope.bytes },
            exchange: exchange.or(task).or(own),
            degraded: found.degraded.and(transaction.degraded),
        };
        self.out.push(Record::Notification(Box::new(notification)));
    }

    /// The exchange that a progress notification is for.
    fn progress(&mut self, found: &Found<'_>) -> Option<u64> {
        let token = found.envelope.look.progress_token.as_ref()?;
        let asker = found.from.other();
        let state = self.sessions.get(found.place)?;
        let given = state.tokens.get(&(asker, token.clone()));
        let own = self.of_carrier(given, found.carrier);
        if let Some(n) = own.or_else(|| given?.front().copied()) {
            if let Some(open) = self.exchanges.get_mut(&n) {
                open.told.progress = open.told.progress.saturating_add(1);
            }
            return Some(n);
        }
        let done = state.done.iter().rev().find(|done| done.gave(asker, token)).map(|done| done.n);
        if done.is_none() && self.deferred.len() < limits::MAX_HELD_RESPONSES {
            let at = found.span.end;
            let finding = about(Code::McpUnknownToken, at, found.carrier, format!("token {token}"));
            self.deferred.push_back((at, found.place, finding));
        }
        done
    }

    /// The exchange that a cancellation is for.
    fn cancel(&mut self, found: &Found<'_>, findings: &mut Findings) -> Option<u64> {
        let id = found.envelope.look.request_id.clone()?;
        let state = self.sessions.get(found.place)?;
        let key = (found.from, id);
        if let Some(n) = state.outstanding.get(&key).and_then(|open| open.back()).copied() {
            let open = self.exchanges.get_mut(&n)?;
            open.cancelled.get_or_insert((found.span.end, Cause::Cancelled));
            return Some(n);
        }
        let done = state.done.iter().rev().find(|done| done.is(key.0, &key.1)).map(|done| done.n);
        let mut finding =
            about(Code::McpUnknownCancel, found.span.end, found.carrier, format!("id {}", key.1));
        finding.exchange = done;
        findings.push(finding);
        done
    }

    /// Tells an exchange.
    pub(super) fn complete(&mut self, n: u64, findings: &mut Findings) {
        let Some(mut open) = self.exchanges.remove(&n) else { return };
        self.open_text = self.open_text.saturating_sub(open.text_len());
        open.settle();
        let at = open.told.response.map_or(open.told.request.span, |response| response.span).end;
        if let Some(state) = self.sessions.get_mut(open.place) {
            state.forget(&(open.told.origin, open.told.id.clone()), n);
            if let Some(token) = &open.token {
                state.forget_token(&(open.told.origin, token.clone()), n);
            }
            // Bytes of the answering side are missing from after it was asked: the answer may have been in them.
            let [from_client, from_server] = state.gaps;
            let gap = if open.told.origin == Side::Client { from_server } else { from_client };
            let asked = open.told.request.span.start.packet;
            if let Some((_, why)) = gap.filter(|(packet, _)| is_open(&open) && *packet >= asked) {
                open.told.degraded.add(why);
            }
            if is_open(&open) && state.told.degraded.contains(Degraded::MIDSTREAM) {
                // Which stream is the session's was concluded, or none was seen.
                open.told.degraded.add(Degraded::MIDSTREAM);
            }
            if is_open(&open) && self.lost_at.is_some_and(|packet| packet >= asked) {
                open.told.degraded.add(Degraded::LOST_PACKETS);
            }
            // A transport that was not known when the request came is known now.
            open.told.session = state.told.session.clone();
            if open.told.protocol_version.is_none() && !method::is_initialize(&open.told.method) {
                open.told.protocol_version.clone_from(&state.told.protocol_version);
            }
            state.remember(Done::new(&open.told, open.token.as_ref()));
        }
        rules::completed(&mut self.sessions, &mut open, at, findings);
        self.out.push(Record::Exchange(Box::new(open.told)));
    }

    /// A response that nothing asked for, as far as the capture tells.
    pub(super) fn orphan(&mut self, held: &HeldResponse, findings: &mut Findings) {
        let missing = self.missing;
        let Some(state) = self.sessions.get_mut(held.place) else {
            return;
        };
        let carrier = self.transactions.get(&held.carrier).map_or(Degraded::NONE, |t| t.degraded);
        let why = state.told.degraded.and(missing).and(carrier).and(held.degraded);
        rules::orphan(state, held, why, findings);
    }

    pub(super) fn degrade(&mut self, n: u64, why: Degraded) {
        if let Some(open) = self.exchanges.get_mut(&n) {
            open.told.degraded.add(why);
        }
    }

    fn limit_open(&mut self, at: Origin, findings: &mut Findings) {
        while self.exchanges.len() > limits::MAX_OPEN_EXCHANGES || self.open_text > limits::MAX_OPEN_TEXT {
            let Some(oldest) = self.exchanges.keys().next().copied() else { return };
            findings.add(Code::McpLimit, at, "more open requests than are kept".to_owned());
            self.complete(oldest, findings);
        }
    }

    /// The requests of a session that nothing answered yet, oldest first.
    pub(super) fn open_of(&self, place: SessionIndex, origin: Side) -> Vec<u64> {
        let Some(state) = self.sessions.get(place) else {
            return Vec::new();
        };
        let mut open: Vec<u64> = state
            .outstanding
            .iter()
            .filter(|((from, _), _)| *from == origin)
            .flat_map(|(_, n)| n)
            .copied()
            .collect();
        open.sort_unstable();
        open
    }

    /// Whether the exchange is of a revision in which closing the response stream cancels.
    pub(super) fn closing_cancels(&self, n: u64) -> bool {
        let version = self.exchanges.get(&n).and_then(|open| open.told.protocol_version.as_deref());
        version.is_some_and(router::is_stateless)
    }

    /// Whether a request of the session can be answered on, or POSTed again by, another connection than its own: the
    /// session has an id to be found by.
    pub(super) fn may_be_resumed(&self, place: SessionIndex) -> bool {
        self.sessions.get(place).is_some_and(|state| state.told.session.id.is_some())
    }
}

fn id_text(id: Option<&Id>) -> String {
    id.map_or_else(|| "id null".to_owned(), |id| format!("id {id}"))
}

/// What a response without a request is told as.
pub(super) fn described(envelope: &Envelope) -> String {
    id_text(envelope.id.as_ref())
}

/// A request that nobody will answer any more.
pub(super) fn is_open(open: &OpenExchange) -> bool {
    !open.answered && open.told.status == Status::Unanswered
}
