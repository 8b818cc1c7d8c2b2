//! A `text/event-stream` response, or what the server sends on a channel, while it lasts.

use crate::base::{Span, Timestamp};
use crate::rpc::{Channel, StreamEvent};

/// An event stream so far.
#[derive(Debug)]
pub(super) struct EventStream {
    /// From the first byte of the request.
    pub(super) span: Span,
    /// Start of the first event.
    pub(super) first_event: Option<Timestamp>,
    /// End of the last event.
    pub(super) last_event: Option<Timestamp>,
    pub(super) events: u64,
    has_event_ids: bool,
    is_standalone: bool,
    has_endpoint: bool,
    has_wrong_replay: bool,
    channel: Option<Channel>,
}

impl EventStream {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            first_event: None,
            last_event: None,
            events: 0,
            has_event_ids: false,
            is_standalone: false,
            has_endpoint: false,
            has_wrong_replay: false,
            channel: None,
        }
    }

    /// The messages of a channel.
    pub(super) fn of_channel(channel: Channel, span: Span) -> Self {
        Self { channel: Some(channel), ..Self::new(span) }
    }

    /// The channel, on which the client sends, too; `None` for a response of HTTP.
    pub(super) fn channel(&self) -> Option<Channel> {
        self.channel
    }

    pub(super) fn record(&mut self, event: &StreamEvent) {
        self.events += 1;
        self.first_event.get_or_insert(event.parsed.span.start.time);
        self.last_event = Some(event.parsed.span.end.time);
        self.has_event_ids |= event.id.as_ref().is_some_and(|id| !id.is_empty());
    }

    /// Whether its events have ids, so that a client can resume it.
    pub(super) fn is_resumable(&self) -> bool {
        self.has_event_ids
    }

    /// Whether the server sends on it what belongs to no POST.
    pub(super) fn is_standalone(&self) -> bool {
        self.is_standalone
    }

    /// Marks it as standalone.
    pub(super) fn set_standalone(&mut self) {
        self.is_standalone = true;
    }

    /// Notes that an event repeats one of another stream; returns whether it is the first.
    pub(super) fn set_wrong_replay(&mut self) -> bool {
        !std::mem::replace(&mut self.has_wrong_replay, true)
    }

    /// Whether the `endpoint` event was seen.
    pub(super) fn has_endpoint(&self) -> bool {
        self.has_endpoint
    }

    /// Notes that the `endpoint` event was seen.
    pub(super) fn set_endpoint(&mut self) {
        self.has_endpoint = true;
    }
}
