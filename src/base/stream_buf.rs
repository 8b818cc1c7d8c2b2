//! A buffer for the unread bytes of one direction.

use bytes::{Buf, Bytes, BytesMut};

use super::Span;
use super::marks::Marks;

/// The unread bytes of one direction, with the packets that carried them.
///
/// ```text
///   pushed:   |--- packet 7 ---|-- packet 9 --|- packet 12 -|
///   consumed: =========|                                        offset = bytes consumed in total
///   held:              [--- 7 ---|-- 9 -------|- 12 --------]  marks = where each span ends
/// ```
///
/// Bytes of a single push are held as a shared slice of the packet, without a copy. Bytes of
/// several pushes are copied once, into one buffer.
#[derive(Debug, Default)]
pub struct StreamBuf {
    held: Held,
    /// The spans of the held bytes.
    marks: Marks,
    offset: u64,
    /// Bytes that were consumed from the front of the buffer, which keeps their memory.
    wasted: usize,
}

#[derive(Debug)]
enum Held {
    Shared(Bytes),
    Joined(BytesMut),
}

impl Default for Held {
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

impl StreamBuf {
    /// Creates an empty buffer at offset 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes and their span.
    #[inline]
    pub fn push(&mut self, bytes: Bytes, span: Span) {
        if bytes.is_empty() {
            return;
        }
        let len = self.len() + bytes.len();
        let end = self.offset + len as u64;
        match &mut self.held {
            held if held.is_empty() => *held = Held::Shared(bytes),
            Held::Joined(joined) => {
                let capacity = joined.capacity();
                joined.extend_from_slice(&bytes);
                if joined.capacity() > capacity {
                    // It was moved, or what was consumed is used again.
                    self.wasted = 0;
                }
            }
            Held::Shared(first) => {
                let mut joined = BytesMut::with_capacity((len * 2).max(256));
                joined.extend_from_slice(first);
                joined.extend_from_slice(&bytes);
                self.held = Held::Joined(joined);
                self.wasted = 0;
            }
        }
        self.marks.push(end, span);
    }

    /// Copies what would keep more memory than it needs: a slice of a block of the capture, or the
    /// rest of a buffer most of which was consumed. Call this when the reader has consumed what it
    /// can: the rest waits for bytes that may never come.
    #[inline]
    pub fn settle(&mut self) {
        let is_shared = matches!(self.held, Held::Shared(_));
        // A copy of less than was consumed since the last one: each byte is copied once, however
        // few are consumed at a time.
        if !self.is_empty() && (is_shared || self.wasted >= self.len()) {
            self.held = Held::Joined(BytesMut::from(self.bytes()));
            self.wasted = 0;
        }
        self.marks.settle();
    }

    /// Returns what is allocated, in bytes. Exact after [`StreamBuf::settle`].
    #[must_use]
    #[inline]
    pub fn allocated(&self) -> usize {
        let held = match &self.held {
            Held::Shared(bytes) => bytes.len(),
            Held::Joined(bytes) => bytes.capacity() + self.wasted,
        };
        held + self.marks.allocated()
    }

    /// Returns the held bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.held {
            Held::Shared(bytes) => bytes,
            Held::Joined(bytes) => bytes,
        }
    }

    /// Returns up to `len` held bytes without consuming them; a shared slice if they lie in one
    /// packet.
    #[must_use]
    pub fn peek(&self, len: usize) -> Bytes {
        let len = len.min(self.len());
        match &self.held {
            Held::Shared(bytes) => bytes.slice(..len),
            Held::Joined(bytes) => Bytes::copy_from_slice(bytes.get(..len).unwrap_or_default()),
        }
    }

    /// Returns the number of held bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Returns whether nothing is held.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Returns the stream offset of the first held byte: the number of bytes consumed so far.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the span of the first `len` held bytes; `None` if there are none.
    #[must_use]
    #[inline]
    pub fn span(&self, len: usize) -> Option<Span> {
        self.marks.span(self.offset, self.offset + len as u64)
    }

    /// Returns the span of the first held byte; `None` if nothing is held.
    #[must_use]
    #[inline]
    pub fn first_span(&self) -> Option<Span> {
        self.marks.first().map(|(_, span)| span)
    }

    /// Consumes up to `len` bytes that share one span; `None` if nothing is held or `len` is 0.
    ///
    /// Content is passed on in these pieces, so that each keeps its own packets.
    pub fn take_piece(&mut self, len: usize) -> Option<(Bytes, Span)> {
        let (end, span) = self.marks.first()?;
        let len = len.min(usize::try_from(end - self.offset).unwrap_or(usize::MAX));
        if len == 0 {
            return None;
        }
        Some((self.split(len), span))
    }

    /// Consumes up to `len` bytes as one piece; `None` if nothing is held or `len` is 0.
    pub fn take(&mut self, len: usize) -> Option<(Bytes, Span)> {
        let len = len.min(self.len());
        let span = self.span(len)?;
        Some((self.split(len), span))
    }

    /// Goes on behind bytes that were not pushed. Nothing may be held.
    pub fn pass(&mut self, len: u64) {
        self.offset += len;
    }

    /// Drops up to `len` bytes and returns their number.
    #[inline]
    pub fn skip(&mut self, len: usize) -> usize {
        let len = len.min(self.len());
        match &mut self.held {
            Held::Shared(bytes) => bytes.advance(len),
            Held::Joined(bytes) => bytes.advance(len),
        }
        self.consumed(len);
        len
    }

    fn split(&mut self, len: usize) -> Bytes {
        let front = match &mut self.held {
            Held::Shared(bytes) => bytes.split_to(len),
            Held::Joined(bytes) => bytes.split_to(len).freeze(),
        };
        self.consumed(len);
        front
    }

    #[inline]
    fn consumed(&mut self, len: usize) {
        self.offset += len as u64;
        self.wasted += len;
        if self.is_empty() {
            self.held = Held::default();
            self.wasted = 0;
            self.marks.clear();
            return;
        }
        self.marks.pass(self.offset);
    }
}

impl Held {
    fn is_empty(&self) -> bool {
        match self {
            Self::Shared(bytes) => bytes.is_empty(),
            Self::Joined(bytes) => bytes.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::base::Origin;

    fn span(packet: u64) -> Span {
        Span::of(Origin::new(packet, packet as i64))
    }

    #[test]
    fn pieces_keep_their_packets() {
        let mut buf = StreamBuf::new();
        buf.push(Bytes::from_static(b"abc"), span(1));
        buf.push(Bytes::from_static(b"def"), span(2));
        buf.push(Bytes::from_static(b"g"), span(4));
        assert_eq!(buf.span(4), Some(span(1).join(span(2))));
        assert_eq!(buf.skip(2), 2);
        assert_eq!(buf.take_piece(10), Some((Bytes::from_static(b"c"), span(1))));
        assert_eq!(buf.take_piece(2), Some((Bytes::from_static(b"de"), span(2))));
        assert_eq!(buf.take(9), Some((Bytes::from_static(b"fg"), span(2).join(span(4)))));
        assert_eq!(buf.take_piece(1), None);
        assert_eq!(buf.offset(), 7);
    }

    proptest::proptest! {
        /// However bytes are pushed and taken, every byte comes out once, in order, with its own
        /// packet.
        #[test]
        fn same_as_a_queue_of_single_bytes(ops in proptest::collection::vec((0usize..9, 0usize..12, 0u8..4), 1..60)) {
            let (mut buf, mut oracle, mut next) = (StreamBuf::new(), VecDeque::new(), 0u8);
            for (packet, (push, take, how)) in ops.into_iter().enumerate() {
                let origin = span(packet as u64);
                let bytes: Vec<u8> = (0..push).map(|i| next.wrapping_add(i as u8)).collect();
                next = next.wrapping_add(push as u8);
                oracle.extend(bytes.iter().map(|b| (*b, origin)));
                buf.push(Bytes::from(bytes), origin);
                let got = match how {
                    0 => buf.take(take),
                    1 => buf.take_piece(take),
                    _ => { let n = buf.skip(take); oracle.drain(..n); None }
                };
                if let Some((bytes, got)) = got {
                    let from: Vec<_> = oracle.drain(..bytes.len()).collect();
                    proptest::prop_assert_eq!(from.iter().map(|f| f.0).collect::<Vec<_>>(), bytes.to_vec());
                    let want = from.iter().map(|f| f.1).reduce(Span::join);
                    proptest::prop_assert_eq!(Some(got), want);
                }
                proptest::prop_assert_eq!(buf.len(), oracle.len());
            }
        }
    }
}
