//! Questions of an agent about a capture, answered over MCP: `mcpdump mcp`.
//!
//! ```text
//!  entries ─▶ Capture (store, totals) ─▶ tools, resources ─▶ Handler (rmcp) ─▶ stdio, HTTP
//!  packets, read again ──────────────────▶ why
//! ```
//!
//! Nothing is analysed here: numbers are those of `ledger`, stories those of `why`, comparisons
//! those of `diff`, reports those of `report`. An answer is text and the same as a structure. Both
//! have a limit and say what they leave out, name packets, and mark text from traffic, which is
//! hostile: it may be written for the model that reads the answer (`traffic`).

mod answer;
mod capture;
mod context;
mod handler;
mod kept;
mod paging;
mod prompts;
mod resources;
mod rows;
mod selection;
mod stdio;
mod tools;
mod traffic;

pub use capture::{Capture, Source};
pub use context::{Context, Packets};
pub use handler::Handler;
pub use stdio::serve_stdio;
