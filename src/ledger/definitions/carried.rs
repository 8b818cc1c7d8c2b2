//! The texts of listings, from payloads.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::query::carries;
use super::page::cursor;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Side, limits};
use crate::mcp::{Exchange, MessageSpan};

/// Members of a result that hold a list. `resourceTemplates` is found by its first half.
const LISTS: [&[u8]; 4] = [b"\"tools\"", b"\"prompts\"", b"\"resources\"", b"\"resourceTemplates\""];

/// Keeps the payloads that may hold a page of a listing, until the exchange that it belongs to is
/// over. Beyond [`limits::MAX_LIST_BODIES`] the oldest are dropped.
#[derive(Debug, Default)]
pub struct CarriedLists {
    /// The payloads alike, the oldest first. Never iterated: its order is random.
    held: HashMap<Alike, VecDeque<Carried>, RandomState>,
    count: usize,
    bytes: usize,
    /// All payloads, the oldest first, with their numbers. Those that were taken are still there.
    order: VecDeque<(Alike, u64)>,
    pushed: u64,
}

/// A page of a listing with the request for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedPage {
    /// The response that holds it.
    pub body: Box<[u8]>,
    /// The JSON text of the cursor that was asked for; `None` if the first page was.
    pub cursor: Option<Box<str>>,
}

/// What an exchange knows of the payload of one of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Alike {
    /// Connection and transaction.
    on: (u32, u32),
    side: Side,
    /// Length in bytes.
    len: u64,
}

#[derive(Debug)]
struct Carried {
    number: u64,
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
        let on = (payload.peers.tcp_stream, payload.transaction);
        let alike = Alike { on, side: payload.side, len: payload.bytes.len() as u64 };
        self.pushed += 1;
        self.held.entry(alike).or_default().push_back(Carried {
            number: self.pushed,
            packets: (payload.span.first.0, payload.span.last.0),
            bytes: Box::from(&*payload.bytes),
        });
        self.order.push_back((alike, self.pushed));
        self.count += 1;
        self.bytes += payload.bytes.len();
        self.limit();
    }

    /// Drops the oldest payloads if all take too much, and forgets those that were taken.
    fn limit(&mut self) {
        /// Entries of a payload in both tables, in bytes.
        const ENTRIES: usize = 2 * (size_of::<Alike>() + size_of::<Carried>());
        while self.bytes + self.count * ENTRIES > limits::MAX_LIST_BODIES
            && let Some((alike, number)) = self.order.pop_front()
        {
            let is_it = |held: &mut Carried| held.number == number;
            let oldest = self.held.get_mut(&alike).and_then(|held| held.pop_front_if(is_it));
            if let Some(oldest) = oldest {
                self.took(&alike, &oldest.bytes);
            }
        }
        if self.order.len() > 2 * self.count + 64 {
            let held = &self.held;
            self.order.retain(|(alike, number)| {
                let is_left =
                    |held: &VecDeque<Carried>| held.binary_search_by_key(number, |held| held.number).is_ok();
                held.get(alike).is_some_and(is_left)
            });
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
        Some(CarriedPage { body, cursor: request.and_then(|request| asked_cursor(&request)) })
    }

    fn remove(&mut self, on: (u32, u32), side: Side, message: MessageSpan) -> Option<Box<[u8]>> {
        let alike = Alike { on, side, len: message.bytes };
        let held = self.held.get_mut(&alike)?;
        let is_it = |held: &Carried| carries(message, held.packets.0, held.packets.1, alike.len, false);
        let latest = held.iter().rev().take(limits::MAX_ALIKE).position(is_it)?;
        let found = held.remove(held.len() - 1 - latest)?;
        self.took(&alike, &found.bytes);
        Some(found.bytes)
    }

    /// A payload was removed.
    fn took(&mut self, alike: &Alike, bytes: &[u8]) {
        self.count -= 1;
        self.bytes -= bytes.len();
        if self.held.get(alike).is_some_and(VecDeque::is_empty) {
            self.held.remove(alike);
        }
    }
}

/// The cursor of a request for a page; `None` if it has none.
fn asked_cursor(request: &[u8]) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        params: Params<'a>,
    }
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        cursor: Option<&'a RawValue>,
    }
    let request: Request<'_> = serde_json::from_slice(request).ok()?;
    Some(cursor(request.params.cursor?.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_the_same_however_it_is_written() {
        let asked = |text: &str| asked_cursor(text.as_bytes());
        let one = asked(r#"{"jsonrpc":"2.0","params":{"cursor":"a"}}"#);
        assert_eq!(one, asked(r#"{"params":{"_meta":{},"cursor": "\u0061" }}"#));
        assert_ne!(one, asked(r#"{"params":{"cursor":"b"}}"#));
        for none in [r#"{"params":{}}"#, r#"{"params":{"cursor":null}}"#, "{}", "[]", ""] {
            assert_eq!(asked(none), None, "{none}");
        }
    }
}
