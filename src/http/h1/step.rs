//! What a direction of an HTTP/1 connection consists of.

use bytes::Bytes;

use super::head;
use crate::base::{Degraded, Origin, Span};

/// The next element of a direction.
#[derive(Debug)]
pub(super) enum Step {
    /// A head. The caller sets the framing of the body with `Direction::body` before it takes the
    /// next step.
    Head(head::Parsed, Degraded),
    /// The middle of an event stream whose head is missing.
    Stream(Span, Degraded),
    /// Behind lost bytes of the client, the connection preface of HTTP/2.
    Preface,
    /// Content of the message.
    Content(Bytes, Span),
    /// Content of the message is missing.
    Gap(Degraded),
    /// The message is complete, or its end can no longer be found; the packet that showed it.
    End(Origin),
    /// The request ends inside its body: the next one begins there. Says how much of it came.
    Cut(Origin, String),
    /// Bytes followed the body that was delimited by its length, at this packet. Says how many.
    Excess(Origin, String),
}
