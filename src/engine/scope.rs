//! Which part of a capture is analysed.

use super::input::{LaneInput, RoutedSegment};
use crate::tcp::ConnectionId;

/// The part of a capture that the lanes see. Connections are numbered the same in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// Nothing: packets are decoded down to their connections only.
    Headers,
    /// Some connections, by Wireshark's numbers, ascending.
    Connections(Box<[u32]>),
}

impl Scope {
    /// Whether a lane sees this input.
    pub(super) fn includes(&self, input: &LaneInput) -> bool {
        let id = match input {
            LaneInput::Open(opened) => &opened.id,
            LaneInput::Segment(RoutedSegment { id, .. }) | LaneInput::Close { id, .. } => id,
            LaneInput::Tick { .. } | LaneInput::Secrets { .. } => return *self != Self::Headers,
        };
        self.includes_connection(id)
    }

    /// Whether a lane sees the segments of this connection.
    pub(super) fn includes_connection(&self, id: &ConnectionId) -> bool {
        match self {
            Self::All => true,
            Self::Headers => false,
            Self::Connections(wanted) => wanted.binary_search(&id.tcp_stream).is_ok(),
        }
    }
}
