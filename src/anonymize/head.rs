//! Replaces the words in the lines of an HTTP head, and reads what decides about the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::output::{Output, Rule};
use super::words::Words;

/// The methods that begin a request.
const METHODS: [&[u8]; 9] =
    [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH", b"CONNECT", b"TRACE"];

/// Fields whose numbers mean nothing but themselves.
const NUMERIC: [&[u8]; 18] = [
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"access-control-max-age",
    b"age",
    b"cache-control",
    b"content-length",
    b"date",
    b"host",
    b"keep-alive",
    b"max-forwards",
    b"mcp-protocol-version",
    b"retry-after",
    b"sec-websocket-version",
    b"strict-transport-security",
    b"upgrade",
    b"x-forwarded-port",
    b"x-forwarded-proto",
];

/// The first line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    /// A request, and whether its method is HEAD or CONNECT.
    Request { is_head: bool, is_connect: bool },
    /// A response, with its status.
    Response { status: u16 },
}

/// What stands around a value in Base64.
const ENCODED: [&[u8]; 2] = [b"=?base64?", b"?="];

/// Returns where the Base64 in the value of a field (colon included) begins, and what it stands
/// for; `None` if the value is not encoded.
fn decoded(value: &[u8]) -> Option<(usize, Vec<u8>)> {
    let [begin, end] = ENCODED;
    let trimmed = value.strip_prefix(b":")?.trim_ascii_start();
    let text = trimmed.trim_ascii_end().strip_prefix(begin)?.strip_suffix(end)?;
    let at = value.len() - trimmed.len() + begin.len();
    let decoded = BASE64.decode(text).ok()?;
    // What is encoded again has the same length.
    (BASE64.encode(&decoded).as_bytes() == text).then_some((at, decoded))
}

/// Replaces the words in a text that is complete.
fn replaced_text(text: &[u8], words: &mut Words) -> Vec<u8> {
    let mut output = Output::new(0);
    text.iter().for_each(|byte| output.text(*byte, Rule::Word, words));
    output.end_word(words);
    let mut replaced = text.to_vec();
    output.apply(0, &mut replaced);
    replaced
}

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// No field says it.
    #[default]
    Unsaid,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What the fields of a head say.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) framing: Framing,
    /// Whether a content or transfer coding hides the text of the body.
    pub(super) is_coded: bool,
    /// Whether the body is an event stream.
    pub(super) is_event_stream: bool,
    /// Whether its media type is not text.
    pub(super) is_binary: bool,
    /// Whether `Upgrade` names WebSocket.
    pub(super) is_websocket: bool,
    /// Whether `Expect` announces that the body waits, and the length of a body that has not begun.
    pub(super) has_expectation: bool,
    pub(super) expects: Option<u64>,
}

/// Reads the first line of a head, without its line end; `None` if it begins no head.
pub(super) fn start_line(line: &[u8]) -> Option<StartLine> {
    if let Some(rest) = line.strip_prefix(b"HTTP/1.") {
        let status = rest.get(2..5).filter(|_| rest.get(1) == Some(&b' '))?;
        let status = std::str::from_utf8(status).ok()?.parse().ok()?;
        return Some(StartLine::Response { status });
    }
    let (method, rest) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    let version = rest.get(rest.len().checked_sub(9)?..)?;
    let is_request = version.starts_with(b" HTTP/1.") && method.iter().all(u8::is_ascii_uppercase);
    let [is_head, is_connect] = [b"HEAD".as_slice(), b"CONNECT"].map(|other| method == other);
    (is_request && !method.is_empty() && rest.len() > 9).then_some(StartLine::Request { is_head, is_connect })
}

/// Whether bytes are the beginning of a head.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.") || METHODS.iter().any(|method| bytes.starts_with(method))
}

/// Finds the first line of a head at the end of a line that begins with something else; returns its
/// offset.
pub(super) fn find_start_line(line: &[u8]) -> Option<usize> {
    if let Some(at) = memchr::memmem::rfind(line, b"HTTP/1.")
        && start_line(line.get(at..)?).is_some()
    {
        return Some(at);
    }
    line.get(line.len().checked_sub(9)?..)?.starts_with(b" HTTP/1.").then_some(())?;
    METHODS.iter().find_map(|method| {
        let at = memchr::memmem::rfind(line, method)?;
        start_line(line.get(at..)?).map(|_| at)
    })
}

/// Replaces the first line of a head.
pub(super) fn push_start_line(line: &[u8], kind: StartLine, output: &mut Output, words: &mut Words) {
    let kept = match kind {
        StartLine::Response { .. } => 12..12,
        StartLine::Request { .. } => {
            let method = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
            let method_kept = line.get(..method).is_some_and(|method| METHODS.contains(&method));
            (if method_kept { method } else { 0 })..line.len().saturating_sub(9)
        }
    };
    let is_response = kept.is_empty();
    for (i, byte) in line.iter().enumerate() {
        let is_kept = if is_response { i < kept.start } else { i < kept.start || i >= kept.end };
        if is_kept {
            output.keep(*byte, words);
        } else {
            output.text(*byte, Rule::Word, words);
        }
    }
    output.end_word(words);
}

impl Fields {
    /// Replaces a field, and notes what it says.
    pub(super) fn push(&mut self, line: &[u8], output: &mut Output, words: &mut Words) {
        let is_continued = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let colon = line.iter().position(|byte| *byte == b':').filter(|_| !is_continued);
        let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
            line.iter().for_each(|byte| output.text(*byte, Rule::Word, words));
            return output.end_word(words);
        };
        let lower = name.to_ascii_lowercase();
        self.note(&lower, value.get(1..).unwrap_or_default());
        // The name of a parameter follows, which is replaced as in the body.
        let prefix = if lower.starts_with(b"mcp-param-") { b"mcp-param-".len() } else { 0 };
        for (i, byte) in name.iter().enumerate() {
            if i < prefix {
                output.frame(*byte);
            } else {
                output.text(*byte, Rule::Word, words);
            }
        }
        output.end_word(words);
        let rule = match &*lower {
            name if NUMERIC.contains(&name) => Rule::Digits,
            _ => Rule::Word,
        };
        // The names of tools and resources are equal to those of the body under their encoding
        // (MCP 2026-07-28, section on header encoding).
        let encoded = if lower.starts_with(b"mcp-") { decoded(value) } else { None };
        if let Some((at, text)) = encoded {
            let text = BASE64.encode(replaced_text(&text, words));
            for (i, byte) in value.iter().enumerate() {
                let replaced = i.checked_sub(at).and_then(|i| text.as_bytes().get(i));
                output.push(*byte, *replaced.unwrap_or(byte));
            }
            return;
        }
        value.iter().for_each(|byte| output.text(*byte, rule, words));
        output.end_word(words);
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        let value = value.trim_ascii().to_ascii_lowercase();
        let has = |word: &[u8]| memchr::memmem::find(&value, word).is_some();
        match name {
            b"transfer-encoding" => {
                if value.ends_with(b"chunked") {
                    self.framing = Framing::Chunked;
                }
                self.is_coded |= value != b"chunked" && value != b"identity" && !value.is_empty();
            }
            b"content-length" => {
                let len = std::str::from_utf8(&value).ok().and_then(|value| value.parse().ok());
                if let (Some(len), true) = (len, self.framing != Framing::Chunked) {
                    self.framing = Framing::Length(len);
                }
            }
            b"content-encoding" => self.is_coded |= value != b"identity" && !value.is_empty(),
            b"content-type" => {
                self.is_event_stream = has(b"event-stream");
                let is_text = [b"text/".as_slice(), b"json", b"xml", b"script", b"form", b"multipart/mixed"];
                self.is_binary = !value.is_empty() && !is_text.iter().any(|word| has(word));
            }
            b"expect" => self.has_expectation |= has(b"100-continue"),
            b"upgrade" => self.is_websocket |= has(b"websocket"),
            _ => {}
        }
    }
}
