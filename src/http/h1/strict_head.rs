//! Reads heads of the strict form that nearly all programs write, in one pass: the end, the fields
//! and the framing together.
//!
//! ```text
//!   POST /mcp HTTP/1.1␍␊        a method of METHODS, a target that begins with /
//!   Content-Length: 5␍␊         letters, digits, - and _; no spaces before the colon
//!   Accept: a, b␍␊              no control characters, no tabs
//!   ␍␊
//! ```
//!
//! Everything else is left to [`super::head`], which is lenient, reports violations, and reads
//! strict heads the same way: a test compares them.

use super::body::Framing;
use crate::base::prefix::{self, HIGH, ONES, at_least};
use crate::base::{Side, limits};
use crate::http::head::is_name;
use crate::http::{Field, FieldValues, StartLine};

/// Methods of MCP and of browsers.
const METHODS: [&str; 4] = ["POST", "GET", "DELETE", "OPTIONS"];

/// Most fields of a strict head: few have more.
const MAX_FIELDS: usize = 64;

/// A strict head.
#[derive(Debug)]
pub(super) struct StrictHead {
    /// Its length with the empty line, in bytes.
    pub(super) len: usize,
    pub(super) start: StartLine,
    pub(super) framing: Framing,
    /// Whether it asks for status 100 before the body is sent.
    pub(super) expects_continue: bool,
}

/// What the fields say of the body.
#[derive(Default)]
struct BodyFields {
    length: Option<u64>,
    is_chunked: bool,
    expects_continue: bool,
}

/// Reads the head at the front of `bytes`, and its fields into `values`, which are empty; `None` if
/// it is incomplete, or not strict.
// On its own: its loops need all registers.
#[inline(never)]
pub(super) fn read(side: Side, bytes: &[u8], values: &mut FieldValues) -> Option<StrictHead> {
    let bytes = bytes.get(..limits::MAX_HEAD).unwrap_or(bytes);
    let (start, len) = match side {
        Side::Client => request_line(bytes)?,
        Side::Server => status_line(bytes)?,
    };
    let mut body = BodyFields::default();
    let mut rest = bytes.get(len..)?;
    for _ in 0..MAX_FIELDS {
        if let [b'\r', b'\n', behind @ ..] = rest {
            let framing = body.framing(&start)?;
            let expects_continue = side == Side::Client && body.expects_continue;
            let len = bytes.len() - behind.len();
            return Some(StrictHead { len, start, framing, expects_continue });
        }
        let (name, behind) = rest.split_at_checked(prefix::before(rest, b':'))?;
        let [b':', behind @ ..] = behind else { return None };
        let text = match behind {
            // One space, nearly always.
            [b' ', text @ ..] if text.first() != Some(&b' ') => text,
            _ => without_spaces(behind),
        };
        let (value, [b'\r', b'\n', behind @ ..]) = text.split_at_checked(text_len(text))? else {
            return None;
        };
        rest = behind;
        let value = if value.last() == Some(&b' ') { value.trim_ascii_end() } else { value };
        match Field::from_name(name) {
            Some(field) => values.add(field, bytes.len() - text.len(), value.len()),
            None => body.add(name, value)?,
        }
    }
    None
}

/// Returns the bytes behind the spaces at the front.
#[cold]
fn without_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| **byte == b' ').count();
    bytes.get(spaces..).unwrap_or_default()
}

/// Reads a request line; returns its length, too.
fn request_line(bytes: &[u8]) -> Option<(StartLine, usize)> {
    let follows =
        |method: &&str| bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.starts_with(b" /"));
    let method = METHODS.into_iter().find(follows)?;
    let from = method.len() + 1;
    let (target, rest) = bytes.get(from..).and_then(|line| line.split_at_checked(visible_len(line)))?;
    if !matches!(rest.first_chunk(), Some(b" HTTP/1.1\r\n" | b" HTTP/1.0\r\n")) {
        return None;
    }
    let target = std::str::from_utf8(target).ok()?.into();
    let len = bytes.len() - rest.len() + b" HTTP/1.1\r\n".len();
    Some((StartLine::Request { method: method.into(), target }, len))
}

/// Reads the status line of a final response; returns its length, too.
fn status_line(bytes: &[u8]) -> Option<(StartLine, usize)> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    let ([a, b, c, b' '], reason) = rest.split_first_chunk()? else { return None };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let status = digit(a)? * 100 + digit(b)? * 10 + digit(c)?;
    let len = text_len(reason);
    let is_ended = reason.get(len..)?.starts_with(b"\r\n");
    // Interim responses, and the change to another protocol, are rare.
    let is_final = status >= 200 && is_ended;
    is_final.then_some((StartLine::Response { status }, bytes.len() - reason.len() + len + 2))
}

impl BodyFields {
    /// Adds a field that no later layer looks at; `None` if it frames the body in an unusual way,
    /// or if its name is not strict.
    fn add(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        match (name.len(), name.first()?.to_ascii_lowercase()) {
            (6, b'e') if is_name(name, b"expect") => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
                self.expects_continue.then_some(())
            }
            // Another protocol is asked for.
            (7, b'u') if is_name(name, b"upgrade") => None,
            (14, b'c') if is_name(name, b"content-length") => {
                self.length.replace(decimal(value)?).is_none().then_some(())
            }
            (17, b't') if is_name(name, b"transfer-encoding") => {
                let is_first = !std::mem::replace(&mut self.is_chunked, true);
                (is_first && value.eq_ignore_ascii_case(b"chunked")).then_some(())
            }
            // Nearly all heads have these, and nothing here reads them.
            (4, b'd') if is_name(name, b"date") => Some(()),
            (10, b'c') if is_name(name, b"connection") => Some(()),
            (10, b'k') if is_name(name, b"keep-alive") => Some(()),
            (13, b'c') if is_name(name, b"cache-control") => Some(()),
            (14, b's') if is_name(name, b"sec-fetch-mode") => Some(()),
            (15, b'a') if is_name(name, b"accept-language") => Some(()),
            (15, b'a') if is_name(name, b"accept-encoding") => Some(()),
            (len, _) => (name_len(name) == len).then_some(()),
        }
    }

    /// Returns the framing of the body; `None` if two fields contradict each other.
    fn framing(&self, start: &StartLine) -> Option<Framing> {
        // RFC 9112 section 6.3 rule 1.
        if matches!(start, StartLine::Response { status: 204 | 304 }) {
            return Some(Framing::Length(0));
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => None,
            (true, None) => Some(Framing::Chunked),
            (false, Some(length)) => Some(Framing::Length(length)),
            (false, None) => Some(Framing::Unsaid),
        }
    }
}

/// Parses a length of at most 18 digits, which fits into 64 bits.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// Returns the number of bytes at the front that may be a field name of a strict head: letters,
/// digits, `-`, `_`.
#[inline]
fn name_len(bytes: &[u8]) -> usize {
    prefix::len(bytes, |word| {
        let low = word & !HIGH;
        let is_between = |low, first, last: u8| at_least(low, first) & !at_least(low, last + 1);
        let is_other = |byte: u8| at_least(low ^ (ONES * u64::from(byte)), 1);
        let alphanumeric = is_between(low | (0x20 * ONES), b'a', b'z') | is_between(low, b'0', b'9');
        (alphanumeric | !(is_other(b'-') & is_other(b'_'))) & !word
    })
}

/// Returns the number of bytes at the front that may be a field value: none is a control character.
#[inline]
fn text_len(bytes: &[u8]) -> usize {
    prefix::len(bytes, |word| {
        let low = word & !HIGH;
        at_least(low, 0x20) & !at_least(low, 0x7f) | word
    })
}

/// Returns the number of bytes at the front that are visible ASCII characters.
fn visible_len(bytes: &[u8]) -> usize {
    prefix::len(bytes, |word| {
        let low = word & !HIGH;
        at_least(low, 0x21) & !at_least(low, 0x7f) & !word
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::head;
    use super::*;
    use crate::base::{Origin, Span};

    fn read(side: Side, bytes: &[u8]) -> Option<StrictHead> {
        super::read(side, bytes, &mut FieldValues::default())
    }

    #[test]
    fn usual_heads_are_strict() {
        let request = b"POST /mcp?a=b HTTP/1.1\r\nHost: h:1\r\nX-B3-TraceId: 0\r\nContent-Length: 12\r\n\
            Expect: 100-continue\r\nMCP-Session-Id:  a\r\n\r\n{";
        let head = read(Side::Client, request).expect("a head");
        assert_eq!(head.len, request.len() - 1);
        assert_eq!((head.framing, head.expects_continue), (Framing::Length(12), true));
        let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nDate: \xe9\r\n\r\n";
        assert_eq!(read(Side::Server, response).map(|head| head.framing), Some(Framing::Chunked));
    }

    #[test]
    fn unusual_heads_are_left_to_others() {
        for head in [
            "POST /mcp HTTP/1.1\nHost: h\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nHost: h\n\r\n",
            "POST /mcp HTTP/1.1\r\nHost : h\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nHost:\th\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nHost: h\r\n b\r\n\r\n",
            "POST /mcp HTTP/1.1\r\n: h\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            "POST http://h/mcp HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nHost: h\r\n",
            "",
        ] {
            assert!(read(Side::Client, head.as_bytes()).is_none(), "{head:?}");
        }
    }

    /// Compares a strict head with what the lenient reader makes of the same bytes.
    fn check(side: Side, bytes: &[u8]) -> Result<bool, TestCaseError> {
        let mut values = FieldValues::default();
        let Some(strict) = super::read(side, bytes, &mut values) else { return Ok(false) };
        let mut scanned = 0;
        prop_assert_eq!(head::end(bytes, &mut scanned), Some(strict.len));
        let (text, span) = (Bytes::copy_from_slice(&bytes[..strict.len]), Span::of(Origin::new(1, 1)));
        let lenient = head::parse(side, &text, span).map_err(TestCaseError::fail)?;
        let strict = head::Parsed::strict(strict, values, text, span);
        prop_assert_eq!(format!("{strict:?}"), format!("{lenient:?}"));
        Ok(true)
    }

    /// Parts of heads, usual and unusual.
    fn part() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => prop::sample::select(vec![
                "Host: h", "content-length: 5", "Content-Length: 5", "Content-Length: x", "Accept: a, b",
                "Transfer-Encoding: chunked", "transfer-encoding: gzip", "MCP-Session-Id: abc ", "Expect: 100-continue",
                "Expect: x", "Upgrade: websocket", "X-1_a: \u{e9}", "A:b", "Empty:", "Empty:  ", " folded", "Name : v", "Upgrade: h2c",
                "Content-Type: text/event-stream", "a\tb: c", "b: c\td", "Host:", "@: x", "DATE: x", "D\rte: x",
                "Connection: close", "keep-alive: 5", "Sec-Fetch-Mode: cors", "accept-Language: *",
                "Accept-Encoding: br", "accept\u{c}encoding: br", "cache-control: no-cache", "no colon", ": a",
                "Mcp-Protocol-Version: 1", "mcp-protocol-versioN: 1", "mcp-pRotoc\u{f}l-version: 1",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..30),
        ]
    }

    proptest! {
        #[test]
        fn strict_heads_are_read_as_the_lenient_reader_does(
            is_client: bool,
            start in prop::sample::select(vec![
                "POST /mcp HTTP/1.1", "GET / HTTP/1.0", "OPTIONS * HTTP/1.1", "PUT /a HTTP/1.1",
                "DELETE /a?b=\u{e9} HTTP/1.1", "HTTP/1.1 200 OK", "HTTP/1.0 404 Not  found", "HTTP/1.1 204 ",
                "HTTP/1.1 202", "HTTP/1.1 100 Continue", "HTTP/1.1 101 Switching", "HTTP/2 200 OK",
            ]),
            parts in prop::collection::vec(part(), 0..12),
            is_bare in prop::collection::vec(prop::bool::weighted(0.02), 14),
        ) {
            let mut bytes = start.as_bytes().to_vec();
            let ends = is_bare.iter().map(|bare| if *bare { &b"\n"[..] } else { b"\r\n" });
            for (part, end) in parts.iter().map(Vec::as_slice).chain([&b""[..], b"body"]).zip(ends) {
                bytes.extend_from_slice(end);
                bytes.extend_from_slice(part);
            }
            check(if is_client { Side::Client } else { Side::Server }, &bytes)?;
        }

        /// Compares with bytes one by one.
        #[test]
        fn words_find_what_bytes_find(bytes in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(b"aZ09-_:, \r/@[`{".to_vec()), 1 => any::<u8>()], 0..40)) {
            let count = |is_it: fn(&u8) -> bool| bytes.iter().take_while(|byte| is_it(byte)).count();
            prop_assert_eq!(name_len(&bytes), count(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
            prop_assert_eq!(text_len(&bytes), count(|byte| *byte >= 0x20 && *byte != 0x7f));
            prop_assert_eq!(visible_len(&bytes), count(u8::is_ascii_graphic));
        }
    }
}
