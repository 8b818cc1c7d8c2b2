//! Runs of agents: what a model asked for, what MCP did for it, and how long each took.
//!
//! ```text
//!  entries ─▶ Collector ─▶ calls ─▶ views, links, join ─▶ runs ─▶ Timeline ─▶ text, JSON
//! ```
//!
//! A [`Collector`] takes entries, with the payloads of the capture, and keeps a row for each call
//! of a model and each `tools/call`. At the end `views` leaves out what a proxy of models repeats,
//! `links` finds the request that brings the result of a tool back to the model, and `join` finds
//! the MCP call that a tool call became: by name and arguments, between the two, and by its result.
//! Several that nothing tells apart are said to be ambiguous.

mod arguments;
mod assembly;
mod collector;
mod join;
mod json;
mod links;
mod messages;
mod names;
mod results;
mod runs;
mod text;
mod timeline;
mod views;

pub use collector::Collector;
pub use json::write as json;
pub use text::write as text;
pub use timeline::{AskedTool, Evidence, Join, McpCall, ModelCall, NotCompared, Run, Timeline, Times};

#[cfg(test)]
mod tests;
