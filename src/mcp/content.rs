//! What a transaction carries, while its session is not known.

use crate::rpc::{Parsed, StreamEvent};

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
    /// About what is allocated for it, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let boxed = match self {
            Self::Request(parsed, _) | Self::Response(parsed) => size_of::<Parsed>() + parsed.allocated(),
            Self::Event(event) => size_of::<StreamEvent>() + event.allocated(),
        };
        size_of::<Self>() + boxed
    }
}
