//! The integration tests that capture on real devices, and so need the right to capture; some need
//! root.
//!
//! Without that right each test prints that it is skipped, and why. With `MCPDUMP_MUST_CAPTURE` in
//! the environment a test that would be skipped fails instead.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a failed step of a test ends the test; captured times are compared with the clock"
)]

mod devices;
#[allow(dead_code, reason = "shared with the other test program")]
mod support;
