//! Body of a response that can be cut, pause, and end early at shutdown.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures::Stream;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use super::Line;

/// Comment sent by a stream that is cut before its first event, so that its head is sent.
const CUT: Bytes = Bytes::from_static(b": cut\n\n");

/// Body of a response with its faults.
pub(in crate::serve) struct Outgoing {
    body: BodyDataStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Cancelled at shutdown; `None` if the response is to be finished.
    end: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    silence: Option<Duration>,
    /// Pauses until this is over.
    hold: Option<Pin<Box<Sleep>>>,
    /// Whether the cut was requested: earlier data must reach the socket first.
    cutting: bool,
    _gone: DropGuard,
}

impl Outgoing {
    /// Creates a body sent on `line`.
    pub(in crate::serve) fn new(body: Body, line: &Line) -> Self {
        Self {
            body: body.into_data_stream(),
            cut: Box::pin(line.cut.clone().cancelled_owned()),
            end: None,
            silence: None,
            hold: None,
            cutting: false,
            _gone: line.reader(),
        }
    }

    /// Pauses after each event.
    pub(in crate::serve) fn with_silence(mut self, silence: Option<Duration>) -> Self {
        self.silence = silence;
        self
    }

    /// Ends, with its last chunk, when `end` is cancelled.
    pub(in crate::serve) fn until(mut self, end: CancellationToken) -> Self {
        self.end = Some(Box::pin(end.cancelled_owned()));
        self
    }

    /// Converts to an HTTP body.
    pub(in crate::serve) fn into_body(self) -> Body {
        Body::from_stream(self)
    }
}

/// Returns the body of a stream that is cut before anything was sent.
pub(in crate::serve) fn broken() -> Body {
    let pieces = futures::stream::unfold(0, |piece| async move {
        match piece {
            0 => Some((Ok(CUT), 1)),
            _ => {
                // Pending makes the connection flush.
                tokio::task::yield_now().await;
                Some((Err(io::Error::other("cut on purpose")), 2))
            }
        }
    });
    Body::from_stream(pieces)
}

impl Stream for Outgoing {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.cutting {
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::other("cut on purpose")))));
        }
        if self.cut.as_mut().poll(context).is_ready() {
            self.cutting = true;
            // Pending makes the connection flush.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(end) = &mut self.end
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Some(hold) = &mut self.hold {
            ready!(hold.as_mut().poll(context));
            self.hold = None;
        }
        let item = ready!(Pin::new(&mut self.body).poll_next(context));
        // A comment (`:`) is not an event.
        if let (Some(silence), Some(Ok(bytes))) = (self.silence, &item)
            && !bytes.starts_with(b":")
        {
            self.hold = Some(Box::pin(tokio::time::sleep(silence)));
        }
        Poll::Ready(item)
    }
}
