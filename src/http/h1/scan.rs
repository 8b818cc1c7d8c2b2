//! Finding HTTP/1 messages in bytes: at the start of a direction, and in its middle after a gap.

use std::ops::Range;

use crate::base::{Side, limits};

/// What the first bytes of a direction are, as far as HTTP/1 is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// A request: the sender is the client.
    Request,
    /// A response: the sender is the server.
    Response,
    /// Could become either with more bytes.
    Undecided,
    /// Neither.
    Other,
}

/// Methods that are taken for HTTP without a look at the target (RFC 9110 section 9).
const METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"DELETE ", b"HEAD ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE "];

/// The beginning of the connection preface of HTTP/2 (RFC 9113 section 3.4), which reads like a
/// request.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Classifies the first bytes of a direction, or those after a gap.
#[must_use]
pub fn start_kind(bytes: &[u8]) -> StartKind {
    // RFC 9112 section 2.2: empty lines before a request line are ignored.
    let text = bytes.trim_ascii_start();
    if text.is_empty() {
        return if bytes.len() < 8 { StartKind::Undecided } else { StartKind::Other };
    }
    if is_prefix(text, PREFACE) {
        return if text.len() < PREFACE.len() { StartKind::Undecided } else { StartKind::Other };
    }
    if is_prefix(text, b"HTTP/1.") {
        return if text.len() < 9 { StartKind::Undecided } else { StartKind::Response };
    }
    if METHODS.iter().any(|method| text.starts_with(method)) {
        return StartKind::Request;
    }
    if METHODS.iter().any(|method| is_prefix(text, method)) {
        return StartKind::Undecided;
    }
    other_method(text)
}

/// Returns whether `bytes` begin with a whole request line; `None` if more bytes are needed to
/// tell.
#[must_use]
pub fn request_line(bytes: &[u8]) -> Option<bool> {
    let line = memchr::memchr(b'\n', bytes.get(..bytes.len().min(limits::MAX_WINDOW))?);
    match start_kind(bytes) {
        StartKind::Undecided => None,
        StartKind::Response | StartKind::Other => Some(false),
        StartKind::Request => match line.and_then(|end| bytes.get(..end)) {
            Some(line) => Some(memchr::memmem::find(line, b" HTTP/1.").is_some()),
            None if bytes.len() < limits::MAX_WINDOW => None,
            None => Some(false),
        },
    }
}

/// Returns whether a status line begins where a body of `length` bytes should (`None` if it has no
/// length); `None` if more bytes are needed to tell.
#[must_use]
pub fn status_line(bytes: &[u8], length: Option<u64>) -> Option<bool> {
    const BEGIN: &[u8] = b"HTTP/1.";
    let is_alike = is_prefix(bytes, BEGIN);
    let is_whole = length.is_some_and(|length| bytes.len() as u64 >= length);
    if is_alike && bytes.len() <= BEGIN.len() && !is_whole {
        None
    } else {
        Some(is_alike && bytes.len() > BEGIN.len())
    }
}

/// Returns whether one is a prefix of the other.
pub fn is_prefix(text: &[u8], word: &[u8]) -> bool {
    let len = text.len().min(word.len());
    text.get(..len) == word.get(..len)
}

/// Classifies a method that is not in [`METHODS`]: capitals, `-` and `_`, then a space and a path.
fn other_method(text: &[u8]) -> StartKind {
    let word = text.iter().take_while(|b| b.is_ascii_uppercase() || matches!(**b, b'-' | b'_')).count();
    if word == 0 || word > 24 {
        return StartKind::Other;
    }
    match text.get(word..) {
        Some([] | [b' ']) => StartKind::Undecided,
        Some([b' ', b'/' | b'*', ..]) => StartKind::Request,
        _ => StartKind::Other,
    }
}

/// Length of the longest of [`METHODS`].
const MAX_METHOD_LEN: usize = 8;

/// The version at the end of a request line.
const VERSION: &[u8] = b" HTTP/1.";

/// Length of a status line down to its code: `HTTP/1.1 200`.
const STATUS_LEN: usize = 12;

/// Bytes at the end of what was searched that may begin what shows a head.
pub const MAX_SHOWN_LATER: usize = STATUS_LEN;

/// A place where reading can start in a direction whose beginning was not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPoint {
    /// The head of a request, at this offset: the sender is the client.
    Request(usize),
    /// The head of a response, at this offset: the sender is the server.
    Response(usize),
    /// An event of a stream whose head was not captured: the sender is the server.
    Event {
        /// Offset of the event; in a chunked body, of the chunk that begins with it.
        at: usize,
        /// Whether the body is chunked.
        chunked: bool,
    },
}

impl EntryPoint {
    /// Returns its offset.
    #[must_use]
    pub fn at(self) -> usize {
        match self {
            Self::Request(at) | Self::Response(at) | Self::Event { at, .. } => at,
        }
    }
}

/// A search for a place where reading can start, in bytes that come piece by piece: what was
/// searched is not searched again.
///
/// Found is the place of which the fewest bytes show that it is one, not the first one: a head may
/// be complete before an event that began before it. So the pieces do not count.
#[derive(Debug, Default)]
pub struct EntrySearch {
    /// Number of bytes searched.
    searched: usize,
    events: EventSearch,
    /// Number of bytes at the front that the search does not need.
    passed: usize,
}

impl EntrySearch {
    /// Searches on in `bytes`: those of the last call, and more. `sender` is the side that sent
    /// them; `None` if it is not known.
    #[must_use]
    pub fn find(&mut self, bytes: &[u8], sender: Option<Side>) -> Option<EntryPoint> {
        let request = || find_head(bytes, self.searched.saturating_sub(VERSION.len()), true);
        let response = || find_head(bytes, self.searched.saturating_sub(STATUS_LEN), false);
        let request = if sender == Some(Side::Server) { None } else { request() };
        let (response, event) = match sender {
            Some(Side::Client) => (None, None),
            _ => (response(), self.events.find(bytes)),
        };
        self.searched = bytes.len();
        self.passed = self.searched.saturating_sub(MAX_FOUND_LINE);
        if sender != Some(Side::Client) {
            self.passed = self.passed.min(self.events.needs_from());
        }
        let request = request.map(|head| (EntryPoint::Request(head.start), head.end));
        let response = response.map(|head| (EntryPoint::Response(head.start), head.end));
        let found = [request, response, event].into_iter().flatten().min_by_key(|(_, end)| *end);
        found.map(|(entry, _)| entry)
    }

    /// Returns the number of bytes at the front that may be dropped.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Goes on after the first `len` bytes were dropped.
    pub fn skip(&mut self, len: usize) {
        self.searched = self.searched.saturating_sub(len);
        self.passed = self.passed.saturating_sub(len);
        self.events.skip(len);
    }
}

/// A search for an event: a chunk that begins with a field of an event or, without chunks, two
/// events in a row.
#[derive(Debug)]
struct EventSearch {
    /// Start of the first line that is not complete, or a place in it.
    line: usize,
    /// Whether the start of that line was passed: it is longer than a window.
    is_inside: bool,
    /// Whether the line before it is empty.
    is_after_blank: bool,
    /// The first event without chunks.
    unchunked: Option<usize>,
}

impl Default for EventSearch {
    fn default() -> Self {
        Self { line: 0, is_inside: false, is_after_blank: true, unchunked: None }
    }
}

impl EventSearch {
    /// Returns an event, and the end of what shows it.
    fn find(&mut self, bytes: &[u8]) -> Option<(EntryPoint, usize)> {
        loop {
            let rest = bytes.get(self.line..)?;
            if !self.is_inside {
                if let Some((_, size_line)) = chunk_line(rest) {
                    let chunk = rest.get(size_line..)?;
                    if let Some(field) = field_len(chunk) {
                        let event = EntryPoint::Event { at: self.line, chunked: true };
                        return Some((event, self.line + size_line + field));
                    }
                    if FIELDS.iter().any(|field| field.starts_with(chunk)) {
                        return None;
                    }
                }
                if let (true, Some(field)) = (self.is_after_blank, field_len(rest)) {
                    match self.first_event() {
                        Some(at) if at < self.line => {
                            return Some((EntryPoint::Event { at, chunked: false }, self.line + field));
                        }
                        _ => self.unchunked = Some(self.line),
                    }
                }
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                if rest.len() > limits::MAX_WINDOW {
                    (self.line, self.is_inside) = (bytes.len(), true);
                }
                return None;
            };
            let is_short = !self.is_inside && end <= limits::MAX_WINDOW;
            self.is_after_blank = is_short && rest.get(..end)?.trim_ascii().is_empty();
            (self.line, self.is_inside) = (self.line + end + 1, false);
        }
    }

    /// Returns the first event without chunks that is not longer than a window.
    fn first_event(&self) -> Option<usize> {
        self.unchunked.filter(|at| self.line - at <= limits::MAX_WINDOW)
    }

    /// Returns the number of bytes at the front that are not needed.
    fn needs_from(&self) -> usize {
        self.first_event().unwrap_or(self.line)
    }

    fn skip(&mut self, len: usize) {
        self.is_inside |= len > self.line;
        self.line = self.line.saturating_sub(len);
        self.unchunked = self.unchunked.and_then(|at| at.checked_sub(len));
    }
}

/// How a line of an event begins.
const FIELDS: [&[u8]; 5] = [b"event:", b"data:", b"id:", b"retry:", b": "];

/// Returns the length of the field name with its colon; `None` if no field begins here.
fn field_len(line: &[u8]) -> Option<usize> {
    FIELDS.iter().find(|field| line.starts_with(field)).map(|field| field.len())
}

/// Digits of a chunk size.
pub const MAX_SIZE_DIGITS: usize = 15;

/// Length of the rest of a chunk-size line that is searched after a gap, in bytes.
pub const MAX_EXTENSION: usize = 256;

/// Parses a chunk-size line (RFC 9112 section 7.1) at the front of `bytes`: the size, and the
/// length of the line with its line end. `None` if there is none, or if it is incomplete.
#[must_use]
pub fn chunk_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 || digits > MAX_SIZE_DIGITS {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(bytes.get(..digits)?).ok()?, 16).ok()?;
    let rest = bytes.get(digits..)?;
    let line = memchr::memchr(b'\n', rest.get(..rest.len().min(MAX_EXTENSION))?)?;
    let extension = rest.get(..line)?.trim_ascii();
    (extension.is_empty() || extension.starts_with(b";")).then_some((size, digits + line + 1))
}

/// Longest request line that is found after a gap, in bytes: what is searched is kept that long.
const MAX_FOUND_LINE: usize = limits::MAX_WINDOW / 2;

/// Finds what looks like a request line (`client`) or a status line in `bytes`: its start, and the
/// end of what shows it. A request line may begin before offset `from`, its version is searched
/// from there on. The caller parses the head there, and searches on if it is none.
#[must_use]
pub fn find_head(bytes: &[u8], from: usize, client: bool) -> Option<Range<usize>> {
    if !client {
        let mut places = memchr::memmem::find_iter(bytes.get(from..)?, b"HTTP/1.").map(|at| at + from);
        let at = places.find(|at| bytes.get(at + 7..).is_some_and(is_status))?;
        return Some(at..at + STATUS_LEN);
    }
    // Search for the version at the end of the line, which is rarer than any method, then back to
    // the line's start. What lies before a version that no method precedes is not searched again,
    // except for a method that ends with the space of that version.
    let mut first = 0;
    for version in memchr::memmem::find_iter(bytes.get(from..)?, VERSION).map(|at| at + from) {
        let end = version + VERSION.len();
        first = first.max(end.saturating_sub(MAX_FOUND_LINE));
        let line = bytes.get(first..version)?;
        first += memchr::memrchr(b'\n', line).map_or(0, |lf| lf + 1);
        let line = bytes.get(first..version)?;
        let found = METHODS.iter().filter_map(|method| memchr::memmem::rfind(line, method)).max();
        if let Some(method) = found {
            return Some(first + method..end);
        }
        first = first.max((version + 1).saturating_sub(MAX_METHOD_LEN));
    }
    None
}

/// Returns whether the rest of a status line follows `HTTP/1.` (RFC 9112 section 4): a digit, a
/// space, three digits.
fn is_status(rest: &[u8]) -> bool {
    match rest {
        [minor, b' ', a, b, c, ..] => [minor, a, b, c].iter().all(|digit| digit.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_bytes_are_classified() {
        for (bytes, kind) in [
            (&b"GET / HTTP/1.1\r\n"[..], StartKind::Request),
            (b"\r\nPOST /mcp", StartKind::Request),
            (b"PO", StartKind::Undecided),
            (b"PROPFIND /x", StartKind::Request),
            (b"M-SEARCH * HTTP/1.1", StartKind::Request),
            (b"RPC_IN_DATA /rpc", StartKind::Request),
            (b"RPC_IN_", StartKind::Undecided),
            (b"HTTP/1.1 200", StartKind::Response),
            (b"HTTP/", StartKind::Undecided),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", StartKind::Other),
            (b"220 mail ESMTP", StartKind::Other),
            (b"HELO example.org", StartKind::Other),
            (b"*1\r\n$4\r\nPING\r\n", StartKind::Other),
        ] {
            assert_eq!(start_kind(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_request_line_differs_from_a_body() {
        for (bytes, is_request) in [
            (&b"POST /mcp HTTP/1.1\r\n"[..], Some(true)),
            (b"POST /mcp HTTP/1.1", None),
            (b"PO", None),
            (b"", None),
            (b"{\"a\":1}", Some(false)),
            (b"POST comes next\r\n", Some(false)),
            (b"5\r\nPOST /", Some(false)),
        ] {
            assert_eq!(request_line(bytes), is_request, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn chunk_lines_and_event_streams_are_found() {
        assert_eq!(chunk_line(b"1a\r\nx"), Some((26, 4)));
        assert_eq!(chunk_line(b"1A ;name=v\r\n"), Some((26, 12)));
        assert_eq!(chunk_line(b"xyz\r\n"), None);
        assert_eq!(chunk_line(b"1a"), None);
        let chunked = Some(EntryPoint::Event { at: 5, chunked: true });
        let entry_point = |bytes: &[u8]| EntrySearch::default().find(bytes, None);
        assert_eq!(entry_point(b"}\n\n\r\n1a\r\nevent: message\n"), chunked);
        let plain = Some(EntryPoint::Event { at: 0, chunked: false });
        assert_eq!(entry_point(b"data: {}\n\ndata: {}"), plain);
        assert_eq!(entry_point(b"data: {}\n\n"), None);
        assert_eq!(entry_point(b"{\"a\":1}\r\n12"), None);
        assert_eq!(entry_point(b"x}HTTP/1.1 200 OK"), Some(EntryPoint::Response(2)));
    }

    #[test]
    fn heads_are_found_after_anything() {
        let bytes = b"} rest of a body}POST /m HTTP/1.1\r\nA: b\r\n\r\n";
        let found = |bytes: &[u8], client| find_head(bytes, 0, client).map(|head| head.start);
        assert_eq!(found(bytes, true), Some(17));
        assert_eq!(found(&bytes[18..], true), None);
        assert_eq!(found(b"0\r\n\r\nHTTP/1.1 200 OK", false), Some(5));
        assert_eq!(found(b"GET HTTP/1.1 HTTP/1.1\r\n", true), Some(0));
        assert_eq!(METHODS.iter().map(|method| method.len()).max(), Some(MAX_METHOD_LEN));
    }

    /// Lines of all kinds, so that a search finds something often.
    fn line() -> impl Strategy<Value = &'static [u8]> {
        prop::sample::select(vec![
            &b"data: {}\n"[..],
            b"event: message\n",
            b"\r\n",
            b"\n",
            b"5\r\n",
            b"1a\r\n",
            b"POST /m HTTP/1.1\r\n",
            b"GET ",
            b"x HTTP/1.1",
            b"}HTTP/1.1 200 OK\r\n",
            b"HTTP/1.",
            b"text",
        ])
    }

    proptest! {
        /// However the bytes are cut, and if what was passed is dropped.
        #[test]
        fn a_search_in_pieces_finds_what_a_search_of_the_whole_finds(
            lines in prop::collection::vec((line(), 0usize..40), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            sender in prop::sample::select(vec![None, Some(Side::Client), Some(Side::Server)]),
        ) {
            let mut bytes = Vec::new();
            for (line, more) in lines {
                bytes.extend_from_slice(line);
                // Some lines are longer than what is kept.
                bytes.resize(bytes.len() + if more > 35 { more * 200 } else { 0 }, b'.');
            }
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let (mut search, mut dropped, mut found) = (EntrySearch::default(), 0, None);
            for end in ends {
                found = search.find(&bytes[dropped..end], sender);
                if found.is_some() {
                    break;
                }
                dropped += search.passed();
                search.skip(search.passed());
                prop_assert!(end - dropped <= 2 * limits::MAX_WINDOW, "{} bytes are kept", end - dropped);
            }
            let found = found.map(|entry| match entry {
                EntryPoint::Request(at) => EntryPoint::Request(dropped + at),
                EntryPoint::Response(at) => EntryPoint::Response(dropped + at),
                EntryPoint::Event { at, chunked } => EntryPoint::Event { at: dropped + at, chunked },
            });
            prop_assert_eq!(found, EntrySearch::default().find(&bytes, sender));
        }
    }
}
