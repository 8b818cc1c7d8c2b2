//! Selection of an exchange's message among the payloads of its transaction.

use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::base::fact::PayloadKind;
use crate::ledger::store::Payload;
use crate::ledger::{Exchange, Id, Status};
use crate::tui::model::Model;

/// Payloads of a transaction that are read to find its heads.
pub(super) const HEADS: usize = 8;

/// Reads the response of exchange `n` from the store; empty if it has none.
///
/// # Errors
/// The payload could not be stored or cannot be read back.
pub(super) fn read_response(n: u64, model: &mut Model) -> io::Result<Vec<u8>> {
    let found = model.store().find(n).and_then(|index| Some((index, model.store().exchange(index)?)));
    let Some((index, exchange)) = found else { return Ok(Vec::new()) };
    // The body of the response is the last of these payloads.
    let payloads = model.store_mut().response_payloads(index, HEADS)?;
    Ok(message(&payloads, &exchange, false))
}

/// Reads the request of exchange `n` from the store; empty if there is no such exchange.
///
/// # Errors
/// The payload could not be stored or cannot be read back.
pub(super) fn read_request(n: u64, model: &mut Model) -> io::Result<Vec<u8>> {
    let found = model.store().find(n).and_then(|index| Some((index, model.store().exchange(index)?)));
    let Some((index, exchange)) = found else { return Ok(Vec::new()) };
    let payloads = model.store_mut().request_payloads(index, HEADS)?;
    Ok(message(&payloads, &exchange, true))
}

/// Returns the JSON text of the request or the response; of a batch only the element that belongs
/// to the exchange.
pub(super) fn message(payloads: &[Payload], exchange: &Exchange, is_request: bool) -> Vec<u8> {
    let expected = if is_request { Some(exchange.request) } else { exchange.response };
    let bodies = || payloads.iter().filter(|payload| payload.kind != PayloadKind::Head);
    let of = |payload: &Payload| matching_text(&payload.bytes, exchange, is_request);
    let Some(expected) = expected else {
        // The body of an HTTP error explains the error.
        return match bodies().next_back() {
            Some(body) if exchange.status == Status::HttpError => {
                of(body).unwrap_or_else(|| body.bytes.clone())
            }
            _ => Vec::new(),
        };
    };
    // A packet may hold several events, and a batch is a single body, so the span alone is not
    // unique.
    let of_span = || bodies().filter(|payload| payload.span == expected.span);
    let is_as_long = |payload: &&Payload| payload.bytes.len() as u64 == expected.bytes;
    let exact = of_span().filter(is_as_long).find_map(of);
    let found = exact.or_else(|| of_span().filter(|payload| !is_as_long(payload)).find_map(of));
    let any = || of_span().find(is_as_long).or_else(|| of_span().next());
    found.or_else(|| any().map(|payload| payload.bytes.clone())).unwrap_or_default()
}

/// The members that identify a message.
#[derive(Deserialize)]
struct MessageProbe<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<IgnoredAny>,
}

impl MessageProbe<'_> {
    fn is_of(&self, exchange: &Exchange, is_request: bool) -> bool {
        let has_id = match (&exchange.id, self.id) {
            (Id::Null, id) => id.is_none(),
            (Id::Text(text), Some(id)) => {
                serde_json::from_str::<String>(id.get()).is_ok_and(|id| *id == **text)
            }
            (number, Some(id)) => id.get() == number.json(),
            (_, None) => false,
        };
        has_id && self.method.is_some() == is_request
    }
}

/// Returns the message: the whole text, or the matching element of a batch.
fn matching_text(bytes: &[u8], exchange: &Exchange, is_request: bool) -> Option<Vec<u8>> {
    let fits = |text: &[u8]| {
        serde_json::from_slice::<MessageProbe<'_>>(text).is_ok_and(|probe| probe.is_of(exchange, is_request))
    };
    if fits(bytes) {
        return Some(bytes.to_vec());
    }
    let elements = serde_json::from_slice::<Vec<&RawValue>>(bytes).ok()?;
    elements.iter().map(|raw| raw.get().as_bytes()).find(|text| fits(text)).map(<[u8]>::to_vec)
}
