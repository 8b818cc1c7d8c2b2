//! The Hacker News MCP server: it makes the traffic that the other rooms read, and sees none of them.
//!
//! Sockets come in; HTTP responses and streams go out. One handler (rmcp's `ServerHandler`), three ways in:
//!
//! | way in | revisions | where | written by |
//! |---|---|---|---|
//! | HTTP+SSE | 2024-11-05, and newer ones negotiated over it | `GET /sse`, `POST /messages?sessionId=` | `sse`, over rmcp's sink-and-stream transport |
//! | Streamable HTTP | 2025-03-26, 2025-06-18, 2025-11-25 | `/mcp`, with `Mcp-Session-Id` | rmcp, with what `streamable` adds |
//! | Streamable HTTP | 2026-07-28, stateless | `/mcp` | rmcp |
//!
//! A request comes through `net` (connections, their number and their end), `guard` (Host and Origin), `http` (routes,
//! bodies, their size) and `faults` (what goes wrong on purpose) before a transport sees it.

mod everything;
mod faults;
mod guard;
mod hackernews;
mod http;
mod net;
mod options;
mod server;
mod sse;
mod streamable;
mod tls;

pub use everything::Everything;
pub use faults::{Delay, Faults, duration};
pub use hackernews::{Hackernews, LiveOptions, Stories, StoriesError, StoriesOptions};
pub use options::{Error, Options, TlsOptions};
pub use server::Server;
pub use tls::Certificate;
