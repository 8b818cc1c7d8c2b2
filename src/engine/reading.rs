//! Reads a source: item by item, or until an item completes something.

use super::Engine;
use crate::capture::{Error, Item, Source};
use crate::ledger::Entry;

/// Packets that one call of [`Engine::read_some`] takes, at most.
pub(super) const MAX_PACKETS: usize = 64;

impl Engine {
    /// Takes the next item of a source and appends what it completes to `out`, at most a few
    /// thousand values, or some with 8 MiB of payloads: the rest comes with the next calls. Returns
    /// false at the end of the capture, when everything was emitted.
    ///
    /// One item, because a source may wait for the second while somebody wants to see what the
    /// first completed.
    ///
    /// # Errors
    /// Those of [`Source::next`].
    pub fn read(&mut self, source: &mut dyn Source, out: &mut Vec<Entry>) -> Result<bool, Error> {
        self.read_items(1, source, out)
    }

    /// Takes items of a source as [`Self::read`] does until one completes something, or 64
    /// packets: for a caller to whom packets that complete nothing show nothing.
    ///
    /// # Errors
    /// Those of [`Source::next`].
    pub fn read_some(&mut self, source: &mut dyn Source, out: &mut Vec<Entry>) -> Result<bool, Error> {
        if self.crew.is_some() {
            self.large = 0;
            return self.read_with_crew(source, out);
        }
        self.read_items(MAX_PACKETS, source, out)
    }

    /// Takes items of the source with the lanes on this thread: `most` packets, or fewer until
    /// something is completed.
    ///
    /// # Errors
    /// Those of [`Source::next`].
    #[inline(always)]
    pub(super) fn read_items(
        &mut self,
        most: usize,
        source: &mut dyn Source,
        out: &mut Vec<Entry>,
    ) -> Result<bool, Error> {
        self.large = 0;
        if self.is_pending() {
            self.resume(out);
            return Ok(!self.is_finished);
        }
        for _ in 0..most {
            let mut item = source.next(&mut self.findings);
            if !self.findings.is_empty() && item.is_ok() {
                self.emit_capture_findings(self.capture.last.unwrap_or_default(), out);
            }
            // By reference: nearly every item is a packet, and moving it takes as long as decoding
            // it.
            if let Ok(Some(Item::Packet(packet))) = &mut item {
                self.begin_packet(packet, out);
                if out.is_empty() && !self.is_pending() {
                    continue;
                }
            } else {
                return self.read_item(item, out);
            }
            break;
        }
        if self.is_pending() {
            self.resume(out);
        }
        Ok(!self.is_finished)
    }

    /// Takes what a source returned.
    ///
    /// # Errors
    /// That of the source.
    pub(super) fn read_item(
        &mut self,
        item: Result<Option<Item>, Error>,
        out: &mut Vec<Entry>,
    ) -> Result<bool, Error> {
        match item? {
            Some(item) => self.begin(item, out),
            None => self.begin_finish(),
        }
        if self.is_pending() {
            self.resume(out);
        }
        Ok(!self.is_finished)
    }
}
