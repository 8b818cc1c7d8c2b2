//! The ClientHello in CRYPTO frames (RFC 9000 section 19.6): in pieces, in any order.

use super::header::varint;
use crate::base::{Reader, limits};

/// What came of a ClientHello.
#[derive(Debug, Default)]
pub(in crate::tls) struct Crypto {
    /// From its beginning on; what did not come is 0.
    bytes: Vec<u8>,
    /// Which of `bytes` came: begin and end of each range, ascending, with a hole between two.
    came: Vec<(usize, usize)>,
}

/// Ranges of a ClientHello that are kept: browsers cut it into some ten frames.
const MAX_RANGES: usize = 64;

impl Crypto {
    /// Returns the number of bytes kept.
    pub(in crate::tls) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the frames of an Initial. Returns false if they are malformed, or go beyond a limit.
    pub(in crate::tls) fn push(&mut self, frames: &[u8]) -> bool {
        let mut reader = Reader::new(frames);
        while !reader.rest().is_empty() {
            let is_read = match reader.u8("type of a frame") {
                // PADDING, PING.
                Ok(0 | 1) => Some(()),
                Ok(kind @ (2 | 3)) => skip_ack(&mut reader, kind == 3),
                Ok(6) => self.frame(&mut reader),
                // CONNECTION_CLOSE is the last one, and an Initial has no others.
                _ => None,
            };
            if is_read.is_none() {
                return false;
            }
        }
        true
    }

    /// Reads a CRYPTO frame.
    fn frame(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let offset = usize::try_from(varint(reader)?).ok()?;
        let len = usize::try_from(varint(reader)?).ok()?;
        let data = reader.take("CRYPTO frame", len).ok()?;
        let end = offset.checked_add(len).filter(|end| *end <= limits::MAX_QUIC_HELLO)?;
        if end > self.bytes.len() {
            self.bytes.reserve_exact(end - self.bytes.len());
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(offset..end)?.copy_from_slice(data);
        self.add_range((offset, end))
    }

    /// Notes that a range came. `None` if there are too many.
    fn add_range(&mut self, (mut begin, mut end): (usize, usize)) -> Option<()> {
        if begin == end {
            return Some(());
        }
        self.came.retain(|&(from, to)| {
            let is_apart = to < begin || from > end;
            if !is_apart {
                (begin, end) = (begin.min(from), end.max(to));
            }
            is_apart
        });
        let at = self.came.partition_point(|&(from, _)| from < begin);
        self.came.insert(at, (begin, end));
        (self.came.len() <= MAX_RANGES).then_some(())
    }

    /// Returns the body of the ClientHello; `None` if it is not complete.
    pub(in crate::tls) fn client_hello(&self) -> Option<&[u8]> {
        let (0, end) = *self.came.first()? else { return None };
        let came = self.bytes.get(..end)?;
        let [1, l0, l1, l2, ..] = *came else { return None };
        let len = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
        came.get(HEADER_LEN..HEADER_LEN.checked_add(len)?)
    }
}

/// Length of type and length of a handshake message, in bytes.
const HEADER_LEN: usize = 4;

/// Skips an ACK frame (RFC 9000 section 19.3) behind its type.
fn skip_ack(reader: &mut Reader<'_>, has_ecn: bool) -> Option<()> {
    varint(reader)?; // largest acknowledged
    varint(reader)?; // delay
    let ranges = varint(reader)?;
    varint(reader)?; // first range
    // Each has a gap and a length. The frame ends before there are too many.
    let more = ranges.saturating_mul(2).saturating_add(if has_ecn { 3 } else { 0 });
    for _ in 0..more {
        varint(reader)?;
    }
    Some(())
}
