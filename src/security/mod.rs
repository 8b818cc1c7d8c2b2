//! Security rules of `mcpdump check --security`: credentials where they do not belong, and text
//! that people do not see and models read.
//!
//! A [`Watch`] takes entries, with the payloads of the capture, and returns findings. It needs no
//! packet that is not there: what is missing is not found, and nothing is said about it. No
//! credential is kept or told, only a hash of it and its kind.

mod hidden;
mod requests;
mod watch;

pub use watch::Watch;
