//! The integration tests that run anywhere: one program, so that the crate is linked once.
//!
//! `cargo test --test all tui::` runs those of one module. What needs the right to capture is in
//! `live.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step of a test ends the test"
)]

#[cfg(unix)]
mod action;
mod agents;
mod anonymize;
#[cfg(all(feature = "mcp", feature = "demo"))]
mod ask;
mod books;
mod cli;
mod compare;
mod cut;
mod damage;
#[cfg(all(feature = "demo", target_os = "linux"))]
#[allow(clippy::disallowed_methods, reason = "a program that hangs is ended after a time limit")]
mod demo;
mod documents;
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a program that hangs is ended after a time limit")]
mod faults;
mod field;
mod files;
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a program that hangs is ended after a time limit")]
mod follow;
mod formats;
mod h2_stacks;
mod healthy;
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "header fields wrap")]
mod hostile;
#[cfg(unix)]
mod install;
mod layering;
mod limits;
mod llm;
#[cfg(feature = "otlp")]
mod otlp;
mod page;
#[cfg(unix)]
mod prometheus;
mod rules;
#[cfg(feature = "demo")]
mod serve;
#[cfg(all(unix, feature = "otlp"))]
mod service;
mod slice;
mod spans;
mod store;
#[allow(
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "a test reads like the conversation it describes"
)]
mod stories;
mod support;
mod tls;
#[cfg(feature = "demo")]
mod traffic;
mod truth;
mod tui;
#[cfg(all(unix, feature = "web"))]
mod web;
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a program that hangs is ended after a time limit")]
mod wrap;
