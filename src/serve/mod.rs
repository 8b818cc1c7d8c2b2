//! The Hacker News MCP server, a source of traffic. Independent of the analysis.
//!
//! One handler (rmcp's `ServerHandler`) behind three transports:
//!
//! | transport | revisions | paths | implementation |
//! |---|---|---|---|
//! | HTTP+SSE | 2024-11-05, and newer ones negotiated over it | `GET /sse`, `POST /messages?sessionId=` | `sse`, over rmcp's sink-and-stream transport |
//! | Streamable HTTP | 2025-03-26, 2025-06-18, 2025-11-25 | `/mcp`, with `Mcp-Session-Id` | rmcp, extended by `streamable` |
//! | Streamable HTTP | 2026-07-28, stateless | `/mcp` | rmcp |
//!
//! A request passes `net` (connections and their limits), `connection` (use and log), `guard` (Host
//! and Origin), `routes`, `http` (bodies and their size limits), `handshake` (what is kept of a
//! client) and `faults` (deliberate faults) before it reaches a transport. Places for connections
//! and sessions are given by a `roster`, memory by a `budget`.

mod budget;
mod connection;
mod error;
mod everything;
mod faults;
mod guard;
mod hackernews;
mod handshake;
mod http;
mod media;
mod net;
mod options;
mod reporter;
mod roster;
mod routes;
mod server;
mod sse;
mod streamable;
mod tls;

pub use error::Error;
pub use everything::Everything;
pub use faults::{Delay, Faults, duration};
pub use hackernews::{Hackernews, LiveOptions, Stories, StoriesError, StoriesOptions};
pub use options::{CertificateFiles, Options, TlsOptions};
pub use reporter::Reporter;
pub use server::Server;
pub use tls::Certificate;
