//! Captures packets on a device through libpcap.
//!
//! ```text
//!  device ─▶ kernel's ring ─▶ reader (own thread) ─▶ queue ─▶ Live ─▶ Item
//!            Options::buffer  only reads             MAX_LIVE_QUEUE bytes
//!            full: dropped                           full: packets stay in the ring; at the
//!            by the kernel                           end of the capture: dropped by mcpdump
//!
//!  with -w:  … reader ─▶ queue ─▶ saver (own thread) ─▶ queue ─▶ Live ─▶ Item
//!                                   └─▶ file            full: in the file, not analysed
//! ```
//!
//! [`open()`] opens everything, so privileges can be dropped after it. [`Opened::start`] starts the
//! first thread.

mod counts;
mod device;
mod error;
mod interfaces;
mod link_state;
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
pub use link_state::{LinkState, LinkWatch};
pub use open::{Opened, open};
pub use options::Options;
pub use saver::Saver;
pub use source::Live;
