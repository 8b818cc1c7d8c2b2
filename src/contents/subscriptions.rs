//! Updates of resources that nobody subscribed to, and the streams of `subscriptions/listen`.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, SHOWN_URI};
use super::deferred::Deferred;
use crate::base::{Code, Finding, Side, text};
use crate::ledger::Notification;

/// Sessions whose subscriptions are kept.
const MAX_SESSIONS: usize = 10_000;

/// Subscriptions of a session that are kept.
const MAX_URIS: usize = 256;

/// Texts of subscriptions, of all sessions, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// Streams whose beginning is kept until they are over.
const MAX_STREAMS: usize = 10_000;

/// Longest name of a resource or a task that is compared, in bytes.
const MAX_SUBJECT: usize = 1024;

/// Different things that one stream tells that are kept.
const MAX_OF_STREAM: usize = 32;

/// Things that all open streams tell that are kept.
const MAX_ALL: usize = 10_000;

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const UPDATED: &str = "notifications/resources/updated";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What clients subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    sessions: HashMap<u32, Session, RandomState>,
    text_len: usize,
    /// What is wrong with streams that are open, by the number of the exchange that opened them.
    streams: HashMap<u64, Stream, RandomState>,
    order: VecDeque<u64>,
    /// Whether the beginning of a stream was forgotten.
    is_full: bool,
    /// Number of things that open streams told.
    told: usize,
}

#[derive(Debug, Default)]
struct Session {
    uris: Vec<Box<str>>,
    is_full: bool,
    is_told: bool,
}

/// What was seen of a stream of `subscriptions/listen`.
#[derive(Debug)]
struct Stream {
    /// Why its first message is not the one that is due; `None` if it is.
    first: Option<Finding>,
    /// Its first message without the id of the subscription.
    unnamed: Option<Finding>,
    /// What it told, each once: whether it was asked for is known when the stream is over.
    told: Vec<(Told, Finding)>,
}

/// What a notification of a subscription is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// The filter that asks for it: `toolsListChanged` and its like.
    List(&'static str),
    /// The resource that changed.
    Resource(Box<str>),
    /// The task that changed.
    Task(Box<str>),
}

impl Told {
    fn of(method: &str, params: &Value) -> Option<Self> {
        let text = |name: &str| {
            let text = params.get(name).and_then(Value::as_str)?;
            (text.len() <= MAX_SUBJECT).then(|| text.into())
        };
        match method {
            "notifications/tools/list_changed" => Some(Self::List("toolsListChanged")),
            "notifications/prompts/list_changed" => Some(Self::List("promptsListChanged")),
            "notifications/resources/list_changed" => Some(Self::List("resourcesListChanged")),
            UPDATED => text("uri").map(Self::Resource),
            "notifications/tasks" => text("taskId").map(Self::Task),
            _ => None,
        }
    }

    /// Whether a filter of `subscriptions/listen` asks for it.
    fn is_in(&self, filter: &Value) -> bool {
        let has = |name: &str, is_it: &dyn Fn(&str) -> bool| {
            let texts = filter.get(name).and_then(Value::as_array).into_iter().flatten();
            texts.filter_map(Value::as_str).any(is_it)
        };
        match self {
            Self::List(name) => filter.get(*name) == Some(&Value::Bool(true)),
            // Something inside of what was asked for may be named.
            Self::Resource(uri) => has("resourceSubscriptions", &|known| uri.starts_with(known)),
            Self::Task(id) => has("taskIds", &|known| *known == **id),
        }
    }
}

impl Subscriptions {
    /// Takes a call and returns what is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        match &*call.exchange.method {
            "resources/subscribe" => {
                self.subscribe(call);
                Vec::new()
            }
            "subscriptions/listen" => self.over(call),
            _ => {
                let other = self.streams.remove(&call.exchange.n);
                self.told -= other.map_or(0, |stream| stream.told.len());
                Vec::new()
            }
        }
    }

    fn subscribe(&mut self, call: &Call<'_>) {
        let number = call.exchange.session.number;
        if self.sessions.len() >= MAX_SESSIONS && !self.sessions.contains_key(&number) {
            return;
        }
        let session = self.sessions.entry(number).or_default();
        let uri = call.param("uri").and_then(Value::as_str);
        let has_room = |uri: &&str| self.text_len + uri.len() <= MAX_TEXT;
        match uri.filter(has_room) {
            Some(uri) if session.uris.iter().any(|known| **known == *uri) => {}
            Some(uri) if session.uris.len() < MAX_URIS => {
                self.text_len += uri.len();
                session.uris.push(uri.into());
            }
            _ => session.is_full = true,
        }
    }

    /// The stream of a subscription is over.
    fn over(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let Some(stream) = self.streams.remove(&call.exchange.n) else { return Vec::new() };
        self.told -= stream.told.len();
        let filter = call.param("notifications");
        let mut told = stream.told.into_iter();
        let foreign = filter.and_then(|filter| told.find(|(told, _)| !told.is_in(filter)));
        let foreign = foreign.map(|(_, finding)| finding);
        // What comes first may be missing.
        let first = stream.first.filter(|_| !call.exchange.degraded.may_hide_messages() && !self.is_full);
        first.into_iter().chain(stream.unnamed).chain(foreign).collect()
    }

    /// Takes a notification of the server; what has to wait goes to `deferred`.
    pub(super) fn notification(
        &mut self,
        notification: &Notification,
        params: &Value,
        is_stateless: bool,
        deferred: &mut Deferred,
    ) {
        if notification.from != Side::Server {
            return;
        }
        self.listened(notification, params);
        if !is_stateless && &*notification.method == UPDATED {
            self.updated(notification, params, deferred);
        }
    }

    fn updated(&mut self, notification: &Notification, params: &Value, deferred: &mut Deferred) {
        let number = notification.session.number;
        let Some(uri) = params.get("uri").and_then(Value::as_str) else { return };
        if !deferred.has_begun(number)
            || (self.sessions.len() >= MAX_SESSIONS && !self.sessions.contains_key(&number))
        {
            return;
        }
        let session = self.sessions.entry(number).or_default();
        // Something inside of what was subscribed to may be named.
        let is_subscribed = session.uris.iter().any(|known| uri.starts_with(&**known));
        if is_subscribed || session.is_full || std::mem::replace(&mut session.is_told, true) {
            return;
        }
        let shown = text::beginning(uri, SHOWN_URI);
        let detail = format!("{shown} was updated, and the client did not subscribe to it");
        deferred.push(number, notification.finding(Code::ContentsNotSubscribed, detail));
    }

    fn listened(&mut self, notification: &Notification, params: &Value) {
        let Some(n) = notification.exchange else { return };
        let method = &*notification.method;
        let told = |detail| notification.finding(Code::ContentsBadSubscription, detail);
        if !self.streams.contains_key(&n) {
            if self.streams.len() >= MAX_STREAMS
                && let Some(oldest) = self.order.pop_front()
            {
                let forgotten = self.streams.remove(&oldest);
                self.is_full |= forgotten.is_some();
                self.told -= forgotten.map_or(0, |stream| stream.told.len());
            }
            self.order.push_back(n);
            if self.order.len() > 2 * MAX_STREAMS {
                let streams = &self.streams;
                self.order.retain(|n| streams.contains_key(n));
            }
            let is_first_due = method == ACKNOWLEDGED;
            let first = (!is_first_due)
                .then(|| told(format!("the first message of the stream is {method}, not {ACKNOWLEDGED}")));
            self.streams.insert(n, Stream { first, unnamed: None, told: Vec::new() });
        }
        let Some(stream) = self.streams.get_mut(&n) else { return };
        let is_named = params.get("_meta").is_some_and(|meta| meta.get(SUBSCRIPTION).is_some());
        if !is_named && stream.unnamed.is_none() {
            stream.unnamed = Some(told(format!("{method} without {SUBSCRIPTION}")));
        }
        if self.told < MAX_ALL
            && stream.told.len() < MAX_OF_STREAM
            && let Some(about) = Told::of(method, params)
            && !stream.told.iter().any(|(known, _)| *known == about)
        {
            let detail = format!("{method}, which the request of the subscription does not ask for");
            stream.told.push((about, notification.finding(Code::ContentsNotRequested, detail)));
            self.told += 1;
        }
    }
}
