//! Keeps the events of sessions' streams so that clients can resume with `Last-Event-ID`.
//!
//! The id of an event is its number and the name of its stream, `17/d6c1…`. rmcp looks events up by
//! id alone, whatever the session; the names are random, so no client can ask for events of
//! another.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream;
use rmcp::model::{JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::{EventId, EventStore, EventStoreError, EventStream};
use tokio::sync::watch;

use crate::serve::budget;

/// Most events kept over all sessions: at a few kilobytes each, tens of megabytes. At 500 requests
/// per second a client has about eight seconds to resume.
const EVENTS: usize = 8192;

/// Most memory for the messages kept over all sessions, in bytes.
const BYTES: usize = 32 * 1024 * 1024;

/// Suffix that rmcp appends to a session id to name the stream opened by GET.
const COMMON: &str = ":common";

/// Latest events of all streams, in order of arrival.
pub(super) struct Events {
    kept: Arc<Mutex<Kept>>,
    /// How long a resumed stream waits for its next event.
    idle: Duration,
    /// Most streams remembered as opened.
    streams: usize,
    /// Changes with every event.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    /// Latest standalone streams that were opened.
    opened: VecDeque<String>,
    /// Number of the latest event, from 1.
    last: u64,
}

struct Event {
    number: u64,
    stream: Arc<str>,
    message: ServerSseMessage,
    bytes: usize,
}

/// Position of a resumed stream.
struct ResumePosition {
    kept: Arc<Mutex<Kept>>,
    news: watch::Receiver<u64>,
    stream: Arc<str>,
    /// Number of the last emitted event.
    number: u64,
    /// Whether the response of the stream was emitted.
    over: bool,
    idle: Duration,
}

impl Events {
    /// Creates an empty store. A resumed stream ends when no event came for `idle`. `streams`:
    /// most standalone streams remembered as opened, one per session.
    pub(super) fn new(idle: Duration, streams: usize) -> Self {
        Self { kept: Arc::default(), idle, streams, news: watch::Sender::new(0) }
    }

    fn keep(&self, stream: &str, event: &ServerSseMessage) -> EventId {
        let bytes = event.message.as_ref().map_or(0, |message| size(message));
        let mut kept = lock(&self.kept);
        kept.last += 1;
        let number = kept.last;
        let id = format!("{number}/{stream}");
        let mut message = event.clone();
        message.event_id = Some(id.clone());
        kept.bytes += bytes;
        kept.events.push_back(Event { number, stream: stream.into(), message, bytes });
        while kept.events.len() > EVENTS || kept.bytes > BYTES {
            let Some(oldest) = kept.events.pop_front() else {
                break;
            };
            kept.bytes = kept.bytes.saturating_sub(oldest.bytes);
        }
        drop(kept);
        self.news.send_replace(number);
        id
    }

    /// Returns the events of a session's standalone stream from before it was opened, and the
    /// number of the latest event. `None` if the stream was opened before.
    pub(super) fn early(&self, session: &str) -> Option<(Vec<ServerSseMessage>, u64)> {
        let stream = format!("{session}{COMMON}");
        let mut kept = lock(&self.kept);
        if kept.opened.contains(&stream) {
            return None;
        }
        let early = kept.events.iter().filter(|event| *event.stream == *stream);
        let early = early.map(|event| event.message.clone()).collect();
        kept.opened.push_back(stream);
        if kept.opened.len() > self.streams {
            kept.opened.pop_front();
        }
        Some((early, kept.last))
    }

    fn resume(&self, last: &str) -> Result<EventStream, EventStoreError> {
        let (number, name) = last.split_once('/').ok_or("an event is named by its number and its stream")?;
        let number: u64 = number.parse()?;
        let news = self.news.subscribe();
        let stream = {
            let kept = lock(&self.kept);
            let event = kept.at(number).filter(|event| *event.stream == *name);
            let event = event.ok_or("this event is no longer kept")?;
            Arc::clone(&event.stream)
        };
        let place = ResumePosition {
            kept: Arc::clone(&self.kept),
            news,
            stream,
            number,
            over: false,
            idle: self.idle,
        };
        Ok(Box::pin(stream::unfold(place, ResumePosition::next)))
    }
}

impl Kept {
    /// Returns the event with this number. Numbers are consecutive, so the index is computed.
    fn at(&self, number: u64) -> Option<&Event> {
        let first = self.events.front()?.number;
        self.events.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Returns the first event of a stream after this number.
    fn after(&self, number: u64, stream: &str) -> Option<&Event> {
        let first = self.events.front()?.number;
        let skipped = usize::try_from(number.saturating_add(1).saturating_sub(first)).ok()?;
        self.events.iter().skip(skipped).find(|event| *event.stream == *stream)
    }
}

impl ResumePosition {
    /// Waits for the next event of the stream.
    async fn next(mut self) -> Option<(ServerSseMessage, Self)> {
        if self.over {
            return None;
        }
        loop {
            let found = lock(&self.kept)
                .after(self.number, &self.stream)
                .map(|event| (event.number, event.message.clone()));
            if let Some((number, message)) = found {
                self.number = number;
                self.over = message.message.as_ref().is_some_and(|message| is_answer(message));
                return Some((message, self));
            }
            tokio::time::timeout(self.idle, self.news.changed()).await.ok()?.ok()?;
        }
    }
}

/// Whether no message follows this one on its stream: the stream of a request ends with its
/// response. The stream opened by GET carries none.
fn is_answer(message: &ServerJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))
}

/// Estimates the memory of a message in bytes.
fn size(message: &ServerJsonRpcMessage) -> usize {
    serde_json::to_vec(message).map_or(0, |text| budget::weigh(&text))
}

/// Locks the events. No update is left half done by a panic, so the data of a poisoned lock is
/// valid.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EventStoreError>> + Send + 'a>>;

// The trait uses `async_trait`, which is not a dependency; these are the signatures it generates.
impl EventStore for Events {
    fn store_event<'a, 'b, 'c, 'd>(
        &'a self,
        stream_id: &'b str,
        event: &'c ServerSseMessage,
    ) -> Answer<'d, EventId>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        Box::pin(std::future::ready(Ok(self.keep(stream_id, event))))
    }

    fn replay_events_after<'a, 'b, 'c>(&'a self, last_event_id: &'b str) -> Answer<'c, EventStream>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(std::future::ready(self.resume(last_event_id)))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn events() -> Events {
        Events::new(Duration::from_secs(60), 16)
    }

    fn message(id: u32) -> ServerSseMessage {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"m"}}}}"#);
        ServerSseMessage::from_message(serde_json::from_str(&text).unwrap())
    }

    #[tokio::test]
    async fn a_stream_resumes_after_its_event_and_ends_with_its_response() {
        let events = events();
        let first = events.keep("a", &ServerSseMessage::retry(Duration::from_secs(1)));
        events.keep("b", &message(1));
        let mut resumed = events.resume(&first).unwrap();
        assert!(resumed.next().now_or_never().is_none(), "events of other streams are not sent");
        let answer = events.keep("a", &message(2));
        assert_eq!(resumed.next().await.unwrap().event_id, Some(answer));
        assert!(resumed.next().await.is_none());
    }

    #[test]
    fn events_are_found_by_number_and_stream() {
        let events = events();
        assert_eq!(events.keep("a", &message(1)), "1/a");
        assert!(events.resume("1/a").is_ok());
        for wrong in ["1", "1/b", "2/a", "0/a", "x/a", "", "18446744073709551615/a"] {
            assert!(events.resume(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_oldest_events_are_evicted() {
        let events = events();
        for n in 0..EVENTS + 5 {
            events.keep("a", &message(u32::try_from(n).unwrap()));
        }
        let kept = lock(&events.kept);
        assert_eq!(kept.events.len(), EVENTS);
        assert_eq!(kept.bytes, kept.events.iter().map(|event| event.bytes).sum::<usize>());
        drop(kept);
        assert!(events.resume("5/a").is_err());
        assert!(events.resume("6/a").is_ok());
    }
}
