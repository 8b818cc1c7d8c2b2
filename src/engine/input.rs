//! What the front hands to a lane.

use crate::base::{Degraded, End, Origin};
use crate::link::Segment;
use crate::tcp::{ConnectionId, Opened};

/// What the front hands to a lane.
#[derive(Debug)]
pub(super) enum LaneInput {
    /// A connection was opened.
    Open(Opened),
    /// A segment of a connection.
    Segment(RoutedSegment),
    /// A connection is forgotten. `unconfirmed` is added to the reasons of gaps that the receiver
    /// did not acknowledge.
    Close { id: ConnectionId, unconfirmed: Degraded, at: Origin },
    /// Packet time advanced, for the connections of a shard.
    Tick { shard: u8, now: Origin },
    /// Secrets were added: connections of a shard that wait are tried again. See
    /// [`Lane::set_secrets`](super::lane::Lane::set_secrets).
    Secrets { shard: u8, at: Origin },
}

/// A segment and its connection.
#[derive(Debug)]
pub(super) struct RoutedSegment {
    pub(super) id: ConnectionId,
    /// The sender.
    pub(super) from: End,
    pub(super) segment: Segment,
}

impl LaneInput {
    /// Returns the shard that the input concerns.
    pub(super) fn shard(&self) -> u8 {
        match self {
            Self::Open(opened) => opened.id.shard,
            Self::Segment(RoutedSegment { id, .. }) | Self::Close { id, .. } => id.shard,
            Self::Tick { shard, .. } | Self::Secrets { shard, .. } => *shard,
        }
    }
}
