//! What a transaction carries, while its session is not known.

use crate::base::limits;
use crate::rpc::{Envelope, Look, Parsed, StreamEvent};

/// What a transaction carries.
#[derive(Debug)]
pub(super) enum Content {
    /// Body of the request, and the number of its first exchange.
    Request(Parsed, u64),
    /// Body of the response.
    Response(Parsed),
    /// Event of the response.
    Event(StreamEvent),
}

impl Content {
    /// About what is allocated for it, in bytes. Its texts are part of its JSON text.
    pub(super) fn allocated(&self) -> usize {
        let (Self::Request(parsed, _) | Self::Response(parsed) | Self::Event(StreamEvent { parsed, .. })) =
            self;
        let texts = usize::try_from(parsed.bytes).unwrap_or(usize::MAX).min(limits::MAX_BODY);
        let envelopes = parsed.envelopes.capacity() * (size_of::<Envelope>() + size_of::<Look>());
        size_of::<Self>() + envelopes + texts
    }
}
