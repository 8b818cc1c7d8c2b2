//! What an export format implements.

use std::io;

use crate::base::Origin;
use crate::ledger::Entry;

/// What a writer needs beyond entries. Both cost time and memory, so they are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// HTTP heads, bodies and events, as entries with [`crate::base::Fact::Payload`].
    pub payloads: bool,
    /// All packets of the capture, through [`Export::packet`].
    pub packets: bool,
}

/// A captured packet, as the capture file has it.
#[derive(Clone, Copy, Debug)]
pub struct RawPacket<'a> {
    /// Its number and capture time.
    pub origin: Origin,
    /// The LINKTYPE_ value of its first header.
    pub link_type: u32,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Its length on the wire, in bytes; at least `data.len()`.
    pub original_len: u32,
}

/// Writes an export in one pass over the capture.
///
/// Calls come in this order: [`begin`](Self::begin); then [`packet`](Self::packet) in the order of
/// packet numbers, each before the [`entry`](Self::entry) calls for what the packet completes; then
/// [`finish`](Self::finish). Entries come in the order of their completing packets and have passed
/// `--filter`; payloads and packets are not filtered, since what they belong to is known later.
///
/// # How a format uses it
///
/// - **JSON lines, CSV, traces**: [`entry`](Self::entry) alone, nothing is kept.
/// - **HAR**: wants `payloads`. A payload names its transaction by `tcp_stream` and `transaction`,
///   an exchange names its own by the same numbers (and by `answered_on` the one that carried the
///   response). The writer keeps payloads in a [`crate::ledger::store::Store`], which spills to a
///   temporary file, and writes a HAR entry when an exchange passes; `begin` and `finish` write
///   the enclosing object.
///
/// A slice of packets is no export: which packets belong to an exchange is known only when it
/// completes, so the capture is read again ([`super::slice`]).
pub trait Export {
    /// What the writer needs beyond entries.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Writes what precedes the first entry.
    ///
    /// # Errors
    /// Those of `out`.
    fn begin(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// Takes a packet. Called only if [`wants`](Self::wants) asks for packets.
    ///
    /// # Errors
    /// The packet cannot be kept.
    fn packet(&mut self, _packet: RawPacket<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Takes an entry, and writes what can be written of it.
    ///
    /// # Errors
    /// Those of `out`.
    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()>;

    /// Writes what follows the last entry. Not called if reading or writing failed before.
    ///
    /// # Errors
    /// Those of `out`.
    fn finish(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}
