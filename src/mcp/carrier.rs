//! The transaction that carries a response, as far as its exchange needs it.

use super::handle::TransactionKey;
use super::transaction::Transaction;
use crate::base::Degraded;
use crate::base::http2::{Http2Facts, WindowWait};

/// A transaction that carries a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier {
    pub(super) key: TransactionKey,
    pub(super) degraded: Degraded,
    /// Segments that the client retransmitted since the transaction began.
    pub(super) client_retransmissions: u32,
    /// Segments that the server retransmitted on the connection.
    pub(super) server_retransmissions: u32,
    /// What HTTP/2 tells of it.
    pub(super) http2: Http2Facts,
    /// How long its latest event waited for a window.
    pub(super) event_wait: Option<WindowWait>,
}

impl Carrier {
    pub(super) fn of(transaction: &Transaction) -> Self {
        Self {
            key: transaction.key(),
            degraded: transaction.degraded(),
            client_retransmissions: transaction.client_retransmissions(),
            server_retransmissions: transaction.server_retransmissions(),
            http2: transaction.http2().all(),
            event_wait: transaction.http2().event_wait(),
        }
    }

    /// A transaction that is no longer known.
    pub(super) fn unknown(key: TransactionKey) -> Self {
        Self {
            key,
            degraded: Degraded::NONE,
            client_retransmissions: 0,
            server_retransmissions: 0,
            http2: Http2Facts::default(),
            event_wait: None,
        }
    }
}
