//! Finding lines with messages in the middle of a connection.
//!
//! JSON-RPC also stands on a line of its own in a body of HTTP that ends with a newline. Lines are
//! proven when each side has sent one: one side of HTTP would show a head.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::method;
use crate::base::{End, Side};

/// A line that may be a message.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// What the messages on the lines of one end show.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    /// A line is a message, and none behind it is something else.
    is_message: bool,
    /// A method of MCP was seen.
    is_mcp: bool,
    /// The side that sends what was seen; `None` if both do.
    side: Option<Side>,
    /// A response was seen.
    has_response: bool,
}

/// A search for messages on the lines of one end, in bytes that come piece by piece.
#[derive(Debug)]
pub struct LineSearch {
    /// Offset in the direction at which the line in progress begins, and whether it begins there or
    /// bytes before it are missing; `None` if its beginning was dropped.
    line: Option<(u64, bool)>,
    /// Offset from which a newline is searched.
    from: u64,
    /// The last gap: bytes before this offset are missing. 0 if none are.
    gap: u64,
    shown: Shown,
}

impl Default for LineSearch {
    fn default() -> Self {
        Self { line: Some((0, false)), from: 0, gap: 0, shown: Shown::default() }
    }
}

impl LineSearch {
    /// Bytes are missing before the offset `at`.
    pub fn gap(&mut self, at: u64) {
        (self.line, self.from, self.gap) = (Some((at, false)), at, at);
    }

    /// Searches what was added to `bytes`, which begin at `offset` of their direction. Bytes are
    /// missing before the offsets in `gaps`.
    pub fn search(&mut self, bytes: &[u8], offset: u64, gaps: impl Iterator<Item = u64>) {
        let gap = self.gap;
        for at in gaps.filter(|at| *at > gap) {
            let len = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.search_whole(bytes.get(..len).unwrap_or(bytes), offset);
            self.gap(at);
        }
        self.search_whole(bytes, offset);
    }

    /// Does the same where no bytes are missing.
    fn search_whole(&mut self, bytes: &[u8], offset: u64) {
        self.line = self.line.filter(|(line, _)| *line >= offset);
        self.from = self.from.max(offset);
        let index = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
        while let Some(len) = memchr::memchr(b'\n', bytes.get(index(self.from)..).unwrap_or_default()) {
            let end = self.from + len as u64;
            if let Some((line, is_whole)) = self.line
                && let Some(line) = bytes.get(index(line)..index(end))
            {
                self.take(line, is_whole);
            }
            (self.line, self.from) = (Some((end + 1, true)), end + 1);
        }
        self.from = self.from.max(offset + bytes.len() as u64);
    }

    /// Looks at a line. What is no message tells something only if it `is_whole`.
    fn take(&mut self, line: &[u8], is_whole: bool) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let probe =
            line.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice::<Probe<'_>>(line));
        let message = probe.and_then(Result::ok).filter(|probe| probe.jsonrpc.as_deref() == Some("2.0"));
        let Some(message) = message else {
            self.shown.is_message &= !is_whole;
            return;
        };
        let sender = message.method.as_deref().map(|method| method::sender(method.as_bytes()));
        let is_response = message.result.is_some() || message.error.is_some();
        self.shown.is_message = is_response || matches!(sender, Some(Some(_)));
        self.shown.has_response |= is_response;
        if let Some(Some(side)) = sender {
            self.shown.is_mcp = true;
            self.shown.side = self.shown.side.or(side);
        }
    }

    /// Returns the client of a connection whose ends sent what was searched; `None` if that does
    /// not prove messages of MCP on lines. `opener` is the end that opened the connection, if it
    /// is known.
    #[must_use]
    pub fn client([a, b]: [&Self; 2], opener: Option<End>) -> Option<End> {
        let (a, b) = (a.shown, b.shown);
        if !(a.is_message && b.is_message && (a.is_mcp || b.is_mcp)) {
            return None;
        }
        let told = a.side.map(|side| End::A.client(side)).or(b.side.map(|side| End::B.client(side)));
        let answers = match (a.has_response, b.has_response) {
            (true, false) => Some(End::B),
            (false, true) => Some(End::A),
            _ => None,
        };
        told.or(opener).or(answers).or(Some(End::A))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(pieces: &[&[u8]]) -> LineSearch {
        let (mut search, mut bytes) = (LineSearch::default(), Vec::new());
        for piece in pieces {
            bytes.extend_from_slice(piece);
            search.search(&bytes, 0, std::iter::empty());
        }
        search
    }

    const REQUEST: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}\n";
    const PING: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n";
    const RESPONSE: &[u8] = b"[]}}\n{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[]}}\n";

    #[test]
    fn both_sides_prove_it() {
        let (request, ping, response) = (searched(&[REQUEST]), searched(&[PING]), searched(&[RESPONSE]));
        assert_eq!(LineSearch::client([&request, &response], None), Some(End::A));
        assert_eq!(LineSearch::client([&response, &request], Some(End::A)), Some(End::B), "the method tells");
        assert_eq!(LineSearch::client([&ping, &response], None), Some(End::A));
        assert_eq!(LineSearch::client([&ping, &response], Some(End::B)), Some(End::B));
        assert_eq!(LineSearch::client([&request, &LineSearch::default()], None), None, "one side alone");
        assert_eq!(LineSearch::client([&response, &response], None), None, "no method of MCP");
        let other = searched(&[b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"eth_call\"}\n"]);
        assert_eq!(LineSearch::client([&other, &response], None), None);
        let body = searched(&[b"\r\n\r\n", REQUEST, b"POST /mcp HTTP/1.1\r\n"]);
        assert_eq!(LineSearch::client([&body, &response], None), None, "a body of HTTP");
    }

    #[test]
    fn pieces_and_dropped_bytes_make_no_difference() {
        for cut in 0..RESPONSE.len() {
            let (before, behind) = RESPONSE.split_at(cut);
            let shown = searched(&[before, behind]).shown;
            assert!(shown.is_message && shown.has_response);
        }
        let mut search = LineSearch::default();
        search.search(b"xxxx{\"jsonrpc\":", 0, std::iter::empty());
        // What begins here is the rest of a line.
        search.search(b"\"2.0\"}\n", 9, std::iter::empty());
        assert!(!search.shown.is_message);
        search.search(&[b"\"2.0\"}\n", RESPONSE].concat(), 9, std::iter::empty());
        assert!(search.shown.is_message);
    }

    /// What stands between a gap and a newline is a message, or tells nothing.
    #[test]
    fn gaps_end_lines() {
        let line = &RESPONSE[5..];
        let (mut search, cut) = (LineSearch::default(), line.len() - 20);
        // The gap is known only after the bytes before it were searched.
        search.search(&line[..cut], 0, std::iter::empty());
        search.search(&[&line[..cut], line].concat(), 0, std::iter::once(cut as u64));
        assert!(search.shown.is_message);
        let (mut search, rest) = (LineSearch::default(), b"{\"the\":\"rest\"}\n");
        search.search(&[line, rest].concat(), 0, std::iter::once(line.len() as u64));
        assert!(search.shown.is_message);
    }
}
