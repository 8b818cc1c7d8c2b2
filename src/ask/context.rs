//! What answers are made of.

use std::sync::Arc;

use super::capture::Capture;
use crate::ledger::Entry;
use crate::why::Limits;

/// Reads the packets of a capture again.
pub trait Packets: Send + Sync {
    /// Reads the packets of some connections (Wireshark's numbers) again and passes what their
    /// analysis emits to `show`.
    ///
    /// # Errors
    /// The packets cannot be read again.
    fn trace(&self, tcp_streams: Vec<u32>, show: &mut dyn FnMut(&Entry)) -> Result<(), String>;
}

/// What answers are made of. Clones share it.
#[derive(Clone)]
pub struct Context {
    /// What is known of the capture.
    pub capture: Capture,
    /// Reads its packets again; `None` if they cannot be.
    pub packets: Option<Arc<dyn Packets>>,
    /// The limits that stories know.
    pub limits: Limits,
}
