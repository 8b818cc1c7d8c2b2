//! What the first lines of a direction show: whether they are messages of MCP.

use super::method;
use crate::base::Side;

/// Bytes of a line after which its method alone tells that it is a message: `jsonrpc` may stand
/// behind long arguments.
const MAX_WAIT: usize = 2048;

/// Characters of a member's name or of a method that are kept.
const MAX_TOKEN: usize = method::MAX_METHOD + 1;

/// Headers that stand before each message of other protocols (Language Server Protocol 3.17 section
/// "Base Protocol", Debug Adapter Protocol), in lower case.
const HEADERS: [&[u8]; 2] = [b"content-length:", b"content-type:"];

/// What the lines of a direction show so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLines {
    /// Nothing yet.
    Undecided,
    /// A message of MCP, and the side that sends such a message; `None` if both do.
    Message(Option<Side>),
    /// Lines of text before a message: perhaps none comes.
    Text,
    /// No text, or JSON-RPC of something else than MCP.
    Other,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// To the blanks before a line.
    #[default]
    Start,
    /// To JSON outside of a string.
    Json,
    /// To a string.
    Text,
    /// To a string, behind a backslash.
    Escape,
    /// To a line that is no message.
    Noise,
}

/// Members of a message that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Version,
    Method,
    Other,
}

/// Looks at the first lines of a direction, which come piece by piece.
#[derive(Debug, Default)]
pub struct FrontScan {
    state: State,
    /// Open containers.
    depth: u32,
    /// The depth at which the members of a message stand: 1, in a batch 2.
    level: u32,
    /// Bytes of the line so far.
    len: usize,
    /// Whether a string is the name of a member.
    is_name: bool,
    /// The member whose value comes.
    member: Option<Member>,
    /// The string so far, or the line that is no message, cut.
    token: Vec<u8>,
    /// Whether the value of `protocolVersion` comes.
    is_revision: bool,
    /// Whether `protocolVersion` is a string, as MCP has it; `None` before it.
    has_revision: Option<bool>,
    is_initialize: bool,
    has_version: bool,
    /// What its method tells: see [`method::sender`]; `None` before the method.
    method: Option<Option<Option<Side>>>,
    /// Whether a line was seen that is no message of MCP.
    has_noise: bool,
    /// What was decided.
    decided: Option<FirstLines>,
}

impl FrontScan {
    /// Takes the next bytes of the direction, and returns what all of them show.
    pub fn push(&mut self, bytes: &[u8]) -> FirstLines {
        for byte in bytes {
            if self.decided.is_some() {
                break;
            }
            self.decided = self.take(*byte);
        }
        match self.decided {
            Some(decided) => decided,
            None if self.has_noise || self.state == State::Noise => FirstLines::Text,
            None => FirstLines::Undecided,
        }
    }

    fn take(&mut self, byte: u8) -> Option<FirstLines> {
        if matches!(byte, 0..=8 | 0x0b..=0x1a | 0x1c..=0x1f) && byte != b'\r' {
            return Some(FirstLines::Other);
        }
        self.len += 1;
        if byte == b'\n' {
            return self.end_line();
        }
        match self.state {
            State::Start => self.start(byte),
            State::Noise => self.keep_noise(byte),
            State::Escape => {
                self.keep(byte);
                self.state = State::Text;
            }
            State::Text => match byte {
                b'"' => {
                    self.state = State::Json;
                    return self.end_text();
                }
                b'\\' => self.state = State::Escape,
                byte => self.keep(byte),
            },
            State::Json => {
                self.json(byte);
                if self.has_version && self.has_revision.is_some() {
                    return self.verdict();
                }
            }
        }
        let is_known = matches!(self.method, Some(Some(_))) && self.len > MAX_WAIT;
        if is_known { self.verdict() } else { None }
    }

    fn start(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' => {}
            // A byte order mark has three bytes.
            0xef | 0xbb | 0xbf if self.len <= 3 => {}
            b'{' | b'[' => {
                *self = Self { has_noise: self.has_noise, len: self.len, ..Self::default() };
                (self.state, self.depth, self.level) = (State::Json, 1, if byte == b'{' { 1 } else { 2 });
                self.is_name = byte == b'{';
            }
            _ => {
                self.state = State::Noise;
                self.token.clear();
                self.keep_noise(byte);
            }
        }
    }

    fn keep_noise(&mut self, byte: u8) {
        if self.token.len() < MAX_TOKEN {
            self.token.push(byte.to_ascii_lowercase());
        }
    }

    fn json(&mut self, byte: u8) {
        if self.is_revision && !byte.is_ascii_whitespace() {
            self.is_revision = false;
            self.has_revision = Some(byte == b'"');
        }
        match byte {
            b'"' => {
                self.token.clear();
                self.state = State::Text;
            }
            b'{' | b'[' if self.depth > 0 => {
                self.depth += 1;
                self.is_name = byte == b'{';
            }
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b',' => self.is_name = self.depth == self.level,
            b':' => {
                self.is_name = false;
                self.is_revision = self.depth == self.level + 1 && self.token == b"protocolVersion";
            }
            b' ' | b'\t' | b'\r' => {}
            // Behind the end of the message.
            _ if self.depth == 0 => self.state = State::Noise,
            _ => {}
        }
    }

    fn keep(&mut self, byte: u8) {
        let is_kept = (self.level..=self.level + 1).contains(&self.depth);
        if is_kept && self.token.len() < MAX_TOKEN {
            self.token.push(byte);
        }
    }

    /// A string is complete.
    fn end_text(&mut self) -> Option<FirstLines> {
        if self.depth != self.level {
            return None;
        }
        if self.is_name {
            self.member = Some(match &*self.token {
                b"jsonrpc" => Member::Version,
                b"method" => Member::Method,
                _ => Member::Other,
            });
            return None;
        }
        match self.member.take() {
            Some(Member::Version) => self.has_version |= self.token == b"2.0",
            Some(Member::Method) if self.method.is_none() => {
                self.method = Some(method::sender(&self.token));
                self.is_initialize = self.token == b"initialize";
            }
            _ => {}
        }
        // Other protocols have a method `initialize`, too: its parameters tell.
        let is_enough = self.has_version && !(self.is_initialize && self.has_revision.is_none());
        if is_enough { self.verdict() } else { None }
    }

    /// What the method tells, once it is known.
    fn verdict(&self) -> Option<FirstLines> {
        let is_other = self.is_initialize && self.has_revision == Some(false);
        self.method.map(|known| match known {
            Some(side) if !is_other => FirstLines::Message(side),
            _ => FirstLines::Other,
        })
    }

    /// The line ends without a verdict: it is a response, or no message.
    fn end_line(&mut self) -> Option<FirstLines> {
        if self.state == State::Noise && HEADERS.iter().any(|header| self.token.starts_with(header)) {
            return Some(FirstLines::Other);
        }
        let is_message = self.state == State::Json && self.depth == 0 && self.has_version;
        if is_message && self.is_initialize {
            return self.verdict();
        }
        let is_blank = self.state == State::Start;
        let has_noise = self.has_noise || !(is_message || is_blank);
        *self = Self { has_noise, ..Self::default() };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> FirstLines {
        FrontScan::default().push(text)
    }

    #[test]
    fn messages_are_recognised() {
        let client = FirstLines::Message(Some(Side::Client));
        for (text, shown) in [
            (r#"{"jsonrpc":"2.0","id":0,"method":"initialize""#, FirstLines::Undecided),
            (r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion" : ""#, client),
            (r#"{"method":"initialize","params":{"a":[],"protocolVersion":"x"},"jsonrpc":"2.0""#, client),
            (r#"[{"method":"initialize","params":{"protocolVersion":"x"},"jsonrpc":"2.0""#, client),
            ("{\"method\":\"initialize\",\"params\":{},\"jsonrpc\":\"2.0\"}\n", client),
            // The Agent Client Protocol, and the Language Server Protocol.
            (
                r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion": 1"#,
                FirstLines::Other,
            ),
            (
                "{\"params\":{\"protocolVersion\":1},\"method\":\"initialize\",\"jsonrpc\":\"2.0\"",
                FirstLines::Other,
            ),
            ("Content-Length: 104\r\n", FirstLines::Other),
            ("content-type:x\r\nContent-Length: 104\r\n\r\n{", FirstLines::Other),
            ("Content-Length: 104", FirstLines::Text),
            ("The Content-Length: 104\n", FirstLines::Text),
            ("\u{feff}\r\n {\"jsonrpc\" : \"2.0\",\n", FirstLines::Text),
            ("\u{feff}\r\n {\"jsonrpc\" : \"2.0\", \"method\" :\"ping\"}", FirstLines::Message(None)),
            (r#"[{"jsonrpc":"2.0","method":"tools/list","id":1}"#, client),
            (
                "starting…\n{\"jsonrpc\":\"2.0\",\"method\":\"roots/list\"",
                FirstLines::Message(Some(Side::Server)),
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"mining.subscribe""#, FirstLines::Other),
            (r#"{"jsonrpc":"2.0","id":1,"result":{"method":"ping"}}"#, FirstLines::Undecided),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n", FirstLines::Undecided),
            (r#"{"params":{"method":"ping"},"jsonrpc":"2.0","id":1"#, FirstLines::Undecided),
            ("{\"level\":\"info\"}\n", FirstLines::Text),
            ("{\"method\":\"ping\"}\n", FirstLines::Text),
            ("220 mail.example ESMTP\r\n", FirstLines::Text),
            ("SSH-2.0-x", FirstLines::Text),
            ("\u{1b}[32mready\u{1b}[0m\n", FirstLines::Text),
            ("\u{0}", FirstLines::Other),
            ("", FirstLines::Undecided),
        ] {
            assert_eq!(of(text.as_bytes()), shown, "{text}");
            let mut scan = FrontScan::default();
            let bytewise = text.bytes().map(|byte| scan.push(&[byte])).last();
            assert_eq!(bytewise.unwrap_or(shown), shown, "{text}, byte by byte");
        }
        let long = format!(r#"{{"method":"tools/call","params":{{"a":"{}"#, "x".repeat(MAX_WAIT));
        assert_eq!(of(long.as_bytes()), client);
        let other = format!(r#"{{"method":"call","params":{{"a":"{}"#, "x".repeat(MAX_WAIT));
        assert_eq!(of(other.as_bytes()), FirstLines::Undecided);
    }
}
