//! What a timeline is made of.

use std::net::SocketAddr;
use std::sync::Arc;

use super::arguments::Arguments;
use super::results::{Answered, Given};
use crate::base::{Degraded, Origin, Span, Status, Timestamp};
use crate::ledger::ServerRef;

/// The runs of agents in a capture.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The runs, by the time of their first call.
    pub runs: Vec<Run>,
    /// MCP calls of tools that no LLM call of the capture asks for.
    pub unasked: Vec<Arc<McpCall>>,
    /// Number of MCP calls that are not listed: tool calls that were not compared may have made
    /// them.
    pub perhaps_asked: u64,
    /// Number of candidates of tool calls that are not listed, beyond [`Timeline::MAX_LISTED`].
    pub candidates_left_out: u64,
    /// Calls of models that are the same call seen behind a proxy: they are left out.
    pub behind_proxies: u64,
    /// Calls that were left out because memory ran out.
    pub left_out: u64,
    /// Why evidence is missing from the capture; none if it is whole.
    pub missing: Degraded,
}

impl Timeline {
    /// The most candidates of tool calls that are listed in a timeline.
    pub const MAX_LISTED: usize = 4096;
}

/// Calls of a model that belong together: each but the first brings results of tools that an
/// earlier one asked for.
#[derive(Clone, Debug)]
pub struct Run {
    /// Number of the run, from 1.
    pub number: u64,
    /// Its calls, by time.
    pub calls: Vec<ModelCall>,
    /// Where its time went.
    pub times: Times,
    /// When neither a model nor a joined MCP call was open, in order.
    pub(super) gaps: Vec<Gap>,
}

/// A part of a run in which neither a model nor a joined MCP call was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether it follows an answer that asks for no tool: the time of the user.
    pub(super) is_idle: bool,
}

impl Run {
    /// Returns the tokens of the input and of the output; `None` if no server counts them. The
    /// numbers come from traffic: sums saturate.
    #[must_use]
    pub fn tokens(&self) -> (Option<u64>, Option<u64>) {
        let sum =
            |of: fn(&ModelCall) -> Option<u64>| self.calls.iter().filter_map(of).reduce(u64::saturating_add);
        (sum(|call| call.input_tokens), sum(|call| call.output_tokens))
    }
}

/// Where the time of a run went, in nanoseconds. `model_ns`, `tools_ns`, `agent_ns` and `idle_ns`
/// sum up to the time from start to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// First byte of the first request.
    pub start: Timestamp,
    /// End of the last call.
    pub end: Timestamp,
    /// While a model was asked, at least one.
    pub model_ns: i64,
    /// While a joined MCP call was open, and no model was asked.
    pub tools_ns: i64,
    /// The rest: what the agent took between, tools of its own and MCP calls that are not joined
    /// included.
    pub agent_ns: i64,
    /// From a complete answer that asked for no tool to the next call: the time of the user.
    pub idle_ns: i64,
}

/// A call of a model.
#[derive(Clone, Debug)]
pub struct ModelCall {
    /// Its number in the capture.
    pub number: u64,
    /// Wireshark's number of its connection.
    pub tcp_stream: u32,
    /// The API that it speaks.
    pub dialect: &'static str,
    /// The model; `None` if it is not named.
    pub model: Option<Arc<str>>,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The host that the request names; `None` if it names none.
    pub host: Option<Arc<str>>,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The packets of the request.
    pub request: Span,
    /// The packet that ended the call; `None` if the capture ended before.
    pub end: Option<Origin>,
    /// First byte of the request to the first piece of the answer, in nanoseconds; `None` if it
    /// came as a whole.
    pub first_token_ns: Option<i64>,
    /// Tokens of the input, as the server counts them; `None` if it does not tell.
    pub input_tokens: Option<u64>,
    /// Tokens of the output, likewise.
    pub output_tokens: Option<u64>,
    /// What became of it, as in exports.
    pub status: &'static str,
    /// Why the model stopped, in the words of the API; `None` if it does not tell.
    pub finish_reason: Option<Box<str>>,
    /// The tools that the model asked for, in order.
    pub tools: Vec<AskedTool>,
    /// Reasons why it may be incomplete.
    pub degraded: Degraded,
    /// The results of tools that the request brings.
    pub(super) results: Vec<GivenResult>,
    /// Whether the call matches what was asked for.
    pub(super) is_chosen: bool,
}

/// A tool that a model asked for.
#[derive(Clone, Debug)]
pub struct AskedTool {
    /// The id that its result refers to; `None` if the API gives none.
    pub id: Option<Box<str>>,
    /// The name of the tool that the model uses.
    pub name: Box<str>,
    /// The beginning of its arguments, as JSON text.
    pub arguments: Box<str>,
    /// The packet that completed the tool call.
    pub at: Origin,
    /// Number of the call of the model that brings its result; `None` if none does, or several may.
    pub answered_in: Option<u64>,
    /// The MCP call that it became.
    pub join: Join,
    /// Its arguments, or why they cannot be compared.
    pub(super) parsed: Result<Arguments, NotCompared>,
}

/// The MCP call that a tool call of a model became.
#[derive(Clone, Debug, Default)]
pub enum Join {
    /// None in the capture: a tool of the agent itself, or of a server that was not captured.
    #[default]
    None,
    /// This one.
    Joined(Arc<McpCall>, Evidence),
    /// Only this one has its name and arguments at the right time, and it is not confirmed: the
    /// result did not come back in the capture, or the model was given another text.
    Unconfirmed(Arc<McpCall>),
    /// One of these, which nothing tells apart, or which another tool call may have made as well.
    /// At most [`Join::MAX_CANDIDATES`] are listed.
    Ambiguous(Vec<Arc<McpCall>>),
    /// Not known, for this reason. These have its name at the right time; at most
    /// [`Join::MAX_CANDIDATES`] are listed.
    NotCompared(NotCompared, Vec<Arc<McpCall>>),
}

/// Why the MCP call of a tool call is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompared {
    /// The arguments of the tool call did not come in whole.
    Incomplete,
    /// They are longer than what is kept.
    TooLong,
    /// They are no JSON, or nest too deeply.
    Unreadable,
    /// The arguments of the MCP calls are not known: their message is too long, nests too deeply,
    /// or was not captured in whole.
    McpArguments,
    /// Too many MCP calls may be meant.
    TooMany,
}

impl NotCompared {
    /// Name in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "arguments_incomplete",
            Self::TooLong => "arguments_too_long",
            Self::Unreadable => "arguments_unreadable",
            Self::McpArguments => "mcp_arguments_unknown",
            Self::TooMany => "too_many",
        }
    }
}

impl Join {
    /// The most candidates that are listed.
    pub const MAX_CANDIDATES: usize = 16;

    /// Name in exports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Joined(..) => "joined",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Ambiguous(_) => "ambiguous",
            Self::NotCompared(..) => "not_compared",
        }
    }

    /// The MCP calls that it names.
    #[must_use]
    pub fn calls(&self) -> &[Arc<McpCall>] {
        match self {
            Self::None => &[],
            Self::Joined(call, _) | Self::Unconfirmed(call) => std::slice::from_ref(call),
            Self::Ambiguous(calls) | Self::NotCompared(_, calls) => calls,
        }
    }
}

/// What a join rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Name, arguments and time, and the model was given its result.
    Result,
    /// Name, arguments and time: the result cannot be compared.
    Arguments,
}

impl Evidence {
    /// Name in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Arguments => "arguments",
        }
    }
}

/// A `tools/call` of a client.
#[derive(Clone, Debug)]
pub struct McpCall {
    /// The `n` of its exchange.
    pub n: u64,
    /// The number of its session.
    pub session: u32,
    /// Name of its transport in exports.
    pub transport: &'static str,
    /// The server.
    pub server: ServerRef,
    /// The name that the server gives itself; `None` if it was not seen.
    pub server_name: Option<Arc<str>>,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The tool.
    pub name: Arc<str>,
    /// The outcome.
    pub status: Status,
    /// The packets of the request.
    pub request: Span,
    /// The last packet of the answer, or the one that ended the wait; `None` if it is not known.
    pub end: Option<Origin>,
    /// First byte of the request to the last one of the answer, in nanoseconds; `None` without an
    /// answer.
    pub total_ns: Option<i64>,
    /// Reasons why it may be incomplete.
    pub degraded: Degraded,
    /// `None` if the text of the request is not known.
    pub(super) arguments: Option<Arguments>,
    /// `None` if the text of the answer is not known.
    pub(super) answered: Option<Answered>,
    /// Whether the call matches what was asked for.
    pub(super) is_chosen: bool,
}

/// The result of a tool in the request to a model.
#[derive(Clone, Debug)]
pub(super) struct GivenResult {
    pub(super) id: Option<Box<str>>,
    pub(super) name: Option<Box<str>>,
    pub(super) given: Given,
}

impl ModelCall {
    /// The last time at which it is known to be open.
    pub(super) fn until(&self) -> Timestamp {
        self.end.map_or(self.request.end.time, |end| end.time)
    }
}
