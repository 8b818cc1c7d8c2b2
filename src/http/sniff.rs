//! What a connection speaks and who is its client, from the first bytes; nothing depends on port numbers.

/// What the front of a direction says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// An HTTP/1 request: its sender is the client.
    Request,
    /// An HTTP/1 response: its sender is the server.
    Response,
    /// The connection preface of HTTP/2 (RFC 9113 section 3.4): its sender is the client.
    Http2,
    /// A TLS record with a ClientHello.
    TlsClient,
    /// A TLS record with something else of the handshake.
    TlsServer,
    /// More bytes are needed to tell.
    More,
    /// None of these.
    Other,
}

/// Methods that are taken for HTTP without a look at the target (RFC 9110 section 9).
const METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"DELETE ", b"HEAD ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE "];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Looks at the first bytes that a direction of a connection sent, or that follow a gap in it.
#[must_use]
pub fn front(bytes: &[u8]) -> Guess {
    // RFC 9112 section 2.2: an empty line before a request line is passed over.
    let text = bytes.trim_ascii_start();
    if text.is_empty() {
        return if bytes.len() < 8 { Guess::More } else { Guess::Other };
    }
    if begins(text, PREFACE) {
        return if text.len() < PREFACE.len() { Guess::More } else { Guess::Http2 };
    }
    if begins(text, b"HTTP/1.") {
        return if text.len() < 9 { Guess::More } else { Guess::Response };
    }
    if METHODS.iter().any(|method| text.starts_with(method)) {
        return Guess::Request;
    }
    if METHODS.iter().any(|method| begins(text, method)) {
        return Guess::More;
    }
    if let Some(guess) = tls(bytes) {
        return guess;
    }
    other_method(text)
}

/// Where something begins that can be read, in bytes of a direction whose beginning was not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A request's head: the sender is the client.
    Request(usize),
    /// A response's head: the sender is the server.
    Response(usize),
    /// An event of a stream whose head was not captured: the sender is the server. Of a chunked one the chunk that
    /// begins with it.
    Event {
        /// Where.
        at: usize,
        /// Whether the body is chunked.
        chunked: bool,
    },
}

/// Looks for the first place where the middle of a connection can be entered. Segments say nothing: the same bytes in
/// other pieces are entered at the same place.
#[must_use]
pub fn entry(bytes: &[u8]) -> Option<Entry> {
    let request = find_head(bytes, 0, true).map(Entry::Request);
    first(request, answer(bytes))
}

/// Looks for the first place where what a server sent can be entered.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<Entry> {
    first(find_head(bytes, 0, false).map(Entry::Response), find_event(bytes))
}

fn first(a: Option<Entry>, b: Option<Entry>) -> Option<Entry> {
    let place = |entry: &Entry| match entry {
        Entry::Request(at) | Entry::Response(at) | Entry::Event { at, .. } => *at,
    };
    a.into_iter().chain(b).min_by_key(place)
}

/// An event stream shows itself by a chunk that begins with a field of an event; one without chunks by two events in a
/// row.
fn find_event(bytes: &[u8]) -> Option<Entry> {
    let mut unchunked = None;
    let mut blank = true;
    let mut start = 0;
    loop {
        let rest = bytes.get(start..)?;
        if let Some((_, line)) = chunk_line(rest)
            && is_field(rest.get(line..).unwrap_or_default())
        {
            return Some(Entry::Event { at: start, chunked: true });
        }
        if blank && is_field(rest) {
            match unchunked {
                Some(at) => return Some(Entry::Event { at, chunked: false }),
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

/// A chunk-size line (RFC 9112 section 7.1) at the front of `bytes`: the size, and the line's length with its line end.
/// `None` where there is none, or not yet all of it.
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

/// Whether one of the two is the beginning of the other.
fn begins(text: &[u8], word: &[u8]) -> bool {
    let len = text.len().min(word.len());
    text.get(..len) == word.get(..len)
}

/// TLS records (RFC 8446 section 5.1): type 22, version 3.x, then the handshake type.
fn tls(bytes: &[u8]) -> Option<Guess> {
    match bytes {
        [22, 3, 0..=4, _, _, 1, ..] => Some(Guess::TlsClient),
        [22, 3, 0..=4, _, _, _, ..] => Some(Guess::TlsServer),
        [22] | [22, 3] | [22, 3, 0..=4] | [22, 3, 0..=4, _] | [22, 3, 0..=4, _, _] => Some(Guess::More),
        _ => None,
    }
}

/// Whether the middle of a TLS connection begins here: a record of 1.0 to 1.3 with a length that RFC 8446 section 5.2
/// allows.
#[must_use]
pub fn is_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, high, low, ..] if u16::from_be_bytes([*high, *low]) <= 16_640)
}

/// Methods beyond the usual: a word of capitals, a blank, and a path.
fn other_method(text: &[u8]) -> Guess {
    let word = text.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
    if word == 0 || word > 24 {
        return Guess::Other;
    }
    match text.get(word..) {
        Some([]) => Guess::More,
        Some([b' ']) => Guess::More,
        Some([b' ', b'/' | b'*', ..]) => Guess::Request,
        _ => Guess::Other,
    }
}

/// Where in `bytes`, from `from` on, a head seems to begin: a request line, or a status line. For finding the way
/// again after a gap; what stands there is then read as a head, and passed over where it is none.
#[must_use]
pub fn find_head(bytes: &[u8], from: usize, client: bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    if !client {
        let mut places = memchr::memmem::find_iter(rest, b"HTTP/1.");
        return places.find(|at| rest.get(at + 7..).is_some_and(is_status)).map(|at| at + from);
    }
    // The version at the line's end is rarer than any method: from there back to the line's start.
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

/// What follows `HTTP/1.` in a status line (RFC 9112 section 4): a digit, a blank, three digits.
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
    fn fronts() {
        for (bytes, guess) in [
            (&b"GET / HTTP/1.1\r\n"[..], Guess::Request),
            (b"\r\nPOST /mcp", Guess::Request),
            (b"PO", Guess::More),
            (b"PROPFIND /x", Guess::Request),
            (b"HTTP/1.1 200", Guess::Response),
            (b"HTTP/", Guess::More),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Guess::Http2),
            (b"\x16\x03\x01\x02\x00\x01\x00", Guess::TlsClient),
            (b"\x16\x03\x03\x00\x7a\x02", Guess::TlsServer),
            (b"SSH-2.0-OpenSSH", Guess::Other),
            (b"220 mail ESMTP", Guess::Other),
            (b"HELO example.org", Guess::Other),
            (b"*1\r\n$4\r\nPING\r\n", Guess::Other),
            (b"\x00\x00", Guess::Other),
        ] {
            assert_eq!(front(bytes), guess, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn chunk_lines_and_event_streams() {
        assert_eq!(chunk_line(b"1a\r\nx"), Some((26, 4)));
        assert_eq!(chunk_line(b"1A ;name=v\r\n"), Some((26, 12)));
        assert_eq!(chunk_line(b"xyz\r\n"), None);
        assert_eq!(chunk_line(b"1a"), None);
        let chunked = Some(Entry::Event { at: 5, chunked: true });
        assert_eq!(entry(b"}\n\n\r\n1a\r\nevent: message\n"), chunked);
        let plain = Some(Entry::Event { at: 0, chunked: false });
        assert_eq!(entry(b"data: {}\n\ndata: {}"), plain);
        assert_eq!(entry(b"data: {}\n\n"), None);
        assert_eq!(entry(b"{\"a\":1}\r\n12"), None);
        assert_eq!(entry(b"x}HTTP/1.1 200 OK"), Some(Entry::Response(2)));
    }

    #[test]
    fn heads_are_found_behind_anything() {
        let bytes = b"} rest of a body}POST /m HTTP/1.1\r\nA: b\r\n\r\n";
        assert_eq!(find_head(bytes, 0, true), Some(17));
        assert_eq!(find_head(bytes, 18, true), None);
        assert_eq!(find_head(b"0\r\n\r\nHTTP/1.1 200 OK", 0, false), Some(5));
    }
}
