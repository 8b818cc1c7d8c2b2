//! What a request says about proxies that it came through.

use crate::rpc::{Field, Fields};

/// What the head of a request says about proxies that it came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    /// Hash of what names the request on each leg: `X-Request-Id`, else `traceparent` (W3C Trace
    /// Context, section 3.2); `None` if neither is there.
    name: Option<u64>,
    /// Whether a proxy passed it on: `Via` (RFC 9110 section 7.6.3), `Forwarded` (RFC 7239) or
    /// `X-Forwarded-For`.
    is_forwarded: bool,
}

impl Passage {
    pub(super) fn of(fields: Fields<'_>) -> Self {
        let name = fields.get(Field::RequestId).or_else(|| fields.get(Field::TraceParent));
        let traces = [Field::Via, Field::Forwarded, Field::ForwardedFor];
        Self {
            name: name.map(crate::base::text::digest),
            is_forwarded: traces.iter().any(|field| fields.get(*field).is_some()),
        }
    }

    /// Whether it can prove that the request was passed on.
    pub(super) fn is_proof(self) -> bool {
        self.name.is_some() || self.is_forwarded
    }

    /// Hash of what names the request on each leg; `None` if nothing does.
    pub(super) fn name(self) -> Option<u64> {
        self.name
    }

    /// Whether a proxy says that it passed the request on.
    pub(super) fn is_forwarded(self) -> bool {
        self.is_forwarded
    }
}
