//! The messages of an exchange among the payloads of its transactions.

use std::io;

use super::{Payload, Store};
use crate::base::Side;
use crate::base::fact::PayloadKind;
use crate::ledger::query::{Contents, Found, carries};
use crate::mcp::{Exchange, MessageSpan};

/// Payloads that are read to find the message of an exchange among those of one packet, and the
/// heads.
pub(super) const MAX_PAYLOADS: usize = 4;

/// Returns which tests find something in the heads and the messages of an exchange, among the
/// payloads of the transactions that carried them.
#[must_use]
pub fn found_in(
    contents: &Contents,
    exchange: &Exchange,
    request: &[Payload],
    response: &[Payload],
) -> Found {
    let from = exchange.origin;
    let asked = found_in_message(contents, request, from, Some(exchange.request));
    asked.and(found_in_message(contents, response, from.other(), exchange.response))
}

fn found_in_message(
    contents: &Contents,
    payloads: &[Payload],
    from: Side,
    message: Option<MessageSpan>,
) -> Found {
    let is_searched = |payload: &&Payload| {
        payload.kind == PayloadKind::Head || message.is_some_and(|message| is_of(payload, from, message))
    };
    payloads
        .iter()
        .filter(is_searched)
        .map(|payload| contents.found_in(payload.side, &payload.kind, &payload.bytes))
        .fold(Found::NONE, Found::and)
}

/// Whether a body or event carries a message of a side.
fn is_of(payload: &Payload, from: Side, message: MessageSpan) -> bool {
    let (first, last) = (payload.span.first.0, payload.span.last.0);
    let (len, is_batch) = (payload.bytes.len() as u64, payload.bytes.first() == Some(&b'['));
    payload.side == from && payload.kind != PayloadKind::Head && carries(message, first, last, len, is_batch)
}

impl Store {
    /// Returns which tests find something in the exchange at `index`. Payloads that were lost hold
    /// nothing.
    pub fn search(&mut self, index: usize, contents: &Contents) -> Found {
        let Some(exchange) = self.exchange(index) else { return Found::NONE };
        let request = self.request_payloads(index, MAX_PAYLOADS).unwrap_or_default();
        let response = self.response_payloads(index, MAX_PAYLOADS).unwrap_or_default();
        found_in(contents, &exchange, &request, &response)
    }

    /// Returns the body or event that carried the request of the exchange at `index`; with
    /// `is_response` that of its response. A batch is returned whole. `None` if there is none, or
    /// if it is no longer stored.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn message(&mut self, index: usize, is_response: bool) -> io::Result<Option<Payload>> {
        let Some(exchange) = self.exchange(index) else { return Ok(None) };
        let (payloads, from, message) = if is_response {
            let Some(response) = exchange.response else { return Ok(None) };
            (self.response_payloads(index, MAX_PAYLOADS)?, exchange.origin.other(), response)
        } else {
            (self.request_payloads(index, MAX_PAYLOADS)?, exchange.origin, exchange.request)
        };
        Ok(payloads.into_iter().rev().find(|payload| is_of(payload, from, message)))
    }
}
