//! Which sessions the open connections of HTTP/2 carried.

use std::collections::HashMap;

use super::handle::SessionIndex;

/// The sessions of the open connections of HTTP/2, by Wireshark's number of the connection.
#[derive(Debug, Default)]
pub(super) struct CarriedSessions {
    by_connection: HashMap<u32, Carried, foldhash::fast::RandomState>,
}

/// The session of what a connection carried so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// All of it belongs to this session.
    One(SessionIndex),
    /// It belongs to several sessions.
    Several,
}

impl CarriedSessions {
    /// A connection carries something of a session.
    pub(super) fn add(&mut self, tcp_stream: u32, index: SessionIndex) {
        let carried = self.by_connection.entry(tcp_stream).or_insert(Carried::One(index));
        if *carried != Carried::One(index) {
            *carried = Carried::Several;
        }
    }

    /// What a connection carried so far; `None` if it carried nothing of a session.
    pub(super) fn of(&self, tcp_stream: u32) -> Option<Carried> {
        self.by_connection.get(&tcp_stream).copied()
    }

    /// The connection ended.
    pub(super) fn close(&mut self, tcp_stream: u32) {
        self.by_connection.remove(&tcp_stream);
    }
}
