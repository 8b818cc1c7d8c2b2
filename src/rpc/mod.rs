//! Parses JSON-RPC: turns bodies and events into envelopes.
//!
//! Each body and each event's data is parsed once, where it lies; `params` and `result` are looked
//! into and not built. Nothing outlives the call but short texts. Knows no session and keeps no
//! state.

use crate::base::Code;
use crate::http::{Body, Event, begins_with_field};

mod content_hash;
mod error_text;
pub mod id;
mod json;
mod look;
mod message;
pub mod parse;
mod scalar;

pub use crate::http::{Fault, Field, Fields, Head, StartLine, TransactionNo, Update, UpdateKind};
pub use id::Id;
#[cfg(test)]
pub use look::Definition;
pub use look::{Implementation, Listing, Look};
pub use message::{
    CarriedBy, ConnectionUpdates, Envelope, Kind, Parsed, ParsedUpdate, RpcError, StreamEvent,
};

/// Parses the body or the event of an update.
#[must_use]
#[inline(always)]
pub fn read(update: Update) -> ParsedUpdate {
    let is_response = matches!(update.kind, UpdateKind::ResponseBody(_));
    update.map(|body| Box::new(read_body(&body, is_response)), |event| Box::new(read_event(event)))
}

fn read_body(body: &Body, is_response: bool) -> Parsed {
    if body.is_complete {
        let mut parsed = parse::parse(&body.content, body.span, body.degraded);
        if is_response && !parsed.envelopes.iter().any(|envelope| envelope.has_version) {
            parsed.text = error_text::of(&body.content);
            if begins_with_field(&body.content) {
                let detail = "an event stream that is not declared as text/event-stream".into();
                parsed.faults = vec![Fault { code: Code::HttpMediaType, detail }];
            }
        }
        return parsed;
    }
    if !is_response && body.degraded.is_none() && !body.content.is_empty() {
        // Its length may be wrong, and its JSON whole all the same.
        let parsed = parse::parse(&body.content, body.span, body.degraded);
        if !parsed.envelopes.is_empty() && parsed.faults.is_empty() {
            return parsed;
        }
    }
    Parsed::nothing(body.span, body.degraded, body.content.len() as u64)
}

fn read_event(event: Event) -> StreamEvent {
    // The target of an `endpoint` event is a URI reference: short, and never JSON.
    let text = (event.data.len() < 4096 && !matches!(event.data.first(), Some(b'{' | b'[')))
        .then(|| String::from_utf8_lossy(&event.data).into());
    let parsed = parse::parse(&event.data, event.span, event.degraded);
    StreamEvent { name: event.name, id: event.id, text, parsed }
}
