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

mod blocks;
mod clock;
mod decode;
mod fields;
mod file;
mod filter;
pub mod follow;
mod frame;
mod guess;
mod item;
pub mod keep;
pub mod live;
mod log;
mod merge;
mod open;
pub mod pace;
mod pcap;
mod pcapng;
mod progress;
#[cfg(test)]
mod samples;
mod stop;
mod tail;
pub mod write;

pub use item::{Error, Item, LinkType, Packet, Source};
pub use merge::Capture;
pub use open::{Input, OpenOptions, from_reader, from_readers, open};
pub use progress::Progress;
pub use stop::Stop;
