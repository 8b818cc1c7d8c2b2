//! Runs a server that speaks MCP on its standard input and output, and records what passes as
//! packets of a TCP connection.
//!
//! ```text
//!  client ─▶ stdin ─▶ pump ─▶ stdin  of the server        pump ─▶ queue ─▶ recorder ─▶ pcapng file
//!  client ◀─ stdout ◀─ pump ◀─ stdout of the server              bounded    Conversation
//!            stderr ◀─ pump ◀─ stderr of the server
//! ```
//!
//! A pump queues what it read and passes it on at once. It waits for the reader of the bytes and
//! for nothing else: if the queue is full or the file cannot be written, what passes is not
//! recorded, and the file has a gap. Each write to the file holds whole blocks.

mod addresses;
mod command_line;
mod conversation;
mod pump;
mod queue;
mod recorder;
mod server;
#[cfg(test)]
mod tests;

pub use addresses::Addresses;
pub use command_line::{masked, short_name};
pub use recorder::{OpenFile, Recorder, Warn};
pub use server::{Ended, run};
