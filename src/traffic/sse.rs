//! Client side of HTTP+SSE, the transport of MCP 2024-11-05, which rmcp lacks, as a sink and a
//! stream.
//!
//! `GET` opens the stream; its first event, `endpoint`, names the target of POSTs; messages from
//! the server arrive as `message` events. The endpoint must have the origin of the stream (scheme,
//! host and port), or a server could make its clients send requests to another.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Sink, Stream, StreamExt};
use reqwest::{Client, Url, header};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use sse_stream::Sse;

use super::event::{self, MAX_EVENT};
use crate::base::with_causes;

/// Longest URL in an `endpoint` event, in bytes. Servers accept request lines of about 8 kB.
const MAX_ENDPOINT: usize = 8 << 10;

/// Most bytes to read of the response to a POST: `Accepted`, or a short error text.
const MAX_ACCEPTED: usize = 64 << 10;

/// Why the stream could not be opened, or a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The request failed.
    #[error("{}", with_causes(.0))]
    Http(#[from] reqwest::Error),
    /// Unexpected status code.
    #[error("{what} was answered {status}")]
    Status {
        /// Method of the request.
        what: &'static str,
        /// Status code and reason.
        status: reqwest::StatusCode,
    },
    /// The response to GET is not an event stream.
    #[error("GET was answered with content of type {0:?}, not text/event-stream")]
    ContentType(String),
    /// The first event is not `endpoint`, or the stream ended or failed before it.
    #[error("no endpoint event: {0}")]
    NoEndpoint(String),
    /// The endpoint event names an unusable target.
    #[error("the endpoint event names {endpoint:?}: {why}")]
    Endpoint {
        /// Target as sent by the server.
        endpoint: String,
        /// Reason.
        why: String,
    },
}

/// Opens the stream, waits for its endpoint, and returns a sink and a stream of messages. Every
/// POST fails after `timeout`; the stream has no time limit.
///
/// # Errors
/// See [`Error`].
pub(super) async fn connect(
    client: &Client,
    url: &Url,
    timeout: Duration,
) -> Result<
    (
        impl Sink<ClientJsonRpcMessage, Error = Error> + Send + Unpin + use<>,
        impl Stream<Item = ServerJsonRpcMessage> + Send + Unpin + use<>,
    ),
    Error,
> {
    let opened = tokio::time::timeout(timeout, open(client, url)).await;
    let (events, endpoint) =
        opened.unwrap_or_else(|_| Err(Error::NoEndpoint(format!("none came within {timeout:?}"))))?;
    let poster = Arc::new(Poster { client: client.clone(), endpoint, timeout });
    Ok((Posts { poster, in_progress: None }, messages(events).boxed()))
}

async fn open(client: &Client, url: &Url) -> Result<(BoxStream<'static, io::Result<Sse>>, Url), Error> {
    let request = client.get(url.clone()).header(header::ACCEPT, "text/event-stream");
    let response = request.header(header::CACHE_CONTROL, "no-cache").send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(Error::Status { what: "GET", status: response.status() });
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    if kind.split(';').next().map(str::trim) != Some("text/event-stream") {
        return Err(Error::ContentType(kind));
    }
    // The URL after redirects.
    let base = response.url().clone();
    let mut events = event::events(response.bytes_stream(), MAX_EVENT);
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| Error::NoEndpoint(with_causes(&error)))?;
        let Some(data) = event.data else {
            continue; // Not dispatched, such as a retry interval alone.
        };
        if event.event.as_deref() != Some("endpoint") {
            let name = event.event.as_deref().unwrap_or("message").chars().take(40).collect::<String>();
            return Err(Error::NoEndpoint(format!("the first event is {name:?}")));
        }
        return Ok((events, endpoint(&base, &data)?));
    }
    Err(Error::NoEndpoint("the stream ended".to_owned()))
}

/// Resolves the target of an endpoint event against the URL of the stream.
fn endpoint(base: &Url, data: &str) -> Result<Url, Error> {
    let invalid =
        |why: &str| Error::Endpoint { endpoint: data.chars().take(100).collect(), why: why.to_owned() };
    if data.len() > MAX_ENDPOINT {
        return Err(invalid(&format!("longer than {MAX_ENDPOINT} bytes")));
    }
    let url = base.join(data.trim()).map_err(|error| invalid(&error.to_string()))?;
    // Opaque origins (`data:`, `file:`) equal no origin, not even themselves.
    if url.origin() != base.origin() {
        return Err(invalid(&format!("not the stream's origin, {}", base.origin().ascii_serialization())));
    }
    Ok(url)
}

/// Returns the messages among the events. The stream ends with the body or at its first error. An
/// event that is not a message is skipped; the request that waits for it times out.
fn messages(events: BoxStream<'static, io::Result<Sse>>) -> impl Stream<Item = ServerJsonRpcMessage> + Send {
    let events = events.take_while(|event| std::future::ready(event.is_ok()));
    events.filter_map(|event| {
        let message = event.ok().filter(|event| matches!(event.event.as_deref(), None | Some("message")));
        std::future::ready(message.and_then(|event| serde_json::from_str(event.data.as_deref()?).ok()))
    })
}

/// Sends one message at a time: `notifications/initialized` must arrive before later messages.
struct Posts {
    poster: Arc<Poster>,
    /// POST of the latest message, until it is answered.
    in_progress: Option<BoxFuture<'static, Result<(), Error>>>,
}

impl Sink<ClientJsonRpcMessage> for Posts {
    type Error = Error;

    /// Ready when the previous POST is answered. Its error was already returned to its sender.
    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.as_mut().poll_flush(context).map(|_| Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: ClientJsonRpcMessage) -> Result<(), Error> {
        let poster = Arc::clone(&self.poster);
        self.in_progress = Some(async move { poster.post(&message).await }.boxed());
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(post) = &mut self.in_progress else {
            return Poll::Ready(Ok(()));
        };
        let answered = ready!(post.poll_unpin(context));
        self.in_progress = None;
        Poll::Ready(answered)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(context)
    }
}

/// POSTs messages to the endpoint.
struct Poster {
    client: Client,
    endpoint: Url,
    timeout: Duration,
}

impl Poster {
    async fn post(&self, message: &ClientJsonRpcMessage) -> Result<(), Error> {
        let request = self.client.post(self.endpoint.clone()).json(message).timeout(self.timeout);
        let mut response = request.send().await?;
        let status = response.status();
        // Reads a short body to its end, so that the connection can be reused.
        let mut left = MAX_ACCEPTED;
        while let Some(chunk) = response.chunk().await? {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
        if status.is_success() { Ok(()) } else { Err(Error::Status { what: "POST", status }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_must_have_the_origin_of_the_stream() {
        let base = Url::parse("http://127.0.0.1:3000/a/sse").unwrap();
        let resolved = |data: &str| endpoint(&base, data).map(String::from).ok();
        assert_eq!(resolved("/messages?sessionId=1").unwrap(), "http://127.0.0.1:3000/messages?sessionId=1");
        assert_eq!(resolved("m").unwrap(), "http://127.0.0.1:3000/a/m");
        assert_eq!(resolved(" http://127.0.0.1:3000/m\n").unwrap(), "http://127.0.0.1:3000/m");
        for hostile in [
            "http://127.0.0.1:3001/m",
            "https://127.0.0.1:3000/m",
            "//example.com/m",
            "http://127.0.0.1:3000@example.com/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "http://",
        ] {
            assert_eq!(resolved(hostile), None, "{hostile}");
        }
        assert_eq!(resolved(&"x".repeat(MAX_ENDPOINT + 1)), None);
    }
}
