//! Reads packets from files, standard input and devices, numbered and in time order.
//!
//! Never looks inside a packet.
//!
//! ```text
//!  file ─▶ decompress ─▶ buffer ─▶ framing ─▶ pcap / pcapng ─▶ merge ─▶ filter ─▶ Item
//!  stdin   gzip, zstd,   slices of  record      times, link      several   BPF
//!          lz4           blocks     lengths     types, losses,   files as
//!                                               secrets          one
//!
//!  growing file ─▶ tail ─▶ buffer ─▶ … ─▶ follow ─▶ Item        device ─▶ live ─▶ Item
//! ```

mod block;
mod buffer;
mod clock;
mod decompress;
mod encode;
mod fields;
mod file;
mod file_findings;
mod filter;
pub mod follow;
mod framing;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod item;
mod key_logs;
pub mod live;
mod merge;
mod open;
mod pcap;
mod pcapng;
pub mod playback;
mod progress;
mod replay;
#[cfg(test)]
mod samples;
pub mod save;
mod spool;
mod stop;
mod tail;
mod unrecognised;

pub use item::{Error, Item, LinkType, Packet, Source};
pub use key_logs::KeyLogs;
pub use merge::Capture;
pub use open::{Input, OpenOptions, from_reader, from_readers, open};
pub use progress::Progress;
pub use replay::{Replay, ReplaySource};
pub use spool::{Spool, SpoolReader};
pub use stop::Stop;
