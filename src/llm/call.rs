//! The record of a call.

use std::net::SocketAddr;
use std::sync::Arc;

use super::dialect::Dialect;
use crate::base::protocols::Protocols;
use crate::base::{Degraded, Origin, ResponseEnd, Span};

/// A request to a language model and its answer.
///
/// All texts come from traffic. What is longer than the caps of [`crate::base::limits`] is cut, and
/// its length is kept.
#[derive(Clone, Debug)]
pub struct LlmCall {
    /// Number of the call in the capture, from 1, in the order of the packets that complete the
    /// requests.
    pub number: u64,
    /// Wireshark's number of its connection.
    pub tcp_stream: u32,
    /// The number of its transaction on that connection.
    pub transaction: u32,
    /// The API that it speaks.
    pub dialect: Dialect,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The protocols that carried it.
    pub protocols: Protocols,
    /// The host that the request names; `None` if it names none, or was not captured.
    pub host: Option<Arc<str>>,
    /// The target of the request; `None` if it was not captured.
    pub target: Option<Arc<str>>,
    /// The model that answered, else the one that was asked for; `None` if neither is named.
    pub model: Option<Arc<str>>,
    /// Whether the answer came in events or lines; without an answer, whether the request asked for
    /// it.
    pub is_streamed: bool,
    /// Whether the response is an event stream, which has a record of its own.
    pub is_event_stream: bool,
    /// Status of the response; `None` if it was not captured.
    pub http_status: Option<u16>,
    /// What became of the call.
    pub status: CallStatus,
    /// How the response ended.
    pub ended: ResponseEnd,
    /// The packet that ended the call: the last one of the response if that is complete. `None`
    /// while it is open.
    pub end: Option<Origin>,
    /// What the server says is wrong; `None` if nothing.
    pub error: Option<CallError>,
    /// The request; `None` if it was not captured.
    pub request: Option<Carried>,
    /// The response; `None` if there is none.
    pub response: Option<Carried>,
    /// When the answer came, if it came in pieces.
    pub pace: Pace,
    /// Tokens of the input, as the server counts them; `None` if it does not tell. Of Anthropic
    /// without those that came from a cache.
    pub input_tokens: Option<u64>,
    /// Tokens of the output, as the server counts them; `None` if it does not tell.
    pub output_tokens: Option<u64>,
    /// Tokens of the model's reasoning, as the server counts them; `None` if it does not tell.
    /// OpenAI counts them among the tokens of the output, Gemini beside them.
    pub reasoning_tokens: Option<u64>,
    /// Tokens of the input that came from a cache, as the server counts them; `None` if it does not
    /// tell.
    pub cached_tokens: Option<u64>,
    /// The text of the answer, put together, without reasoning: of several choices the first.
    pub text: Bounded,
    /// Length of the text of the model's reasoning, in bytes.
    pub reasoning_bytes: u64,
    /// The tools that the model called, in order, at most [`crate::base::limits::MAX_LLM_TOOLS`].
    pub tool_calls: Vec<ToolCall>,
    /// The results of tools that the request carries: the latest
    /// [`crate::base::limits::MAX_LLM_TOOLS`], in order.
    pub tool_results: Vec<ToolResult>,
    /// Names of the tools that the request offers, at most
    /// [`crate::base::limits::MAX_LLM_TOOLS`].
    pub tools: Vec<Box<str>>,
    /// Number of tools that the request offers.
    pub tools_offered: u64,
    /// Why the model stopped, in the words of the API; `None` if it does not tell.
    pub finish_reason: Option<Box<str>>,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallStatus {
    /// The answer is complete, or its end may be in what was not captured.
    Ok,
    /// The server answers with an error: an HTTP status other than 2xx, or an error in the answer.
    Error,
    /// The client closed or reset before the answer was complete.
    Cancelled,
    /// The server ended the answer before it was complete.
    Cut,
    /// The capture ended before the answer.
    Open,
}

impl CallStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Error, Self::Cancelled, Self::Cut, Self::Open];

    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Cut => "cut",
            Self::Open => "open",
        }
    }
}

/// What a server says is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Its code or type; `None` if it has none.
    pub code: Option<Box<str>>,
    /// Its message; empty if it has none.
    pub message: Box<str>,
}

/// Packets and size of a request or response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The packets, from the first byte of the head to the last byte of the body.
    pub span: Span,
    /// Length of the body after content decoding, in bytes.
    pub bytes: u64,
}

/// When the pieces of an answer came that hold something the model produced: text, reasoning, part
/// of a tool call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// The packet that completed the first such piece; `None` if none came, or if the answer came
    /// as a whole.
    pub first: Option<Origin>,
    /// The packet that completed the last one; `None` as above.
    pub last: Option<Origin>,
    /// The longest time from one to the next, in nanoseconds; `None` with fewer than two.
    pub longest_gap_ns: Option<i64>,
    /// Number of such pieces.
    pub pieces: u64,
    /// Whether the time of a piece is before that of the one before it.
    pub went_back: bool,
}

impl Pace {
    /// Records the next piece.
    pub(super) fn record(&mut self, at: Origin) {
        self.first.get_or_insert(at);
        if let Some(last) = self.last.replace(at) {
            let gap = at.time.since(last.time);
            self.went_back |= gap < 0;
            self.longest_gap_ns = Some(self.longest_gap_ns.map_or(gap, |longest| longest.max(gap)));
        }
        self.pieces += 1;
    }
}

/// A text from traffic of which the beginning is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounded {
    /// The beginning.
    pub kept: String,
    /// Length of all of it, in bytes.
    pub len: u64,
}

impl Bounded {
    /// Appends a text. At most `most` bytes are kept, and whole characters.
    pub(crate) fn push(&mut self, text: &str, most: usize) {
        // Once something was left out, nothing more is kept: the text has no holes.
        if self.kept.len() as u64 == self.len {
            let room = most.saturating_sub(self.kept.len());
            self.kept.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        }
        self.len = self.len.saturating_add(text.len() as u64);
    }

    /// Returns whether all of it is kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.len() as u64 == self.len
    }
}

/// A tool that the model called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The id that its result refers to; `None` if the API gives none.
    pub id: Option<Box<str>>,
    /// The name of the tool.
    pub name: Box<str>,
    /// The arguments, as JSON text.
    pub arguments: Bounded,
    /// The packet that completed the call, or its last part; `None` if the answer came as a whole:
    /// then it is the end of the response.
    pub at: Option<Origin>,
    /// Whether all of the arguments came.
    pub is_complete: bool,
}

/// The result of a tool, as the client sends it to the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolResult {
    /// The id of the call; `None` if the API gives none.
    pub id: Option<Box<str>>,
    /// The name of the tool; `None` if the request does not repeat it.
    pub name: Option<Box<str>>,
    /// The text, or the JSON text of a result that is none.
    pub text: Bounded,
    /// Whether the client marks it as an error.
    pub is_error: bool,
}

impl LlmCall {
    /// First byte of the request to the packet that completed the first piece of the answer, in
    /// nanoseconds; `None` if the request was not captured, if the answer came as a whole, if the
    /// first piece may be in what is missing, or if packet times go back.
    #[must_use]
    pub fn first_token_ns(&self) -> Option<i64> {
        let first = self.pace.first?.time.since(self.request?.span.start.time);
        (!self.lacks_pieces()).then_some(first)
    }

    /// The longest time from one piece of the answer to the next, in nanoseconds; `None` with fewer
    /// than two, if some may be in what is missing, or if packet times go back.
    #[must_use]
    pub fn longest_gap_ns(&self) -> Option<i64> {
        self.pace.longest_gap_ns.filter(|_| !self.lacks_pieces())
    }

    /// Returns whether times between pieces of the answer are not those of the packets.
    fn lacks_pieces(&self) -> bool {
        let lacks = [Degraded::GAP, Degraded::CUT_PACKET, Degraded::NOT_READ, Degraded::TIME_BACK];
        lacks.into_iter().any(|why| self.degraded.contains(why))
    }

    /// First byte of the request to the end of the call, in nanoseconds; `None` while it is open,
    /// if the request was not captured, or if packet times go back.
    #[must_use]
    pub fn total_ns(&self) -> Option<i64> {
        let total = self.end?.time.since(self.request?.span.start.time);
        (!self.degraded.contains(Degraded::TIME_BACK)).then_some(total)
    }

    /// Tokens a second between the first and the last piece of the answer; `None` if the server
    /// does not count tokens, if the answer came as a whole or in one packet, or if what is counted
    /// did not come.
    ///
    /// The first piece is where the time begins, so a token is left out; so are those of reasoning
    /// that the server does not send.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        // Tokens that came before the capture are counted, too.
        let is_partial = self.request.is_none() || self.degraded.contains(Degraded::MIDSTREAM);
        if self.status != CallStatus::Ok || is_partial || self.lacks_pieces() {
            return None;
        }
        let (first, last) = (self.pace.first?, self.pace.last?);
        let hidden = match self.reasoning_tokens {
            Some(tokens) if self.reasoning_bytes == 0 && self.dialect != Dialect::Gemini => tokens,
            _ => 0,
        };
        let tokens = self.output_tokens?.checked_sub(hidden)?.checked_sub(1).filter(|tokens| *tokens > 0)?;
        let ns = last.time.since(first.time);
        (ns > 0).then(|| tokens as f64 * 1e9 / ns as f64)
    }

    /// Returns its packets: those of the request and of the response.
    #[must_use]
    pub fn span(&self) -> Span {
        let [request, response] = [self.request, self.response].map(|it| it.map(|it| it.span));
        match (request, response) {
            (Some(request), Some(response)) => request.join(response),
            (one, other) => one.or(other).unwrap_or(Span::of(self.pace.first.unwrap_or_default())),
        }
    }

    /// Returns the length of its texts, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let shared = [&self.host, &self.target, &self.model];
        let shared: usize = shared.into_iter().flatten().map(|text| text.len()).sum();
        let error = self
            .error
            .as_ref()
            .map_or(0, |error| error.message.len() + error.code.as_ref().map_or(0, |code| code.len()));
        let option = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let calls = self.tool_calls.iter();
        let calls: usize = calls
            .map(|call| {
                size_of::<ToolCall>() + option(&call.id) + call.name.len() + call.arguments.kept.capacity()
            })
            .sum();
        let results = self.tool_results.iter();
        let results: usize = results
            .map(|result| {
                size_of::<ToolResult>()
                    + option(&result.id)
                    + option(&result.name)
                    + result.text.kept.capacity()
            })
            .sum();
        let tools: usize = self.tools.iter().map(|name| size_of::<Box<str>>() + name.len()).sum();
        shared + error + self.text.kept.capacity() + calls + results + tools + option(&self.finish_reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_text_is_a_prefix_of_whole_characters() {
        let mut text = Bounded::default();
        for piece in ["ab", "c\u{e9}", "d", "\u{1f4e6}x"] {
            text.push(piece, 6);
        }
        assert_eq!((text.kept.as_str(), text.len), ("abc\u{e9}d", 11));
        assert!(!text.is_whole());
        text.push("y", 100);
        assert_eq!(text.kept, "abc\u{e9}d", "no hole in the middle");
    }

    #[test]
    fn the_longest_gap_is_between_two_pieces() {
        let mut pace = Pace::default();
        pace.record(Origin::new(1, 100));
        assert_eq!(pace.longest_gap_ns, None);
        pace.record(Origin::new(2, 150));
        pace.record(Origin::new(3, 160));
        assert_eq!((pace.longest_gap_ns, pace.pieces), (Some(50), 3));
    }
}
