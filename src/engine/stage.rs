//! What is left of the item that the engine has in hand.

use crate::base::{Origin, Timestamp};
use crate::capture::Packet;

/// What is left of an item.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing.
    Idle,
    /// The packet is decoded.
    Packet(Packet),
    /// Packet time advances to `until`, through every time of the grid (`engine/grid`) until then.
    /// The times depend on packets only, so a silence has the same effect whether it is announced
    /// as it passes or found out by the next packet.
    Time { until: Timestamp, then: Box<Self> },
    /// The lanes are done with the time `now` of the grid: it is the turn of `mcp`.
    Tick { now: Origin, until: Timestamp, then: Box<Self> },
    /// The capture is over.
    Finish,
}
