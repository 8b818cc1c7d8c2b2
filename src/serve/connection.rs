//! A connection as its request handlers see it, what of it counts as used, and the log of its
//! requests.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::budget::{Budget, Share, Taken};
use super::media;
use super::reporter::Reporter;
use super::roster::{self, Place};

/// Memory for the bodies of requests and what they are parsed to, in bytes.
const REQUESTS: usize = 64 * 1024 * 1024;

/// Memory for responses that their clients have not read, in bytes.
const RESPONSES: usize = 64 * 1024 * 1024;

/// Part of each message that needs no budget, in bytes, so that small ones always have room.
pub(super) const FREE: usize = 32 * 1024;

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
    /// The request that is being answered. HTTP/1.1 has one at a time.
    request: Mutex<Option<roster::Request>>,
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
            request: Mutex::new(None),
        };
        Self { state: Arc::new(state) }
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
        *self.state.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
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
            let end = method.floor_char_boundary(LOGGED);
            response.extensions_mut().insert(Self(method.get(..end).unwrap_or_default().to_owned()));
        }
    }
}

/// Passes a request to its handler; records the use of its connection, and logs the request.
pub(super) async fn watch(
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let log = &connection.state.log;
    // Without the query, which may name a session.
    let line = (!log.is_silent())
        .then(|| (Instant::now(), format!("{} {}", request.method(), request.uri().path())));
    let is_get = *request.method() == Method::GET;
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
    response.map(|body| Body::new(Watched { body, connection, is_quiet, unread: None }))
}

/// The body of a response. Bytes that its client does not read come out of the budget.
struct Watched {
    body: Body,
    connection: Connection,
    /// Whether it is a stream that mostly waits.
    is_quiet: bool,
    /// The last piece, until the connection has room for the next one.
    unread: Option<Taken>,
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
            self.connection.state.place.record_use();
        }
        let size = piece.len().saturating_sub(FREE);
        if size > 0 {
            self.unread = self.connection.state.responses.take(size);
            if self.unread.is_none() {
                let why = "too many responses are not read";
                return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other(why)))));
            }
        }
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
        self.connection.set_request(None);
        self.connection.state.place.record_wait();
    }
}
