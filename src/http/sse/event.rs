//! What an event stream holds, in the order of its bytes.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Code, Degraded, Origin, Span};
use crate::http::Fault;

/// A dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Packets of the event's field lines and of the line end that dispatches it. Comments and BOM
    /// are excluded; if the blank line is CR LF, the CR dispatches and the LF is excluded.
    pub span: Span,
    /// The `event` field; `None` if it is absent, empty or `message`, which mean the same. At
    /// most [`MAX_TEXT`](crate::base::limits::MAX_TEXT) bytes.
    pub name: Option<Box<str>>,
    /// The `id` field (empty: it resets the last event id); `None` if there is none, or if it is
    /// ignored because it contains NUL. At most [`MAX_TEXT`](crate::base::limits::MAX_TEXT) bytes.
    pub id: Option<Arc<str>>,
    /// The `retry` field in milliseconds; `None` unless it is all digits.
    pub retry: Option<u64>,
    /// The `data` lines joined with LF, valid UTF-8. Shares the pushed bytes if the event has one
    /// `data` line and lies in one push.
    pub data: Bytes,
    /// Why the start of the event may be missing: set if parsing continued after a gap at what
    /// looks like the start of an event without proof.
    pub degraded: Degraded,
}

/// What the content of a message completes: an event or a fault. They stand in one list, so that
/// their order does not depend on the pieces in which the content arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A dispatched event.
    Event(Event),
    /// Something that is wrong.
    Fault {
        /// What it is.
        fault: Fault,
        /// The packet that showed it.
        at: Origin,
    },
}

impl Item {
    /// Creates a fault.
    pub(in crate::http) fn fault(code: Code, at: Origin, detail: impl Into<String>) -> Self {
        Self::Fault { fault: Fault { code, detail: detail.into().into() }, at }
    }
}
