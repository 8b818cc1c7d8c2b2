//! The memory of rows and payloads together, and the shares of each kind of row in it.
//!
//! ```text
//!   0 ── exchanges ── other rows ──────── payloads in memory ───────── memory + BESIDE
//!        7/8 at most  1/8 of each kind    older ones in the temporary file
//! ```

use super::http_item::HttpItem;
use crate::base::fact::ConnectionFact;
use crate::base::{Finding, Room};
use crate::llm::LlmCall;
use crate::mcp::{Notification, Session, Stream, Transaction};

/// Memory of rows and payloads beside the memory that the user allows for them, in bytes.
const BESIDE: usize = 24 << 20;

/// Memory of a row in the order of a list of the TUI, in bytes.
const ORDER: usize = 48;

/// Returns the memory of packed exchanges, in bytes: older ones go to a temporary file.
pub(super) fn packed_in_memory(memory: usize) -> usize {
    memory.saturating_add(BESIDE) / 8
}

/// What each kind of row may still take.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    /// What all rows but exchanges take.
    taken: usize,
    notifications: Room,
    /// Streams and transactions.
    http: Room,
    connections: Room,
    sessions: Room,
    findings: Room,
}

impl Shares {
    /// Divides `memory` bytes, and [`BESIDE`].
    pub(super) fn new(memory: usize) -> Self {
        let most = memory.saturating_add(BESIDE);
        let eighth = || Room::new(most / 8);
        Self {
            most,
            taken: 0,
            notifications: eighth(),
            http: eighth(),
            connections: eighth(),
            sessions: eighth(),
            findings: eighth(),
        }
    }

    /// Returns the bytes that are left beside exchanges that take `exchanges` bytes.
    pub(super) fn left(&self, exchanges: usize) -> usize {
        self.most.saturating_sub(self.taken + exchanges)
    }

    /// Returns whether there may be more exchanges than those that take `exchanges` bytes.
    pub(super) fn have_room(&self, exchanges: usize) -> bool {
        exchanges < self.most / 8 * 7 && self.left(exchanges) > 0
    }

    /// Takes the memory of a row; false if it is not left.
    pub(super) fn take<T: Row>(&mut self, row: &T, exchanges: usize) -> bool {
        let memory = row.memory() + ORDER;
        let has_room = memory <= self.left(exchanges) && T::share(self).take(memory);
        self.taken += if has_room { memory } else { 0 };
        has_room
    }
}

/// A row with its memory.
pub(super) trait Row {
    /// Returns the share of its kind.
    fn share(shares: &mut Shares) -> &mut Room;

    /// Returns its memory in bytes, its texts included.
    fn memory(&self) -> usize;
}

fn len(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

impl Row for Finding {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.findings
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.detail.len()
    }
}

impl Row for Notification {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.notifications
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.method.len()
    }
}

impl Row for HttpItem {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.http
    }

    fn memory(&self) -> usize {
        match self {
            Self::Stream(stream) => size_of::<Self>() + texts_of_stream(stream),
            Self::LlmCall(call) => size_of::<Self>() + call.memory(),
            Self::Transaction(transaction) => size_of::<Self>() + texts_of_transaction(transaction),
        }
    }
}

impl Row for LlmCall {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.http
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.text_len()
    }
}

fn texts_of_stream(stream: &Stream) -> usize {
    len(stream.method.as_deref()) + len(stream.target.as_deref())
}

fn texts_of_transaction(transaction: &Transaction) -> usize {
    let Transaction { method, target, why, media_type, findings, .. } = transaction;
    method.len() + target.len() + why.len() + len(media_type.as_deref()) + size_of_val(&findings[..])
}

impl Row for ConnectionFact {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.connections
    }

    fn memory(&self) -> usize {
        let tls = self.tls.as_ref().map_or(0, |tls| size_of_val(&**tls) + tls.text_len());
        size_of::<Self>() + tls
    }
}

impl Row for Session {
    fn share(shares: &mut Shares) -> &mut Room {
        &mut shares.sessions
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.text_len() + size_of_val(&self.addresses[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;

    fn row(detail: usize) -> Finding {
        Finding {
            code: Code::TcpGap,
            at: None,
            tcp_stream: None,
            session: None,
            exchange: None,
            count: 1,
            detail: "x".repeat(detail),
        }
    }

    #[test]
    fn a_row_that_does_not_fit_takes_no_room() {
        let mut shares = Shares::new(0);
        let most = BESIDE / 8 - row(0).memory() - ORDER;
        assert!(!shares.take(&row(most + 1), 0) && shares.left(0) == BESIDE);
        assert!(shares.take(&row(most), 0) && !shares.take(&row(0), 0));
        assert_eq!(shares.left(0), BESIDE / 8 * 7);
    }

    #[test]
    fn exchanges_leave_room_for_other_rows() {
        let mut shares = Shares::new(0);
        assert!(shares.have_room(BESIDE / 8 * 7 - 1) && !shares.have_room(BESIDE / 8 * 7));
        assert!(shares.take(&row(1000), BESIDE / 8 * 7) && !shares.take(&row(1000), BESIDE));
    }
}
