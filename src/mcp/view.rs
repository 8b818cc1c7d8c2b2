//! One view of a call: the call as it is seen on one leg of a proxy.

use super::exchange::OpenExchange;
use super::record::Exchange;
use crate::base::Origin;

/// A completed exchange, as far as its twin needs it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) exchange: Exchange,
    /// The first message on the exchange's way back, before the response; `None` without one.
    pub(super) first_message: Option<Origin>,
}

impl View {
    pub(super) fn of(open: &OpenExchange) -> Self {
        Self { exchange: open.record().clone(), first_message: open.first_message() }
    }

    /// From the first message to the end of the response, in nanoseconds.
    pub(super) fn spread_ns(&self) -> Option<i64> {
        Some(self.exchange.response?.span.end.time.since(self.first_message?.time))
    }
}
