//! A sign of a session.

use std::sync::Arc;

use crate::base::{Origin, Peers};

/// Where and when something of a session is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting<'a> {
    pub(super) peers: Peers,
    /// The server's path, if it is known.
    pub(super) path: Option<&'a Arc<str>>,
    /// Its first packet.
    pub(super) at: Origin,
    /// The messages of the client that show it, as a hash.
    pub(super) messages: u64,
}
