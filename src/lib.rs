//! tcpdump for MCP: turns packets into sessions, exchanges and latencies.
//!
//! Packets enter at [`capture`]. Each layer turns its input into something closer to meaning and
//! passes it down to [`ledger`]; nothing flows back. [`engine`] connects the layers. See
//! `ARCHITECTURE.md`.

pub mod agent;
pub mod anonymize;
#[cfg(feature = "mcp")]
pub mod ask;
pub mod base;
pub mod capture;
pub mod check;
pub mod cli;
pub mod contents;
pub mod diff;
pub mod engine;
pub mod export;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod http;
pub mod inventory;
pub mod ledger;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod link;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod llm;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod mcp;
pub mod report;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod rpc;
pub mod security;
#[cfg(feature = "demo")]
pub mod serve;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod tcp;
pub mod telemetry;
#[allow(unreachable_pub, reason = "`pub` marks the interface of the layer")]
pub(crate) mod tls;
#[cfg(feature = "demo")]
pub mod traffic;
pub mod tui;
#[cfg(feature = "web")]
pub mod web;
pub mod why;
#[cfg(unix)]
pub mod wrap;
