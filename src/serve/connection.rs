//! A connection as its request handlers see it, what of it counts as used, and the log of its
//! requests.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Method, Version};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::budget::{Budget, Share, Taken};
use super::media;
use super::reporter::Reporter;
use super::roster::{self, Place};
use crate::base::text;

/// Memory for the bodies of requests and what they are parsed to, in bytes.
const REQUESTS: usize = 64 * 1024 * 1024;

/// Memory for responses that their clients have not read, in bytes.
const RESPONSES: usize = 64 * 1024 * 1024;

/// Part of each message that needs no budget, in bytes, so that small ones always have room.
pub(super) const FREE: usize = 32 * 1024;

/// Time after which a client that does not read pending data is disconnected.
pub(super) const READ_TIME: Duration = Duration::from_secs(30);

/// Bytes that all connections together may make the server hold.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    requests: Budget,
    responses: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { requests: Budget::new(REQUESTS), responses: Budget::new(RESPONSES) }
    }
}

/// Handle of a connection, passed in the extensions of its requests.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    state: Arc<State>,
    /// The request at hand, while it is being answered. HTTP/2 has many at a time, each with a
    /// handle of its own.
    request: Arc<Mutex<Option<roster::Request>>>,
}

#[derive(Debug)]
struct State {
    client: SocketAddr,
    place: Arc<Place>,
    /// The client's shares of what requests and responses may take.
    requests: Share,
    responses: Share,
    log: Reporter,
    reset: AtomicBool,
    /// Number of requests whose response is not over.
    open: watch::Sender<usize>,
}

impl Connection {
    /// Creates the handle of a connection from `client`. Its requests are reported to `log`.
    pub(super) fn new(client: SocketAddr, place: Place, budgets: &Budgets, log: Reporter) -> Self {
        let state = State {
            client,
            place: Arc::new(place),
            requests: budgets.requests.share(client.ip()),
            responses: budgets.responses.share(client.ip()),
            log,
            reset: AtomicBool::new(false),
            open: watch::Sender::new(0),
        };
        Self { state: Arc::new(state), request: Arc::default() }
    }

    /// Returns the handle of the next request.
    fn begin_request(&self) -> Self {
        self.state.open.send_modify(|open| *open += 1);
        Self { state: Arc::clone(&self.state), request: Arc::default() }
    }

    /// The response to the request is over.
    fn end_request(&self) {
        self.set_request(None);
        self.state.open.send_modify(|open| *open = open.saturating_sub(1));
    }

    /// Waits until no request was open for `time`.
    pub(super) async fn is_idle(&self, time: Duration) {
        let mut open = self.state.open.subscribe();
        loop {
            // The sender is in `state`.
            drop(open.wait_for(|open| *open == 0).await);
            if tokio::time::timeout(time, open.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Returns the address of the client.
    pub(super) fn client(&self) -> SocketAddr {
        self.state.client
    }

    /// Returns the bytes that requests of the client may take.
    pub(super) fn request_budget(&self) -> &Share {
        &self.state.requests
    }

    /// Makes the connection end by RST.
    pub(super) fn end_by_reset(&self) {
        self.state.reset.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is to end by RST.
    pub(super) fn ends_by_reset(&self) -> bool {
        self.state.reset.load(Ordering::Relaxed)
    }

    /// Waits until the connection has to make room for another one.
    pub(super) async fn is_evicted(&self) {
        self.state.place.is_gone().await;
    }

    /// Records that a request came with its body and is being answered. Until then the connection
    /// waits for its client.
    pub(super) fn begin_answer(&self) {
        let request = self.state.place.begin_request();
        self.set_request(Some(request));
    }

    fn set_request(&self, request: Option<roster::Request>) {
        // An assignment leaves a valid value behind, whoever panics.
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
    }
}

/// JSON-RPC method of a request, in the extensions of its response, for the log.
#[derive(Clone, Debug)]
pub(super) struct LoggedMethod(pub(super) String);

/// Longest method in the log, in bytes.
const LOGGED: usize = 64;

impl LoggedMethod {
    /// Adds the method of a message to its response.
    pub(super) fn add(method: Option<&str>, response: &mut Response) {
        if let Some(method) = method {
            response.extensions_mut().insert(Self(text::beginning(method, LOGGED).to_owned()));
        }
    }
}

/// Passes a request to its handler; records the use of its connection, and logs the request.
pub(super) async fn watch(
    Extension(connection): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let connection = connection.begin_request();
    request.extensions_mut().insert(connection.clone());
    let answered = Answered(connection.clone());
    let log = &connection.state.log;
    // Without the query, which may name a session.
    let line = (!log.is_silent())
        .then(|| (Instant::now(), format!("{} {}", request.method(), request.uri().path())));
    let is_get = *request.method() == Method::GET;
    let is_shared = request.version() == Version::HTTP_2;
    if *request.method() != Method::POST {
        connection.begin_answer();
    }
    let response = next.run(request).await;
    if let Some((began, line)) = line {
        let method = response.extensions().get().map_or("", |LoggedMethod(method)| method.as_str());
        let gap = if method.is_empty() { "" } else { " " };
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        let status = response.status().as_u16();
        log.report(&format!("{} {line}{gap}{method} {status} {ms:.1} ms", connection.client()));
    }
    // A stream that only waits for events is not an answer.
    let is_quiet = is_get && media::is_event_stream(response.headers());
    if is_quiet {
        connection.set_request(None);
        connection.state.place.record_use();
    }
    response.map(|body| Body::new(Watched { body, answered, is_quiet, is_shared, unread: None }))
}

/// A request; it is over when this is dropped, with its response or because its client reset it.
struct Answered(Connection);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// The body of a response. Bytes that its client does not read come out of the budget.
struct Watched {
    body: Body,
    answered: Answered,
    /// Whether it is a stream that mostly waits.
    is_quiet: bool,
    /// Whether the connection carries other responses meanwhile (HTTP/2). Then the socket does not
    /// show that this one is not read.
    is_shared: bool,
    /// The last piece, until the connection has room for the next one.
    unread: Option<Unread>,
}

/// A piece of a response that its client has not read.
struct Unread {
    /// Its part of the budget; `None` if it needs none.
    _taken: Option<Taken>,
    /// Ends the connection after [`READ_TIME`]; `None` if the socket does.
    deadline: Option<AbortHandle>,
}

impl Unread {
    fn end_connection_later(place: &Place) -> AbortHandle {
        let gone = place.gone();
        let deadline = tokio::spawn(async move {
            tokio::time::sleep(READ_TIME).await;
            gone.cancel();
        });
        deadline.abort_handle()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(deadline) = &self.deadline {
            deadline.abort();
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.unread = None;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(piece) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) else {
            return Poll::Ready(frame);
        };
        // A comment is not an event.
        if self.is_quiet && !piece.starts_with(b":") {
            self.answered.0.state.place.record_use();
        }
        let size = piece.len().saturating_sub(FREE);
        let state = &self.answered.0.state;
        let taken = if size > 0 { state.responses.take(size) } else { None };
        if size > 0 && taken.is_none() {
            let why = "too many responses are not read";
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other(why)))));
        }
        let deadline = self.is_shared.then(|| Unread::end_connection_later(&state.place));
        self.unread = Some(Unread { _taken: taken, deadline });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.answered.0.state.place.record_wait();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::super::roster::Roster;
    use super::*;

    /// On HTTP/2 a client may read other responses and leave this one.
    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_not_read_ends_its_connection() {
        for (reads, is_shared, is_ended) in [(false, true, true), (true, true, false), (false, false, false)]
        {
            let client = SocketAddr::from(([127, 0, 0, 1], 1000));
            let place = Roster::new(1, 0).admit(client.ip(), 0).unwrap();
            let connection = Connection::new(client, place, &Budgets::default(), Reporter::default());
            let answered = Answered(connection.begin_request());
            let body = Body::from("piece");
            let mut body = Watched { body, answered, is_quiet: false, is_shared, unread: None };
            let mut frame = async || poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            assert!(frame().await.is_some());
            if reads {
                assert!(frame().await.is_none());
            }
            let ended = tokio::time::timeout(2 * READ_TIME, connection.is_evicted()).await;
            assert_eq!(ended.is_ok(), is_ended, "{reads} {is_shared}");
        }
    }
}
