//! Parses JSON-RPC: turns bodies and events into envelopes.
//!
//! Each body and each event's data is parsed once, where it lies; `params` and `result` are looked
//! into and not built. Nothing outlives the call but short texts. Knows no session and keeps no
//! state.

use crate::base::{Code, Few};
use crate::http::{Body, Event, begins_with_field};

mod error_text;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod id;
mod json;
mod look;
mod message;
pub mod parse;
mod scalar;

pub use crate::http::{Channel, Fault, Field, Fields, Head, StartLine, TransactionNo, Update, UpdateKind};
pub use id::Id;
#[cfg(test)]
pub use look::Definition;
pub use look::{Implementation, Listing, Look};
pub use message::{
    CarriedBy, ConnectionUpdates, Envelope, Kind, Parsed, ParsedUpdate, RpcError, StreamEvent,
};

/// Takes the step out of an update, and parses its body or its event.
#[must_use]
#[inline(always)]
pub fn read(update: &mut Update) -> ParsedUpdate {
    let is_response = matches!(update.kind, UpdateKind::ResponseBody(_));
    update.convert(|body| read_body(body, is_response), read_event)
}

fn read_body(body: &Body, is_response: bool) -> Box<Parsed> {
    let nothing = || Box::new(Parsed::nothing(body.span, body.degraded, body.len));
    let mut parsed = nothing();
    if body.is_complete {
        parse::parse_into(&body.content, &mut parsed);
        if is_response && !parsed.envelopes.iter().any(|envelope| envelope.has_version) {
            parsed.text = error_text::of(&body.content);
            if begins_with_field(&body.content) {
                let detail = "an event stream that is not declared as text/event-stream".into();
                parsed.faults = Few::One(Fault { code: Code::HttpMediaType, detail });
            }
        }
        return parsed;
    }
    if !is_response && body.degraded.is_none() && !body.content.is_empty() {
        // Its length may be wrong, and its JSON whole all the same.
        parse::parse_into(&body.content, &mut parsed);
        if !parsed.envelopes.is_empty() && parsed.faults.is_empty() {
            return parsed;
        }
        return nothing();
    }
    parsed
}

fn read_event(event: &mut Event) -> Box<StreamEvent> {
    // The target of an `endpoint` event is a URI reference: short, and never JSON.
    let text = (event.data.len() < 4096 && !matches!(event.data.first(), Some(b'{' | b'[')))
        .then(|| String::from_utf8_lossy(&event.data).into());
    let (name, id) = (event.name.take(), event.id.take());
    let parsed = Parsed::nothing(event.span, event.degraded, event.data.len() as u64);
    let mut parsed = Box::new(StreamEvent { name, id, text, parsed });
    parse::parse_into(&event.data, &mut parsed.parsed);
    parsed
}
