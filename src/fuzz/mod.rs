//! Fuzz targets: functions that take any bytes and panic if a law is broken. Each is a file of its
//! layer; this is their list.
//!
//! `fuzz/` runs them under libFuzzer. The tests here run them on what the captures of the
//! repository carry, damaged at random, the same in every run; `make fuzz` does so for longer.
//! Compiled for tests and with the feature `fuzz`: the program has none of it.

#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;

pub use crate::capture::fuzz::files;
pub use crate::engine::fuzz::packets;
pub use crate::http::fuzz::{header_blocks, http1, http2, lines};
pub use crate::ledger::query::fuzz::filter;
pub use crate::tls::fuzz::{connection as tls_connection, handshake, key_log, quic, records};

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Runs it. Panics if the bytes break a law.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 12] = [
    Target { name: "files", run: files },
    Target { name: "filter", run: filter },
    Target { name: "handshake", run: handshake },
    Target { name: "header_blocks", run: header_blocks },
    Target { name: "http1", run: http1 },
    Target { name: "http2", run: http2 },
    Target { name: "key_log", run: key_log },
    Target { name: "lines", run: lines },
    Target { name: "packets", run: packets },
    Target { name: "quic", run: quic },
    Target { name: "records", run: records },
    Target { name: "tls_connection", run: tls_connection },
];
