//! Finding where reading goes on in a direction: the next head, event or chunk after bytes that are
//! missing or cannot be read.

use memchr::memmem;

use super::chunk::ChunkSearch;
use super::direction::{Direction, State};
use super::scan::{self, EntrySearch, PREFACE};
use super::step::Step;
use crate::base::{Code, Findings, Side, limits};

impl Direction {
    /// Searches for the next head or event from here on.
    pub(super) fn search_message(&mut self) {
        self.scanned = 0;
        self.entry = EntrySearch::default();
        self.state = State::Lost;
    }

    /// Searches for the next chunk from here on.
    pub(super) fn search_chunk(&mut self) {
        self.scanned = 0;
        self.chunks = ChunkSearch::from(self.buf.offset());
        self.state = State::LostChunk;
    }

    /// Searches for the next head, or for an event of a stream; `None` until more bytes come.
    pub(super) fn find_message(&mut self) -> Option<Option<Step>> {
        let found = self.entry.find(self.buf.bytes(), Some(self.side));
        // What comes first counts, however the bytes were cut.
        let until = found.map_or(self.buf.len(), scan::EntryPoint::at);
        if let Some(at) = self.find_preface(until) {
            self.skipped |= at > 0;
            self.buf.skip(at);
            self.scanned = 0;
            self.state = State::Head { found: true };
            return Some(Some(Step::Preface));
        }
        let Some(found) = found else {
            let passed = self.buf.skip(self.entry.passed());
            self.entry.skip(passed);
            self.skipped |= passed > 0;
            return None;
        };
        let at = found.at();
        self.skipped |= at > 0;
        self.buf.skip(at);
        self.scanned = 0;
        if let scan::EntryPoint::Event { chunked, .. } = found {
            self.inside(chunked);
            return Some(Some(Step::Stream(self.buf.first_span()?, std::mem::take(&mut self.why))));
        }
        self.state = State::Head { found: true };
        Some(None)
    }

    /// Finds the connection preface of HTTP/2 in the first `until` bytes of a client.
    fn find_preface(&self, until: usize) -> Option<usize> {
        let bytes = self.buf.bytes().get(..until).filter(|_| self.side == Side::Client)?;
        memmem::find(bytes, PREFACE)
    }

    /// Searches for the next chunk of the body, or the next head, whichever is complete first.
    /// `None` until more bytes come, `Some(None)` if a chunk was found, a step if the message is
    /// over.
    pub(super) fn find_chunk(&mut self, findings: &mut Findings) -> Option<Option<Step>> {
        let (bytes, offset) = (self.buf.bytes(), self.buf.offset());
        let head = scan::find_head(bytes, self.scanned, self.side == Side::Client);
        let until = head.as_ref().map_or(bytes.len(), |head| head.end);
        let mut found = self.chunks.find(bytes, offset, until);
        if let (None, Some(head)) = (found, &head)
            && let Some(end) = self.chunks.end_around(offset + head.start as u64)
        {
            // What looks like a head may be text in a chunk.
            let end = usize::try_from(end - offset).unwrap_or(usize::MAX);
            if end > bytes.len() {
                return None;
            }
            found = self.chunks.confirmed(bytes, offset, end);
        }
        if let Some(chunk) = found {
            self.buf.skip(chunk);
            self.state = State::ChunkSize;
            self.scanned = 0;
            let at = self.buf.first_span()?.start;
            findings.add(Code::HttpResync, at, "a chunk was found");
            return Some(None);
        }
        let Some(head) = head else {
            let of_head = bytes.len().saturating_sub(limits::MAX_WINDOW);
            let of_chunk = usize::try_from(self.chunks.needs_from() - offset).unwrap_or(usize::MAX);
            let searched = bytes.len().saturating_sub(scan::MAX_SHOWN_LATER);
            let passed = self.buf.skip(of_head.min(of_chunk));
            self.scanned = searched.max(self.scanned).saturating_sub(passed);
            return None;
        };
        self.buf.skip(head.start);
        self.scanned = 0;
        self.state = State::Head { found: true };
        Some(Some(Step::End(self.at)))
    }
}
