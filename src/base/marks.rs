//! The packets that carried the bytes of a buffer.

use std::collections::VecDeque;

use super::Span;

/// The spans of the bytes that a `StreamBuf` holds: of each its exclusive end,
/// as an offset in the stream, ascending. Offsets, so that consuming bytes does not touch the marks
/// behind them.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Nearly always the only one.
    first: Option<(u64, Span)>,
    /// Empty if there is no first one.
    more: VecDeque<(u64, Span)>,
}

impl Marks {
    /// Adds the span of the bytes down to `end`.
    #[inline]
    pub(super) fn push(&mut self, end: u64, span: Span) {
        if self.first.is_none() {
            self.first = Some((end, span));
            return;
        }
        match self.more.back_mut().or(self.first.as_mut()) {
            Some((at, last)) if *last == span => *at = end,
            _ => self.more.push_back((end, span)),
        }
    }

    /// Returns the first span and its end.
    #[inline]
    pub(super) fn first(&self) -> Option<(u64, Span)> {
        self.first
    }

    /// Returns the span of the bytes from one offset to another; `None` if there are none. The
    /// first mark is that of `from`.
    #[inline]
    pub(super) fn span(&self, from: u64, until: u64) -> Option<Span> {
        match self.first {
            // One packet carried them, nearly always.
            Some((end, span)) if end >= until && from < until => Some(span),
            _ => self.span_of_several(from, until),
        }
    }

    fn span_of_several(&self, mut from: u64, until: u64) -> Option<Span> {
        let mut span = None;
        for (end, mark) in self.first.iter().chain(&self.more) {
            if from >= until {
                break;
            }
            Span::extend(&mut span, *mark);
            from = *end;
        }
        span
    }

    /// The bytes down to an offset were consumed.
    #[inline]
    pub(super) fn pass(&mut self, offset: u64) {
        while self.first.is_some_and(|(end, _)| end <= offset) {
            self.first = self.more.pop_front();
        }
    }

    /// All bytes were consumed.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.first = None;
        self.more.clear();
    }

    /// Frees what most marks do not need.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.more.capacity() > 4 * self.more.len() + 16 {
            self.more.shrink_to_fit();
        }
    }

    /// Returns what is allocated, in bytes.
    #[inline]
    pub(super) fn allocated(&self) -> usize {
        self.more.capacity() * size_of::<(u64, Span)>()
    }
}
