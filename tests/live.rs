//! The program on real devices, through libpcap: traffic is made here, captured, kept and ended in every way.
//!
//! Needs the right to capture, and for some stories root. Without it each test says that it is skipped, and why; with
//! `MCPDUMP_MUST_CAPTURE` in the environment a test that would be skipped fails.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so and stops; what is captured is measured beside it with a clock"
)]

#[path = "live/device.rs"]
mod device;
#[path = "live/dump.rs"]
mod dump;
#[path = "live/ending.rs"]
mod ending;
#[path = "live/keeping.rs"]
mod keeping;
#[path = "live/pairing.rs"]
mod pairing;
#[path = "live/rights.rs"]
mod rights;
#[path = "live/screen.rs"]
mod screen;
#[path = "tui/tmux.rs"]
mod tmux;
#[path = "live/traffic.rs"]
mod traffic;
