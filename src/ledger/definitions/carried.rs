//! The texts of listings, from payloads.

use std::collections::VecDeque;

use memchr::memmem;

use super::super::query::carries;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Side, limits};
use crate::mcp::{Exchange, MessageSpan};

/// Members of a result that hold a list. `resourceTemplates` is found by its first half.
const LISTS: [&[u8]; 4] = [b"\"tools\"", b"\"prompts\"", b"\"resources\"", b"\"resourceTemplates\""];

/// Keeps the payloads that may hold a page of a listing, until the exchange that it belongs to is
/// over. Beyond [`limits::MAX_LIST_BODIES`] the oldest are dropped.
#[derive(Debug, Default)]
pub struct CarriedLists {
    held: VecDeque<Carried>,
    bytes: usize,
}

/// A page of a listing with the request for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedPage {
    /// The response that holds it.
    pub body: Box<[u8]>,
    /// The JSON text of the cursor that was asked for; `None` if the first page was.
    pub cursor: Option<Box<str>>,
}

#[derive(Debug)]
struct Carried {
    on: (u32, u32),
    side: Side,
    packets: (u64, u64),
    bytes: Box<[u8]>,
}

impl CarriedLists {
    /// Takes a payload.
    pub fn push(&mut self, payload: &PayloadFact) {
        let may_be_kept = match (&payload.kind, payload.side) {
            (PayloadKind::Head, _) => false,
            (_, Side::Client) => memmem::find(&payload.bytes, b"\"cursor\"").is_some(),
            (_, Side::Server) => LISTS.iter().any(|list| memmem::find(&payload.bytes, list).is_some()),
        };
        if !may_be_kept || payload.bytes.len() > limits::MAX_LIST_BODIES / 4 {
            return;
        }
        self.bytes += payload.bytes.len();
        self.held.push_back(Carried {
            on: (payload.peers.tcp_stream, payload.transaction),
            side: payload.side,
            packets: (payload.span.first.0, payload.span.last.0),
            bytes: Box::from(&*payload.bytes),
        });
        let overhead = size_of::<Carried>();
        while self.bytes + self.held.len() * overhead > limits::MAX_LIST_BODIES
            && let Some(oldest) = self.held.pop_front()
        {
            self.bytes -= oldest.bytes.len();
        }
    }

    /// Takes the page that answers an exchange; `None` if it is no listing, was not answered, or
    /// its text was not kept.
    pub fn take(&mut self, exchange: &Exchange) -> Option<CarriedPage> {
        if !exchange.method.ends_with("/list") || exchange.origin != Side::Client {
            return None;
        }
        let asked = (exchange.tcp_stream, exchange.transaction);
        let request = self.remove(asked, Side::Client, exchange.request);
        let body = self.remove(exchange.answered_on?, Side::Server, exchange.response?)?;
        Some(CarriedPage { body, cursor: request.and_then(|request| cursor(&request)) })
    }

    fn remove(&mut self, on: (u32, u32), side: Side, message: MessageSpan) -> Option<Box<[u8]>> {
        let is_it = |held: &Carried| {
            let (first, last) = held.packets;
            held.on == on
                && held.side == side
                && carries(message, first, last, held.bytes.len() as u64, false)
        };
        let at = self.held.iter().rposition(is_it)?;
        let found = self.held.remove(at)?;
        self.bytes -= found.bytes.len();
        Some(found.bytes)
    }
}

/// The JSON text of `params.cursor`.
fn cursor(request: &[u8]) -> Option<Box<str>> {
    let request: serde_json::Value = serde_json::from_slice(request).ok()?;
    let cursor = request.get("params")?.get("cursor")?;
    (!cursor.is_null()).then(|| cursor.to_string().into())
}
