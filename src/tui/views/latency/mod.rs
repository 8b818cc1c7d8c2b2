//! Latency per method and tool: a table of percentiles, and a histogram and a heat map of the
//! selected row.

mod columns;
mod filter;
mod grid;
mod pane;
mod view;

pub(super) use view::Latency;
