//! The event streams: a row each; an open stream shows its events with the gaps between them.

mod llm;
mod open_stream;
mod view;

pub(super) use view::Streams;
