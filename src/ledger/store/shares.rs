//! Shares of the memory that rows other than exchanges may take, so that no capture takes more.

use crate::base::Finding;
use crate::base::fact::ConnectionFact;
use crate::mcp::{Notification, Session, Stream, Transaction};

const MIB: usize = 1 << 20;

/// The most bytes of packed exchanges: about 700,000 of usual size.
pub(super) const MAX_PACKED: usize = 64 * MIB;

/// The most bytes of the index of payloads: 3 million transactions on long connections.
pub(super) const MAX_PAYLOAD_INDEX: usize = 48 * MIB;

/// What each kind of row may still take, in bytes.
#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) notifications: Room,
    /// Streams and transactions.
    pub(super) http: Room,
    pub(super) connections: Room,
    pub(super) sessions: Room,
    pub(super) findings: Room,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            notifications: Room(16 * MIB),
            http: Room(24 * MIB),
            connections: Room(24 * MIB),
            sessions: Room(24 * MIB),
            findings: Room(16 * MIB),
        }
    }
}

/// Bytes that one kind of row may still take.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    /// Takes room for a row; false if there is not enough.
    pub(super) fn take(&mut self, row: &impl Row) -> bool {
        let left = self.0.checked_sub(row.memory());
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// A row with its memory.
pub(super) trait Row {
    /// Returns its memory in bytes, its texts included.
    fn memory(&self) -> usize;
}

fn len(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

impl Row for Finding {
    fn memory(&self) -> usize {
        size_of::<Self>() + self.detail.len()
    }
}

impl Row for Notification {
    fn memory(&self) -> usize {
        size_of::<Self>() + self.method.len()
    }
}

impl Row for Stream {
    fn memory(&self) -> usize {
        size_of::<Self>() + len(self.method.as_deref()) + len(self.target.as_deref())
    }
}

impl Row for Transaction {
    fn memory(&self) -> usize {
        let texts = self.method.len() + self.target.len() + self.why.len() + len(self.media_type.as_deref());
        size_of::<Self>() + texts + size_of_val(&self.findings[..])
    }
}

impl Row for ConnectionFact {
    fn memory(&self) -> usize {
        let tls = self.tls.as_ref().map_or(0, |tls| {
            let offered = tls.alpn_offered.iter().map(|name| name.len() + size_of::<Box<str>>());
            size_of_val(&**tls) + len(tls.sni.as_deref()) + offered.sum::<usize>()
        });
        size_of::<Self>() + tls
    }
}

impl Row for Session {
    fn memory(&self) -> usize {
        size_of::<Self>() + self.text_len() + size_of_val(&self.addresses[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;

    #[test]
    fn a_row_that_does_not_fit_takes_no_room() {
        let row = |detail: usize| Finding {
            code: Code::TcpGap,
            at: None,
            tcp_stream: None,
            session: None,
            exchange: None,
            count: 1,
            detail: "x".repeat(detail),
        };
        let mut room = Room(row(100).memory());
        assert!(!room.take(&row(101)));
        assert!(room.take(&row(100)) && !room.take(&row(0)));
    }
}
