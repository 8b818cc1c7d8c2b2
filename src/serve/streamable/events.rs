//! The events of the sessions' streams, kept so that a client can come back for what it missed (`Last-Event-ID`).
//!
//! The id of an event is its number and the name of its stream, `17/d6c1…`. rmcp asks for events by id alone, whatever
//! the session: the names are random, so nobody can ask for the events of others.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream;
use rmcp::model::{JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::{EventId, EventStore, EventStoreError, EventStream};
use tokio::sync::watch;

/// Events that are kept over all sessions, the latest ones: at some kilobytes each some tens of megabytes, and at 500
/// requests a second a client has eight seconds to come back.
const EVENTS: usize = 8192;

/// Bytes of messages that are kept over all sessions, whatever their number.
const BYTES: usize = 32 * 1024 * 1024;

/// Streams that are known to have been opened: those of all sessions there may be at once.
const OPENED: usize = super::SESSIONS;

/// What rmcp adds to the id of a session to name its own stream, the one that GET opens.
const COMMON: &str = ":common";

/// The latest events of all streams, in the order in which they came.
pub(super) struct Events {
    kept: Arc<Mutex<Kept>>,
    /// How long a resumed stream waits for its next event.
    patience: Duration,
    /// Changes with every event.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    /// The sessions' own streams that were opened, the latest ones.
    opened: VecDeque<String>,
    /// The number of the latest event, from 1.
    last: u64,
}

struct Event {
    number: u64,
    stream: Arc<str>,
    message: ServerSseMessage,
    bytes: usize,
}

/// Where a resumed stream stands.
struct Place {
    kept: Arc<Mutex<Kept>>,
    news: watch::Receiver<u64>,
    stream: Arc<str>,
    /// The number of the event that was given last.
    number: u64,
    /// Whether the stream's answer was given.
    over: bool,
    patience: Duration,
}

impl Events {
    /// No events. A resumed stream ends when nothing came for `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        Self { kept: Arc::default(), patience, news: watch::Sender::new(0) }
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

    /// What was said on the session's own stream before anybody opened it: given once, to the first who does. Events
    /// that come later are behind the number that is given with them.
    pub(super) fn early(&self, session: &str) -> Option<(Vec<ServerSseMessage>, u64)> {
        let stream = format!("{session}{COMMON}");
        let mut kept = lock(&self.kept);
        if kept.opened.contains(&stream) {
            return None;
        }
        let early = kept.events.iter().filter(|event| *event.stream == *stream);
        let early = early.map(|event| event.message.clone()).collect();
        kept.opened.push_back(stream);
        if kept.opened.len() > OPENED {
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
            let event = event.ok_or("this event is not kept any more")?;
            Arc::clone(&event.stream)
        };
        let place = Place {
            kept: Arc::clone(&self.kept),
            news,
            stream,
            number,
            over: false,
            patience: self.patience,
        };
        Ok(Box::pin(stream::unfold(place, Place::next)))
    }
}

impl Kept {
    /// The event with this number. Numbers follow each other, so its place is known.
    fn at(&self, number: u64) -> Option<&Event> {
        let first = self.events.front()?.number;
        self.events.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The first event of a stream after the one with this number.
    fn after(&self, number: u64, stream: &str) -> Option<&Event> {
        let first = self.events.front()?.number;
        let skipped = usize::try_from(number.saturating_add(1).saturating_sub(first)).ok()?;
        self.events.iter().skip(skipped).find(|event| *event.stream == *stream)
    }
}

impl Place {
    /// The next event of the stream; waits for it, for the stream may still be written.
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
            tokio::time::timeout(self.patience, self.news.changed()).await.ok()?.ok()?;
        }
    }
}

/// Whether nothing comes after the message on its stream: a stream of a request ends with its response. The stream that
/// GET opens carries none.
fn is_answer(message: &ServerJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))
}

/// What a message weighs: its JSON text.
fn size(message: &ServerJsonRpcMessage) -> usize {
    serde_json::to_vec(message).map_or(0, |text| text.len())
}

/// The events; nothing that holds their lock can leave them half changed.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EventStoreError>> + Send + 'a>>;

// The trait is made by `async_trait`, which is no dependency: this is what it makes of `async fn`.
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
        Events::new(Duration::from_secs(60))
    }

    fn message(id: u32) -> ServerSseMessage {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"m"}}}}"#);
        ServerSseMessage::from_message(serde_json::from_str(&text).unwrap())
    }

    #[tokio::test]
    async fn a_stream_is_resumed_behind_its_event_and_ends_with_its_answer() {
        let events = events();
        let first = events.keep("a", &ServerSseMessage::retry(Duration::from_secs(1)));
        events.keep("b", &message(1));
        let mut resumed = events.resume(&first).unwrap();
        assert!(resumed.next().now_or_never().is_none(), "what others said is not given");
        let answer = events.keep("a", &message(2));
        assert_eq!(resumed.next().await.unwrap().event_id, Some(answer));
        assert!(resumed.next().await.is_none());
    }

    #[test]
    fn an_event_is_asked_for_by_its_number_and_its_stream() {
        let events = events();
        assert_eq!(events.keep("a", &message(1)), "1/a");
        assert!(events.resume("1/a").is_ok());
        for wrong in ["1", "1/b", "2/a", "0/a", "x/a", "", "18446744073709551615/a"] {
            assert!(events.resume(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_oldest_events_make_room() {
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
