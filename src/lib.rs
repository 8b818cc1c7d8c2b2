//! tcpdump for MCP: packets in; sessions, exchanges and latencies out.
//!
//! The house is described in `ARCHITECTURE.md`: packets come in at [`capture`], each room turns
//! what it is handed into something nearer to meaning and hands it on, nothing goes back up.

pub mod base;
pub mod capture;
pub mod cli;
pub mod engine;
pub mod export;
pub mod http;
pub mod ledger;
pub mod link;
pub mod mcp;
pub mod report;
pub mod rpc;
#[cfg(feature = "demo")]
pub mod serve;
pub mod tcp;
#[cfg(feature = "demo")]
pub mod traffic;
pub mod tui;
