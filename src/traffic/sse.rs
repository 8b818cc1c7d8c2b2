//! The client side of HTTP+SSE, the transport of 2024-11-05, which rmcp does not have: over its sink and stream.
//!
//! `GET` opens the stream; its first event, `endpoint`, names where messages are POSTed to; the server's messages come
//! as `message` events. The endpoint must have the origin of the stream (scheme, host and port): a server could else
//! make its clients write to any other.

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

/// Length of the URL in an `endpoint` event, in bytes. Servers take request lines of 8 kB.
const MAX_ENDPOINT: usize = 8 << 10;

/// Bytes that are read of what answers a POST: `Accepted`, or a few words about what was wrong.
const MAX_ACCEPTED: usize = 64 << 10;

/// Why there is no stream, or a message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The request did not come through.
    #[error("{}", chain(.0))]
    Http(#[from] reqwest::Error),
    /// Not the answer that opens a stream or takes a message.
    #[error("{what} was answered {status}")]
    Status {
        /// The request.
        what: &'static str,
        /// The status line's number and reason.
        status: reqwest::StatusCode,
    },
    /// A response to GET that is no stream.
    #[error("GET was answered with content of type {0:?}, not text/event-stream")]
    ContentType(String),
    /// The first event is no `endpoint`, the stream ended before it, or it broke.
    #[error("no endpoint event: {0}")]
    NoEndpoint(String),
    /// What the endpoint event says cannot be used.
    #[error("the endpoint event names {endpoint:?}: {why}")]
    Endpoint {
        /// As the server said.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
}

/// An error with what caused it: reqwest's own text says only that sending failed.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Opens the stream, waits for its endpoint, and gives a sink and a stream of messages. Every request is given up
/// after `timeout`; the stream itself has no end of its own.
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
    Ok((Posts { poster, under_way: None }, messages(events).boxed()))
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
    // Where it came from, behind redirects.
    let base = response.url().clone();
    let mut events = event::events(response.bytes_stream(), MAX_EVENT);
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| Error::NoEndpoint(chain(&error)))?;
        let Some(data) = event.data else {
            continue; // A retry interval alone, say: no event is dispatched.
        };
        if event.event.as_deref() != Some("endpoint") {
            let name = event.event.as_deref().unwrap_or("message").chars().take(40).collect::<String>();
            return Err(Error::NoEndpoint(format!("the first event is {name:?}")));
        }
        return Ok((events, endpoint(&base, &data)?));
    }
    Err(Error::NoEndpoint("the stream ended".to_owned()))
}

/// What an endpoint event names, seen from the stream's URL.
fn endpoint(base: &Url, data: &str) -> Result<Url, Error> {
    let wrong =
        |why: &str| Error::Endpoint { endpoint: data.chars().take(100).collect(), why: why.to_owned() };
    if data.len() > MAX_ENDPOINT {
        return Err(wrong(&format!("longer than {MAX_ENDPOINT} bytes")));
    }
    let url = base.join(data.trim()).map_err(|error| wrong(&error.to_string()))?;
    // Opaque origins (`data:`, `file:`) are equal to none, not even to themselves.
    if url.origin() != base.origin() {
        return Err(wrong(&format!("not of the stream's origin, {}", base.origin().ascii_serialization())));
    }
    Ok(url)
}

/// The messages among the events. The stream ends with the body, or where it breaks; what is no message is skipped, as
/// the request that waits for it will tell.
fn messages(events: BoxStream<'static, io::Result<Sse>>) -> impl Stream<Item = ServerJsonRpcMessage> + Send {
    let events = events.take_while(|event| std::future::ready(event.is_ok()));
    events.filter_map(|event| {
        let message = event.ok().filter(|event| matches!(event.event.as_deref(), None | Some("message")));
        std::future::ready(message.and_then(|event| serde_json::from_str(event.data.as_deref()?).ok()))
    })
}

/// Takes one message after the other: `notifications/initialized` must not be overtaken by what follows it.
struct Posts {
    poster: Arc<Poster>,
    /// The POST of the message that was taken last, until it is answered.
    under_way: Option<BoxFuture<'static, Result<(), Error>>>,
}

impl Sink<ClientJsonRpcMessage> for Posts {
    type Error = Error;

    /// Ready when the POST before is answered. What went wrong with it was its sender's to know, if it still waited.
    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.as_mut().poll_flush(context).map(|_| Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: ClientJsonRpcMessage) -> Result<(), Error> {
        let poster = Arc::clone(&self.poster);
        self.under_way = Some(async move { poster.post(&message).await }.boxed());
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(post) = &mut self.under_way else {
            return Poll::Ready(Ok(()));
        };
        let answered = ready!(post.poll_unpin(context));
        self.under_way = None;
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
        // Read to its end, so that the connection can be used again; a long one is not worth that.
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
    fn endpoints_are_of_the_streams_origin() {
        let base = Url::parse("http://127.0.0.1:3000/a/sse").unwrap();
        let named = |data: &str| endpoint(&base, data).map(String::from).ok();
        assert_eq!(named("/messages?sessionId=1").unwrap(), "http://127.0.0.1:3000/messages?sessionId=1");
        assert_eq!(named("m").unwrap(), "http://127.0.0.1:3000/a/m");
        assert_eq!(named(" http://127.0.0.1:3000/m\n").unwrap(), "http://127.0.0.1:3000/m");
        for hostile in [
            "http://127.0.0.1:3001/m",
            "https://127.0.0.1:3000/m",
            "//example.com/m",
            "http://127.0.0.1:3000@example.com/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "http://",
        ] {
            assert_eq!(named(hostile), None, "{hostile}");
        }
        assert_eq!(named(&"x".repeat(MAX_ENDPOINT + 1)), None);
    }
}
