//! What the capture lacks of one session.

use super::request_index::PerSide;
use crate::base::{Degraded, PacketNo, Side};

/// The latest packet at which bytes of a side were lost that could have held a response, and why.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    latest: PerSide<Option<(PacketNo, Degraded)>>,
}

impl Gaps {
    /// Bytes that `side` sent were lost at `packet`.
    pub(super) fn add(&mut self, side: Side, packet: PacketNo, why: Degraded) {
        let gap = self.latest.get_mut(side);
        let (before, reasons) = gap.unwrap_or((packet, why));
        *gap = Some((before.max(packet), reasons.and(why)));
    }

    /// Why bytes of either side are missing.
    pub(super) fn reasons(&self) -> Degraded {
        let of = |side| self.latest.get(side).map_or(Degraded::NONE, |(_, why)| why);
        of(Side::Client).and(of(Side::Server))
    }

    /// Why bytes that `side` sent from packet `since` on are missing.
    pub(super) fn since(&self, side: Side, since: PacketNo) -> Degraded {
        match self.latest.get(side) {
            Some((packet, why)) if *packet >= since => *why,
            _ => Degraded::NONE,
        }
    }
}
