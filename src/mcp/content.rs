//! What a transaction carries, while its session is not known.

use crate::base::limits;
use crate::rpc::{Envelope, Look, Parsed, StreamEvent};

/// What a transaction carries.
#[derive(Debug)]
pub(super) enum Content {
    /// Body of the request, and the number of its first exchange.
    Request(Box<Parsed>, u64),
    /// Body of the response.
    Response(Box<Parsed>),
    /// Event of the response.
    Event(Box<StreamEvent>),
}

impl Content {
    /// About what is allocated for it, in bytes. Its texts are part of its JSON text.
    pub(super) fn allocated(&self) -> usize {
        let (size, parsed) = match self {
            Self::Request(parsed, _) | Self::Response(parsed) => (size_of::<Parsed>(), &**parsed),
            Self::Event(event) => (size_of::<StreamEvent>(), &event.parsed),
        };
        let texts = usize::try_from(parsed.bytes).unwrap_or(usize::MAX).min(limits::MAX_BODY);
        let envelopes = parsed.envelopes.capacity() * (size_of::<Envelope>() + size_of::<Look>());
        size_of::<Self>() + size + envelopes + texts
    }
}
