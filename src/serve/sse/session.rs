//! The sessions of HTTP+SSE: what waits to be worked on and what waits to be read, and their end.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Sink, stream};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::serve_server_with_ct;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::serve::faults::{Faulty, Line};

/// Sessions that may be there at once. Each has an open connection, a task and two queues.
const SESSIONS: usize = 512;

/// Messages of a client that may wait for the handler: it takes each at once and works on it in a task of its own.
const WAITING: usize = 64;

/// Messages that may wait for a client to read them. One that leaves more unread is given up: a tool sends at most some
/// hundred events of progress.
const UNREAD: usize = 256;

/// Bytes of events that may wait, all but the one that waits longest, which may have any size. Chosen: a client may well
/// ask for eight lists of 500 stories at once; all sessions that read nothing have two gigabytes.
const UNREAD_BYTES: usize = 4 * 1024 * 1024;

/// A stream that has said nothing for so long says a comment: proxies give up after 30 to 60 seconds.
pub(super) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(15);

/// The open sessions, and what answers in them.
pub(in crate::serve) struct Sessions<H> {
    handler: Faulty<H>,
    idle: Duration,
    /// Cancelled when the server is to end.
    end: CancellationToken,
    open: Arc<Table>,
}

type Table = Mutex<HashMap<Uuid, Session>>;

/// A session as those who POST to it see it.
#[derive(Clone)]
pub(super) struct Session {
    incoming: mpsc::Sender<ClientJsonRpcMessage>,
    used: watch::Sender<()>,
    line: Line,
}

/// Why a session takes no message.
pub(super) enum Refused {
    /// Too many wait.
    Full,
    /// It has just ended.
    Ended,
}

impl<H: ServerHandler + Clone> Sessions<H> {
    /// No sessions; those that nobody uses for `idle` end, and all of them when `end` is cancelled.
    pub(in crate::serve) fn new(handler: Faulty<H>, idle: Duration, end: CancellationToken) -> Self {
        Self { handler, idle, end, open: Arc::default() }
    }

    /// Opens a session whose stream goes out on `line`: its id, and what is to be said on the stream. `None` where there
    /// are too many.
    pub(super) fn open(&self, line: Line) -> Option<(Uuid, Unread)> {
        let id = Uuid::new_v4();
        let (incoming, messages) = mpsc::channel(WAITING);
        let (answers, events) = mpsc::channel(UNREAD);
        let bytes = Arc::new(AtomicUsize::new(0));
        let (used, idle) = watch::channel(());
        {
            let mut open = lock(&self.open);
            if open.len() >= SESSIONS {
                return None;
            }
            open.insert(id, Session { incoming, used, line: line.clone() });
        }
        let place = Place { id, open: Arc::clone(&self.open) };
        let ct = CancellationToken::new();
        let (limit, end) = (self.idle, self.end.clone());
        let answers = Answers { to: answers, bytes: Arc::clone(&bytes), ct: ct.clone() };
        let work = work(self.handler.clone(), answers, messages, ct.clone());
        tokio::spawn(async move {
            let mut work = std::pin::pin!(work);
            let over = tokio::select! {
                () = &mut work => return,
                () = unused(idle, limit) => true,
                () = line.is_gone() => true,
                () = end.cancelled() => false,
            };
            // Without a way in, rmcp finishes what is in work and ends.
            drop(place);
            if over {
                ct.cancel();
            }
            work.await;
        });
        Some((id, Unread { events, bytes }))
    }

    /// The open session with this id.
    pub(super) fn find(&self, id: &Uuid) -> Option<Session> {
        lock(&self.open).get(id).cloned()
    }
}

impl Session {
    /// Hands a message to the handler.
    pub(super) fn say(&self, message: ClientJsonRpcMessage) -> Result<(), Refused> {
        self.used.send_replace(());
        self.incoming.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Full,
            TrySendError::Closed(_) => Refused::Ended,
        })
    }

    /// What the session's stream goes out on.
    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }
}

/// Answers in one session until it ends: its client has gone, its way in is closed, or `ct` is cancelled.
async fn work<H: ServerHandler>(
    handler: Faulty<H>,
    answers: Answers,
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
    ct: CancellationToken,
) {
    let messages = Box::pin(stream::unfold(messages, |mut messages| async move {
        messages.recv().await.map(|message| (message, messages))
    }));
    // A handshake that fails has been answered with its error; a client that never began one is told by the end of
    // its stream.
    if let Ok(running) = serve_server_with_ct(handler, (answers, messages), ct).await {
        drop(running.waiting().await);
    }
}

/// Waits until a session was not used for `limit`.
async fn unused(mut used: watch::Receiver<()>, limit: Duration) {
    while let Ok(Ok(())) = tokio::time::timeout(limit, used.changed()).await {}
}

/// A session's place in the table, which it leaves when this is dropped.
struct Place {
    id: Uuid,
    open: Arc<Table>,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.id);
    }
}

/// The table; nothing that holds its lock can leave it half changed.
fn lock(table: &Table) -> MutexGuard<'_, HashMap<Uuid, Session>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the handler says, on its way to the stream. It never waits: a client that does not read loses its session.
struct Answers {
    to: mpsc::Sender<String>,
    /// Of the events that wait.
    bytes: Arc<AtomicUsize>,
    ct: CancellationToken,
}

/// The events of a session that wait for its client to read them.
pub(super) struct Unread {
    events: mpsc::Receiver<String>,
    bytes: Arc<AtomicUsize>,
}

impl Unread {
    /// The text of the next event; `None` when the session has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        let event = self.events.recv().await?;
        self.bytes.fetch_sub(event.len(), Ordering::Relaxed);
        Some(event)
    }
}

/// A message as an event. JSON has no raw line ends, so its data is one line.
fn event(message: &ServerJsonRpcMessage) -> String {
    match serde_json::to_string(message) {
        Ok(data) => format!("event: message\ndata: {data}\n\n"),
        // rmcp's messages are JSON; what is not is told in place of them.
        Err(error) => format!(": a message could not be written: {error}\n\n"),
    }
}

impl Answers {
    /// Puts a message into the queue, if there is room for it.
    fn say(&self, message: &ServerJsonRpcMessage) -> io::Result<()> {
        let event = event(message);
        // Counted before it can be read. Nobody else adds: the sink is rmcp's alone.
        let waiting = self.bytes.fetch_add(event.len(), Ordering::Relaxed);
        if waiting > 0 && waiting + event.len() > UNREAD_BYTES {
            return Err(unread());
        }
        self.to.try_send(event).map_err(|error| match error {
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
        self.say(&message).inspect_err(|_| self.ct.cancel())
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
    async fn what_waits_unread_has_a_size_and_one_message_any() {
        let (to, events) = mpsc::channel(UNREAD);
        let bytes = Arc::new(AtomicUsize::new(0));
        let mut unread = Unread { events, bytes: Arc::clone(&bytes) };
        let answers = Answers { to, bytes, ct: CancellationToken::new() };
        answers.say(&message(2 * UNREAD_BYTES)).unwrap();
        assert!(unread.next().await.unwrap().len() > 2 * UNREAD_BYTES);
        answers.say(&message(UNREAD_BYTES / 2)).unwrap();
        answers.say(&message(UNREAD_BYTES / 4)).unwrap();
        unread.next().await.unwrap();
        answers.say(&message(UNREAD_BYTES / 2)).unwrap();
        assert!(answers.say(&message(UNREAD_BYTES / 2)).is_err(), "too much is unread");
    }
}
