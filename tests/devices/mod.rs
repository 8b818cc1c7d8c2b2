//! The program on real devices, through libpcap: traffic is made here, captured, kept and ended in
//! every way.
//!
//! Needs the right to capture, and for some stories root. Without it each test says that it is
//! skipped, and why; with `MCPDUMP_MUST_CAPTURE` in the environment a test that would be skipped
//! fails.

mod device;
mod dump;
mod ending;
mod keeping;
mod pairing;
mod rights;
mod screen;
mod traffic;
#[cfg(feature = "demo")]
mod truth;
