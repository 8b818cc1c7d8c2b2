//! A device in, packets out, as they come: through libpcap.
//!
//! ```text
//!  device ─▶ kernel's ring ─▶ reader (its own thread) ─▶ queue ─▶ Live ─▶ Item
//!            Options::buffer  does nothing but read      MAX_LIVE_QUEUE bytes
//!            full: lost       full: lost by mcpdump,     of blocks
//!            by the kernel    counted, in its place
//!
//!  kept:     … reader ─▶ queue ─▶ saver (its own thread) ─▶ queue ─▶ Live ─▶ Item
//!                                   └─▶ file                 full: in the file, not analysed
//! ```
//!
//! Nothing is opened after [`open()`]: the right to capture can be given up behind it, and no thread exists before
//! [`Opened::start`].

mod counts;
mod device;
mod error;
mod interfaces;
mod numbering;
mod open;
mod options;
mod queue;
mod reader;
mod saver;
mod source;
#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use error::Error;
pub use interfaces::{Interface, interfaces};
pub use open::{Opened, open};
pub use options::Options;
pub use saver::Saver;
pub use source::Live;
