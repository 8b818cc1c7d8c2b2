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

pub use crate::capture::fuzz::{files, follow};
pub use crate::engine::fuzz::packets;
pub use crate::http::fuzz::{content, event_stream, header_blocks, http1, http2, lines, web_socket};
pub use crate::ledger::query::fuzz::filter;
pub use crate::link::fuzz::frames;
pub use crate::rpc::fuzz::messages;
pub use crate::tcp::fuzz::{reassembly, segments};
pub use crate::tls::fuzz::{connection as tls_connection, handshake, key_log, quic, records};
pub use crate::tui::fuzz::configuration;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Runs it. Panics if the bytes break a law.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 21] = [
    Target { name: "configuration", run: configuration },
    Target { name: "content", run: content },
    Target { name: "event_stream", run: event_stream },
    Target { name: "files", run: files },
    Target { name: "filter", run: filter },
    Target { name: "follow", run: follow },
    Target { name: "frames", run: frames },
    Target { name: "handshake", run: handshake },
    Target { name: "header_blocks", run: header_blocks },
    Target { name: "http1", run: http1 },
    Target { name: "http2", run: http2 },
    Target { name: "key_log", run: key_log },
    Target { name: "lines", run: lines },
    Target { name: "messages", run: messages },
    Target { name: "packets", run: packets },
    Target { name: "quic", run: quic },
    Target { name: "reassembly", run: reassembly },
    Target { name: "records", run: records },
    Target { name: "segments", run: segments },
    Target { name: "tls_connection", run: tls_connection },
    Target { name: "web_socket", run: web_socket },
];
