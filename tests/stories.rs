//! Stories: traffic made here, packet by packet, and what the design says must be told of it.
//!
//! The expectations were written from the text of the design alone, by someone who had not read the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on says so and stops; a story is told in one piece"
)]

#[path = "stories/degraded.rs"]
mod degraded;
#[path = "stories/http.rs"]
mod http;
#[path = "stories/jsonl.rs"]
mod jsonl;
#[path = "stories/messages.rs"]
mod messages;
#[path = "stories/modern.rs"]
mod modern;
#[path = "stories/pairing.rs"]
mod pairing;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/status.rs"]
mod status;
#[path = "stories/story.rs"]
mod story;
#[path = "stories/streams.rs"]
mod streams;
#[path = "stories/time.rs"]
mod time;
