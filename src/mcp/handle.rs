//! Handles of sessions and transactions.

use crate::rpc::TransactionNo;

/// Handle of a session in [`super::session_table::Sessions`]. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionIndex(pub(super) u32);

impl SessionIndex {
    /// The session with this number in the output: numbers begin at 1, in the order of the table.
    pub(super) fn of_number(number: u32) -> Self {
        Self(number.saturating_sub(1))
    }

    /// The session at this position among all that were ever seen.
    pub(super) fn of_position(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Position of the session among all that were ever seen.
    pub(super) fn position(self) -> usize {
        self.0 as usize
    }
}

/// Wireshark's number of a connection, and the number of a transaction on that connection.
pub(super) type TransactionKey = (u32, TransactionNo);
