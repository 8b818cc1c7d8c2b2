//! Finding HTTP/1 messages in bytes: at the start of a direction, and in its middle after a gap.

use crate::base::limits;

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

/// Classifies a method that is not in [`METHODS`]: capitals, a space, and a path.
fn other_method(text: &[u8]) -> StartKind {
    let word = text.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
    if word == 0 || word > 24 {
        return StartKind::Other;
    }
    match text.get(word..) {
        Some([] | [b' ']) => StartKind::Undecided,
        Some([b' ', b'/' | b'*', ..]) => StartKind::Request,
        _ => StartKind::Other,
    }
}

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

/// Finds the first place where reading can start. Segment boundaries do not count: the same bytes
/// in other pieces give the same place.
#[must_use]
pub fn entry_point(bytes: &[u8]) -> Option<EntryPoint> {
    let request = find_head(bytes, 0, true).map(EntryPoint::Request);
    first(request, server_entry_point(bytes))
}

/// Finds the first place where reading can start in the bytes of a server.
#[must_use]
pub fn server_entry_point(bytes: &[u8]) -> Option<EntryPoint> {
    first(find_head(bytes, 0, false).map(EntryPoint::Response), find_event(bytes))
}

fn first(a: Option<EntryPoint>, b: Option<EntryPoint>) -> Option<EntryPoint> {
    let place = |entry: &EntryPoint| match entry {
        EntryPoint::Request(at) | EntryPoint::Response(at) | EntryPoint::Event { at, .. } => *at,
    };
    a.into_iter().chain(b).min_by_key(place)
}

/// Finds an event: a chunk that begins with a field of an event or, without chunks, two events in a
/// row.
fn find_event(bytes: &[u8]) -> Option<EntryPoint> {
    let mut unchunked = None;
    let mut blank = true;
    let mut start = 0;
    loop {
        let rest = bytes.get(start..)?;
        if let Some((_, line)) = chunk_line(rest)
            && is_field(rest.get(line..).unwrap_or_default())
        {
            return Some(EntryPoint::Event { at: start, chunked: true });
        }
        if blank && is_field(rest) {
            match unchunked {
                Some(at) => return Some(EntryPoint::Event { at, chunked: false }),
                None => unchunked = Some(start),
            }
        }
        let end = memchr::memchr(b'\n', rest)?;
        blank = rest.get(..end)?.trim_ascii().is_empty();
        start += end + 1;
    }
}

fn is_field(line: &[u8]) -> bool {
    [&b"event:"[..], b"data:", b"id:", b"retry:", b": "].iter().any(|field| line.starts_with(field))
}

/// Parses a chunk-size line (RFC 9112 section 7.1) at the front of `bytes`: the size, and the
/// length of the line with its line end. `None` if there is none, or if it is incomplete.
#[must_use]
pub fn chunk_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 || digits > 15 {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(bytes.get(..digits)?).ok()?, 16).ok()?;
    let rest = bytes.get(digits..)?;
    let line = memchr::memchr(b'\n', rest.get(..rest.len().min(256))?)?;
    let extension = rest.get(..line)?.trim_ascii();
    (extension.is_empty() || extension.starts_with(b";")).then_some((size, digits + line + 1))
}

/// Finds what looks like a request line (`client`) or a status line in `bytes` from offset `from`
/// on. The caller parses the head there, and searches on if it is none.
#[must_use]
pub fn find_head(bytes: &[u8], from: usize, client: bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    if !client {
        let mut places = memchr::memmem::find_iter(rest, b"HTTP/1.");
        return places.find(|at| rest.get(at + 7..).is_some_and(is_status)).map(|at| at + from);
    }
    // Search for the version at the end of the line, which is rarer than any method, then back to
    // the line's start.
    let mut at = 0;
    while let Some(version) = memchr::memmem::find(rest.get(at..)?, b" HTTP/1.") {
        let version = at + version;
        let line = rest.get(..version)?;
        let start = memchr::memrchr(b'\n', line).map_or(0, |lf| lf + 1);
        let line = line.get(start..)?;
        let found = METHODS.iter().filter_map(|method| memchr::memmem::rfind(line, method)).max();
        if let Some(method) = found {
            return Some(from + start + method);
        }
        at = version + 1;
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
    use super::*;

    #[test]
    fn first_bytes_are_classified() {
        for (bytes, kind) in [
            (&b"GET / HTTP/1.1\r\n"[..], StartKind::Request),
            (b"\r\nPOST /mcp", StartKind::Request),
            (b"PO", StartKind::Undecided),
            (b"PROPFIND /x", StartKind::Request),
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
        assert_eq!(find_head(bytes, 0, true), Some(17));
        assert_eq!(find_head(bytes, 18, true), None);
        assert_eq!(find_head(b"0\r\n\r\nHTTP/1.1 200 OK", 0, false), Some(5));
    }
}
