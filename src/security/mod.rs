//! Security rules of `mcpdump check --security`: credentials where they do not belong, servers that
//! ask for none, session ids that can be guessed, tools that shadow others, data that goes on to
//! another server, and text that people do not see and models read.
//!
//! A [`Watch`] takes entries, with the payloads of the capture, and returns findings. It needs no
//! packet that is not there: what is missing is not found, and nothing is said about it. No
//! credential is kept or told, only a hash of it and its kind.

mod access;
mod data_flow;
mod genuine;
mod hidden;
mod instructions;
mod known_servers;
mod mentions;
mod requests;
mod secrets;
mod session_ids;
mod shadowing;
mod watch;

pub use known_servers::KnownServers;
pub use watch::{Options, Watch};
