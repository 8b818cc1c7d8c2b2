//! Shares of the memory that rows other than exchanges may take, so that no capture takes more.

use super::http_item::HttpItem;
use crate::base::Finding;
use crate::base::fact::ConnectionFact;
use crate::ledger::room::Room;
use crate::mcp::{Notification, Session, Stream, Transaction};

const MIB: usize = 1 << 20;

/// The most bytes of packed exchanges: a million of usual size.
pub(super) const MAX_PACKED: usize = 96 * MIB;

/// The most bytes of the index of payloads: 3 million transactions on long connections.
pub(super) const MAX_PAYLOAD_INDEX: usize = 48 * MIB;

/// What each kind of row may still take.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) notifications: Room,
    /// Streams and transactions.
    pub(super) http: Room,
    pub(super) connections: Room,
    pub(super) sessions: Room,
    pub(super) findings: Room,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            notifications: Room::new(16 * MIB),
            http: Room::new(24 * MIB),
            connections: Room::new(24 * MIB),
            sessions: Room::new(24 * MIB),
            findings: Room::new(16 * MIB),
        }
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

impl Row for HttpItem {
    fn memory(&self) -> usize {
        match self {
            Self::Stream(stream) => stream.memory(),
            Self::Transaction(transaction) => transaction.memory(),
        }
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

/// Adds a row to its list if there is room for it; false if not.
pub(super) fn push<T: Row>(list: &mut Vec<T>, row: T, room: &mut Room) -> bool {
    let has_room = room.take(row.memory());
    if has_room {
        list.push(row);
    }
    has_room
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
        let (mut list, mut room) = (Vec::new(), Room::new(row(100).memory()));
        assert!(!push(&mut list, row(101), &mut room) && list.is_empty());
        assert!(push(&mut list, row(100), &mut room) && !push(&mut list, row(0), &mut room));
        assert_eq!(list.len(), 1);
    }
}
