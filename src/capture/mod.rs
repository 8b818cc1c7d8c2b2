//! Files, standard input and devices in; packets out, numbered and in time order.
//!
//! Never looks inside a packet.
//!
//! ```text
//!  file ─▶ decode ─▶ blocks ─▶ frame ─▶ pcap / pcapng ─▶ merge ─▶ filter ─▶ Item
//!  stdin   gzip,     1 MiB      where    times, link      several   BPF
//!          zstd,     each,      each     types, losses,   files as
//!          lz4       sliced     one ends secrets          one
//!
//!  file that grows ─▶ follow ─▶ blocks ─▶ …        device ─▶ live ─▶ Item
//! ```

mod buffer;
mod clock;
mod decompress;
pub mod encode;
mod fields;
mod file;
mod file_findings;
mod filter;
pub mod follow;
mod framing;
mod item;
pub mod live;
mod merge;
mod open;
mod pcap;
mod pcapng;
pub mod playback;
mod progress;
#[cfg(test)]
mod samples;
pub mod save;
mod stop;
mod tail;
mod unrecognised;

pub use item::{Error, Item, LinkType, Packet, Source};
pub use merge::Capture;
pub use open::{Input, OpenOptions, from_reader, from_readers, open};
pub use progress::Progress;
pub use stop::Stop;
