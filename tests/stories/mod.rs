//! Stories: traffic built packet by packet, and the export that the design requires for it.
//!
//! The expectations were derived from the design alone, not from the program.

mod addresses;
mod answers;
mod codes;
mod conduct;
mod contents;
mod degraded;
mod diff;
mod due;
mod framing;
mod harmless;
pub(crate) mod http;
mod http2;
mod inventory;
mod jsonl;
mod late;
mod loss;
mod messages;
mod mirrors;
mod missing;
mod modern;
mod opening;
mod pairing;
mod proxy;
pub(crate) mod ready;
mod rules;
mod security;
mod sessions;
mod stacks;
mod status;
mod stdio;
pub(crate) mod story;
mod streams;
mod talk;
mod tasks;
mod time;
mod time_spent;
mod transactions;
mod transports;
mod tunnels;
mod twice;
mod unread;
mod waits;
mod websocket;
mod why;
