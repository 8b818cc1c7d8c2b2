//! TokenKind a filter is applied to.

use crate::mcp::{Exchange, Notification, Stream};

/// A record that a filter is applied to.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A request and its outcome.
    Exchange(&'a Exchange),
    /// A notification.
    Notification(&'a Notification),
    /// A stream.
    Stream(&'a Stream),
}
