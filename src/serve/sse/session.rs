//! Sessions of HTTP+SSE: their queues of messages in both directions, and their end.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Sink, stream};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::serve_server_with_ct;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::serve::budget::{Budget, Share, Taken};
use crate::serve::faults::{Faulty, Line};
use crate::serve::handshake;
use crate::serve::options::Options;
use crate::serve::roster::{Place, Roster};

/// Most open sessions, whatever the options say. Each has a connection, a task and two queues.
const SESSIONS: usize = 512;

/// Most client messages waiting for the handler, which starts a task for each at once.
const WAITING: usize = 64;

/// Most messages waiting for the client to read them. A session with more is closed: a tool sends
/// at most a few hundred progress events.
const UNREAD: usize = 256;

/// Most bytes of waiting events, except the oldest one, which may have any size. A client may ask
/// for eight lists of 500 stories at once.
const UNREAD_BYTES: usize = 4 * 1024 * 1024;

/// Part of the waiting events of a session that needs no budget, in bytes.
const UNREAD_FREE: usize = 64 * 1024;

/// Memory for the other waiting events of all sessions, in bytes.
const UNREAD_TOTAL: usize = 64 * 1024 * 1024;

/// Silence after which a stream sends a comment: proxies time out after 30 to 60 seconds.
pub(super) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(15);

/// Open sessions and their handler.
pub(super) struct Sessions {
    handler: Faulty,
    idle: Duration,
    /// Cancelled when the server shuts down.
    end: CancellationToken,
    open: Arc<Table>,
    roster: Roster,
    /// Memory for events that clients have not read.
    unread: Budget,
}

type Table = Mutex<HashMap<Uuid, Session>>;

/// Handle of a session for its POSTs.
#[derive(Clone)]
pub(super) struct Session {
    incoming: mpsc::Sender<ClientJsonRpcMessage>,
    used: watch::Sender<()>,
    place: Arc<Place>,
    line: Line,
}

/// Why a session accepts no message.
pub(super) enum Refused {
    /// Too many messages wait.
    Full,
    /// The session has ended.
    Ended,
}

impl Sessions {
    /// Creates an empty table. Sessions end as `options` say, and all when `end` is cancelled.
    pub(super) fn new(handler: Faulty, options: &Options, end: CancellationToken) -> Self {
        // What a client says of itself comes after the place is given: it is counted at its limit.
        let roster = Roster::new(options.sessions.min(SESSIONS), SESSIONS * handshake::MEMORY);
        let unread = Budget::new(UNREAD_TOTAL);
        Self { handler, idle: options.session_idle, end, open: Arc::default(), roster, unread }
    }

    /// Opens a session whose stream is sent on `line`; returns its id and the queue of its events.
    /// The session that was unused for the longest time ends if there is no other place. `None` if
    /// no session can end.
    pub(super) fn open(&self, line: Line) -> Option<(Uuid, Unread)> {
        let id = Uuid::new_v4();
        let (incoming, messages) = mpsc::channel(WAITING);
        let (answers, events) = mpsc::channel(UNREAD);
        let bytes = Arc::new(AtomicUsize::new(0));
        let (used, idle) = watch::channel(());
        let place = Arc::new(self.roster.admit(line.client(), handshake::MEMORY)?);
        let gone = place.gone();
        lock(&self.open).insert(id, Session { incoming, used, place, line: line.clone() });
        let entry = TableEntry { id, open: Arc::clone(&self.open) };
        let ct = CancellationToken::new();
        let (limit, end) = (self.idle, self.end.clone());
        let budget = self.unread.share(line.client());
        let answers = Answers { to: answers, bytes: Arc::clone(&bytes), budget, ct: ct.clone() };
        let work = work(self.handler.clone(), answers, messages, ct.clone());
        tokio::spawn(async move {
            let mut work = std::pin::pin!(work);
            let over = tokio::select! {
                () = &mut work => return,
                () = unused(idle, limit) => true,
                () = line.is_gone() => true,
                () = gone.cancelled() => true,
                () = end.cancelled() => false,
            };
            // Without its input, rmcp finishes the requests in progress and ends.
            drop(entry);
            if over {
                ct.cancel();
            }
            work.await;
        });
        Some((id, Unread { events, bytes }))
    }

    /// Returns the open session with this id.
    pub(super) fn find(&self, id: &Uuid) -> Option<Session> {
        lock(&self.open).get(id).cloned()
    }
}

impl Session {
    /// Passes a message to the handler.
    pub(super) fn send(&self, message: ClientJsonRpcMessage) -> Result<(), Refused> {
        self.used.send_replace(());
        self.place.record_use();
        self.incoming.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Full,
            TrySendError::Closed(_) => Refused::Ended,
        })
    }

    /// Returns the line that carries the session's stream.
    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }
}

/// Runs one session until the client is gone, its input is closed, or `ct` is cancelled.
async fn work(
    handler: Faulty,
    answers: Answers,
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
    ct: CancellationToken,
) {
    let messages = Box::pin(stream::unfold(messages, |mut messages| async move {
        messages.recv().await.map(|message| (message, messages))
    }));
    // A failed handshake was answered with its error; a client that sent none sees the end of its
    // stream.
    if let Ok(running) = serve_server_with_ct(handler, (answers, messages), ct).await {
        drop(running.waiting().await);
    }
}

/// Waits until a session was unused for `limit`.
async fn unused(mut used: watch::Receiver<()>, limit: Duration) {
    while let Ok(Ok(())) = tokio::time::timeout(limit, used.changed()).await {}
}

/// Entry of a session in the table, removed on drop.
struct TableEntry {
    id: Uuid,
    open: Arc<Table>,
}

impl Drop for TableEntry {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.id);
    }
}

/// Locks the table. No update is left half done by a panic, so the data of a poisoned lock is
/// valid.
fn lock(table: &Table) -> MutexGuard<'_, HashMap<Uuid, Session>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An event that waits for the client.
struct Event {
    text: String,
    _taken: Option<Taken>,
}

/// Sink for the messages of the handler. It never waits: a client that does not read loses its
/// session.
struct Answers {
    to: mpsc::Sender<Event>,
    /// Bytes of the waiting events.
    bytes: Arc<AtomicUsize>,
    budget: Share,
    ct: CancellationToken,
}

/// Events of a session waiting for the client to read them.
pub(super) struct Unread {
    events: mpsc::Receiver<Event>,
    bytes: Arc<AtomicUsize>,
}

impl Unread {
    /// Returns the text of the next event; `None` when the session has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        let event = self.events.recv().await?;
        self.bytes.fetch_sub(event.text.len(), Ordering::Relaxed);
        Some(event.text)
    }
}

/// Formats a message as an event. JSON text has no raw line breaks, so its data is one line.
fn event(message: &ServerJsonRpcMessage) -> String {
    match serde_json::to_string(message) {
        Ok(data) => format!("event: message\ndata: {data}\n\n"),
        // Serializing rmcp's messages does not fail; if it does, a comment says so.
        Err(error) => format!(": a message could not be written: {error}\n\n"),
    }
}

impl Answers {
    /// Queues a message if there is room.
    fn send(&self, message: &ServerJsonRpcMessage) -> io::Result<()> {
        let event = event(message);
        // Added before the event can be read. Only this sink, owned by rmcp, adds.
        let waiting = self.bytes.fetch_add(event.len(), Ordering::Relaxed);
        if waiting > 0 && waiting + event.len() > UNREAD_BYTES {
            return Err(unread());
        }
        let more = event.len().saturating_sub(UNREAD_FREE.saturating_sub(waiting));
        let taken = match more {
            0 => None,
            more => Some(self.budget.take(more).ok_or_else(unread)?),
        };
        self.to.try_send(Event { text: event, _taken: taken }).map_err(|error| match error {
            TrySendError::Full(_) => unread(),
            TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

fn unread() -> io::Error {
    io::Error::other("the client does not read its stream")
}

impl Sink<ServerJsonRpcMessage> for Answers {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: ServerJsonRpcMessage) -> io::Result<()> {
        self.send(&message).inspect_err(|_| self.ct.cancel())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> ServerJsonRpcMessage {
        let text = "x".repeat(bytes);
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"{text}"}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn unread_events_are_bounded_except_for_a_single_large_one() {
        let (to, events) = mpsc::channel(UNREAD);
        let bytes = Arc::new(AtomicUsize::new(0));
        let mut unread = Unread { events, bytes: Arc::clone(&bytes) };
        let budget = Budget::new(UNREAD_TOTAL).share([127, 0, 0, 1].into());
        let answers = Answers { to, bytes, budget, ct: CancellationToken::new() };
        answers.send(&message(2 * UNREAD_BYTES)).unwrap();
        assert!(unread.next().await.unwrap().len() > 2 * UNREAD_BYTES);
        answers.send(&message(UNREAD_BYTES / 2)).unwrap();
        answers.send(&message(UNREAD_BYTES / 4)).unwrap();
        unread.next().await.unwrap();
        answers.send(&message(UNREAD_BYTES / 2)).unwrap();
        assert!(answers.send(&message(UNREAD_BYTES / 2)).is_err(), "too much is unread");
    }
}
