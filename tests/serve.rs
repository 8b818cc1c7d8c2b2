//! `mcpdump serve` over real sockets: what is on the wire, what is refused, and what goes wrong on purpose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so and stops"
)]

#[path = "serve/everything.rs"]
mod everything;
#[path = "serve/faults.rs"]
mod faults;
#[path = "serve/https.rs"]
mod https;
#[path = "serve/raw.rs"]
mod raw;
#[path = "serve/safety.rs"]
mod safety;
#[path = "serve/streamable.rs"]
mod streamable;
#[path = "serve/walkthrough.rs"]
mod walkthrough;
