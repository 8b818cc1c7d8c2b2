//! Stories: traffic made here, packet by packet, and what the design says must be told of it.
//!
//! The expectations were written from the text of the design alone, by someone who had not read the
//! program.

mod degraded;
mod http;
mod jsonl;
mod messages;
mod modern;
mod pairing;
mod sessions;
mod status;
mod story;
mod streams;
mod time;
