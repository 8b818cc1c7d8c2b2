//! Stories: traffic built packet by packet, and the export that the design requires for it.
//!
//! The expectations were derived from the design alone, not from the program.

mod addresses;
mod answers;
mod degraded;
mod framing;
pub(crate) mod http;
mod jsonl;
mod loss;
mod messages;
mod modern;
mod opening;
mod pairing;
mod proxy;
mod rules;
mod sessions;
mod status;
pub(crate) mod story;
mod streams;
mod time;
mod transactions;
mod tunnels;
mod waits;
mod websocket;
mod why;
