//! The servers: a row each; an open server shows its tools, prompts and resources with their
//! definitions.

mod definition;
mod history;
mod open_server;
mod server;
mod view;

pub(super) use view::Servers;
