//! The commands, a file each. `analysis` is what those that read packets share, `loader` reads for
//! the TUI.

mod analysis;
pub(crate) mod check;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod generate;
#[cfg(any(feature = "mcp", feature = "web"))]
mod in_progress;
pub(crate) mod interfaces;
pub(crate) mod inventory;
pub(crate) mod keys;
pub(crate) mod list;
#[cfg(feature = "demo")]
mod list_and_report;
mod loader;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
#[cfg(feature = "demo")]
mod recorded_demo;
pub(crate) mod report;
#[cfg(feature = "demo")]
pub(crate) mod serve;
pub(crate) mod slice;
mod tally;
pub(crate) mod timeline;
#[cfg(feature = "demo")]
pub(crate) mod traffic;
pub(crate) mod tui;
#[cfg(feature = "web")]
pub(crate) mod web;
pub(crate) mod why;
#[cfg(unix)]
pub(crate) mod wrap;
