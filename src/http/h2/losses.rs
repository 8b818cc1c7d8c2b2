//! Frames that the capture lacks.

use crate::base::{Degraded, PacketNo, Side};

/// What is missing of a connection.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Why frames of either side may be missing.
    why: Degraded,
    /// The latest packet before which frames of the server may be missing, and why.
    of_server: Option<(PacketNo, Degraded)>,
}

impl Losses {
    /// Frames that `side` sent before packet `at` may be missing.
    pub(super) fn add(&mut self, side: Side, why: Degraded, at: PacketNo) {
        self.why.add(why);
        if side == Side::Server {
            let (latest, reasons) = self.of_server.unwrap_or((at, why));
            self.of_server = Some((latest.max(at), reasons.and(why)));
        }
    }

    /// Returns why frames of either side may be missing.
    pub(super) fn why(&self) -> Degraded {
        self.why
    }

    /// Returns why the answer to a request that began in packet `start` may be missing: the request
    /// may be read later than what the server sent after it.
    pub(super) fn of_answer(&self, start: PacketNo) -> Degraded {
        match self.of_server {
            Some((latest, why)) if latest >= start => why,
            _ => Degraded::NONE,
        }
    }
}
