//! Which part of a capture is analysed.

use super::lane::{LaneInput, RoutedSegment};
use crate::tcp::ConnectionId;

/// The part of a capture that the lanes see. Connections are numbered the same in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// Nothing: packets are decoded down to their connections only.
    Headers,
    /// One connection, by Wireshark's number.
    Connection(u32),
}

impl Scope {
    /// Whether a lane sees this input.
    pub(super) fn includes(self, input: &LaneInput) -> bool {
        let id = match input {
            LaneInput::Open(opened) => &opened.id,
            LaneInput::Segment(RoutedSegment { id, .. }) | LaneInput::Close { id, .. } => id,
            LaneInput::Tick { .. } | LaneInput::Secrets { .. } => return self != Self::Headers,
        };
        self.includes_connection(id)
    }

    /// Whether a lane sees the segments of this connection.
    pub(super) fn includes_connection(self, id: &ConnectionId) -> bool {
        match self {
            Self::All => true,
            Self::Headers => false,
            Self::Connection(tcp_stream) => id.tcp_stream == tcp_stream,
        }
    }
}
