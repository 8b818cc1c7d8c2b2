//! Past of a session: completed exchanges, events, tasks and requests for input.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::handle::TransactionKey;
use super::record::{Cause, Exchange};
use crate::base::{Side, Timestamp, limits, text};
use crate::rpc::{Id, Look};

/// What is remembered of a session's past, each list up to a cap.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The latest completed exchanges.
    completed: VecDeque<Completed>,
    /// The latest events with an id.
    events: VecDeque<Event>,
    /// The exchange that created each task, by task id.
    tasks: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
    /// Length of the ids of these tasks, in bytes.
    tasks_len: usize,
    /// Whether a finding says that the ids of events are not unique.
    is_repetition_reported: bool,
    /// Results that ask for input and that no retry has answered.
    input_requests: VecDeque<InputRequest>,
}

/// An event of a stream.
#[derive(Clone, Copy, Debug)]
struct Event {
    /// Hash of its id.
    id: u64,
    /// Length of its data.
    bytes: u64,
    /// The transaction of its stream; if the stream was resumed, the one that began it.
    stream: TransactionKey,
}

/// What an event repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// Nothing.
    None,
    /// An event of the stream that was resumed.
    OfThisStream,
    /// An event of another stream.
    OfOtherStream,
}

/// A completed exchange.
#[derive(Clone, Debug)]
struct Completed {
    n: u64,
    origin: Side,
    id_hash: u64,
    token_hash: Option<u64>,
    /// The end of its response; `None` if it has none.
    answered: Option<Timestamp>,
    cause: Option<Cause>,
    http_status: Option<u16>,
}

/// The exchange that another one continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Continued {
    pub(super) n: u64,
    /// The end of the response that asked for input; `None` for a task.
    pub(super) asked_at: Option<Timestamp>,
}

/// A result of type `input_required`.
#[derive(Clone, Debug)]
struct InputRequest {
    n: u64,
    /// The end of the result.
    at: Option<Timestamp>,
    /// The `requestState` that the retry repeats.
    state: Option<(u64, u64)>,
    method: Arc<str>,
    name: Option<Arc<str>>,
}

impl History {
    /// What is allocated for it, in bytes, without texts that exchanges share.
    pub(super) fn allocated(&self) -> usize {
        self.completed.capacity() * size_of::<Completed>()
            + self.events.capacity() * size_of::<Event>()
            + self.tasks.capacity() * size_of::<(Box<str>, u64)>()
            + self.tasks_len
            + self.input_requests.capacity() * size_of::<InputRequest>()
    }

    /// Adds an exchange that is complete, or whose response was seen.
    pub(super) fn add_completed(&mut self, exchange: &Exchange, token: Option<&Id>) {
        if self.completed.len() >= limits::MAX_ANSWERED {
            self.completed.pop_front();
        }
        self.completed.push_back(Completed {
            n: exchange.n,
            origin: exchange.origin,
            id_hash: hash(&exchange.id),
            token_hash: token.map(hash),
            answered: exchange.response.map(|response| response.span.end.time),
            cause: exchange.cause,
            http_status: exchange.http_status,
        });
    }

    /// The latest completed exchange of a request that `origin` sent with this id; `among`
    /// restricts the search to these numbers.
    pub(super) fn completed(&self, origin: Side, id: &Id, among: Option<&[u64]>) -> Option<u64> {
        let id_hash = hash(id);
        let is_it = |completed: &&Completed| {
            completed.origin == origin
                && completed.id_hash == id_hash
                && among.is_none_or(|numbers| numbers.contains(&completed.n))
        };
        self.completed.iter().rev().find(is_it).map(|completed| completed.n)
    }

    /// Why a completed exchange has no response, as far as is known, and the status of its POST;
    /// `None` if it has one, or is not remembered.
    pub(super) fn failure(&self, n: u64) -> Option<(Option<Cause>, Option<u16>)> {
        let completed = self.completed.iter().rev().find(|completed| completed.n == n)?;
        completed.answered.is_none().then_some((completed.cause, completed.http_status))
    }

    /// Whether a request that `origin` sent with this id was answered.
    pub(super) fn has_answered(&self, origin: Side, id: &Id) -> bool {
        let id_hash = hash(id);
        let is_it = |completed: &Completed| {
            completed.answered.is_some() && completed.origin == origin && completed.id_hash == id_hash
        };
        self.completed.iter().any(is_it)
    }

    /// The latest completed exchange of a request that `origin` sent with this progress token, and
    /// the end of its response; `None` there if it has none.
    pub(super) fn completed_with_token(&self, origin: Side, token: &Id) -> Option<(u64, Option<Timestamp>)> {
        let token_hash = Some(hash(token));
        let is_it = |completed: &&Completed| completed.origin == origin && completed.token_hash == token_hash;
        self.completed.iter().rev().find(is_it).map(|completed| (completed.n, completed.answered))
    }

    /// Remembers an event of `stream`, and returns whether it repeats one. `last_event_id` is the
    /// hash of the `Last-Event-ID` that resumed the stream, if it did.
    pub(super) fn add_event(
        &mut self,
        (id, bytes): (&str, u64),
        stream: TransactionKey,
        last_event_id: Option<u64>,
    ) -> Replay {
        let id = text::digest(id);
        let resumed = last_event_id.and_then(|last| self.only_stream(|event| event.id == last));
        if last_event_id.is_some() {
            let is_it = |event: &Event| (event.id, event.bytes) == (id, bytes);
            if self.events.iter().any(is_it) {
                return match (self.only_stream(is_it), resumed) {
                    (Some(own), Some(resumed)) if own != resumed => Replay::OfOtherStream,
                    _ => Replay::OfThisStream,
                };
            }
        }
        if self.events.len() >= limits::MAX_EVENT_IDS {
            self.events.pop_front();
        }
        self.events.push_back(Event { id, bytes, stream: resumed.unwrap_or(stream) });
        Replay::None
    }

    pub(super) fn is_repetition_reported(&self) -> bool {
        self.is_repetition_reported
    }

    pub(super) fn set_repetition_reported(&mut self) {
        self.is_repetition_reported = true;
    }

    /// Whether an event with this id came on another stream, and none on `stream`.
    pub(super) fn is_first_of_other_stream(&self, id: &str, stream: TransactionKey) -> bool {
        let id = text::digest(id);
        let mut streams = self.events.iter().filter(|event| event.id == id).map(|event| event.stream);
        streams.next().is_some_and(|first| first != stream && streams.all(|other| other != stream))
    }

    /// The stream of the events that `is_it` accepts; `None` if several streams have some: ids that
    /// are not unique do not tell.
    fn only_stream(&self, is_it: impl Fn(&Event) -> bool) -> Option<TransactionKey> {
        let mut found = self.events.iter().filter(|event| is_it(event)).map(|event| event.stream);
        let first = found.next()?;
        found.all(|stream| stream == first).then_some(first)
    }

    /// The exchange that created a task.
    pub(super) fn task(&self, id: &str) -> Option<u64> {
        self.tasks.get(id).copied()
    }

    /// Whether this exchange created a task, which goes on after its response.
    pub(super) fn has_task(&self, n: u64) -> bool {
        self.tasks.values().any(|created_by| *created_by == n)
    }

    pub(super) fn add_task(&mut self, id: Box<str>, n: u64) {
        if self.tasks.len() < limits::MAX_ANSWERED {
            self.tasks_len += id.len();
            self.tasks.insert(id, n);
        }
    }

    pub(super) fn add_input_request(&mut self, exchange: &Exchange, state: Option<(u64, u64)>) {
        if self.input_requests.len() >= limits::MAX_ANSWERED {
            self.input_requests.pop_front();
        }
        let (method, name) = (exchange.method.clone(), exchange.name.clone());
        let at = exchange.response.map(|response| response.span.end.time);
        self.input_requests.push_back(InputRequest { n: exchange.n, at, state, method, name });
    }

    /// The exchange whose `input_required` result this request answers; it can be answered once.
    pub(super) fn take_input_request(&mut self, exchange: &Exchange, look: &Look) -> Option<Continued> {
        if !look.input_responses && look.request_state.is_none() {
            return None;
        }
        let is_it = |asked: &InputRequest| {
            asked.state == look.request_state
                && asked.method == exchange.method
                && asked.name == exchange.name
        };
        let at = self.input_requests.iter().rposition(is_it)?;
        self.input_requests.remove(at).map(|asked| Continued { n: asked.n, asked_at: asked.at })
    }
}

/// Hash of an id, the same in every run.
fn hash(id: &Id) -> u64 {
    FixedState::with_seed(0).hash_one(id)
}
