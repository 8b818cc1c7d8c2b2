//! Collects calls of models and MCP calls from entries.

use super::arguments::Arguments;
use super::assembly;
use super::messages::Messages;
use super::results::{Answered, Given};
use super::timeline::{AskedTool, GivenResult, Join, McpCall, ModelCall, NotCompared, Timeline};
use crate::base::text::beginning;
use crate::base::{Degraded, Fact, Room, Side, limits};
use crate::ledger::{Entry, Exchange, LlmCall, Record};

/// Arguments of a tool that are shown, in bytes.
const SHOWN: usize = 1 << 10;

/// A timeline in progress: entries in, with the payloads of the capture.
#[derive(Debug)]
pub struct Collector {
    messages: Messages,
    calls: Vec<ModelCall>,
    mcp: Vec<McpCall>,
    /// Memory that is left for both.
    room: Room,
    left_out: u64,
    missing: Degraded,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            messages: Messages::default(),
            calls: Vec::new(),
            mcp: Vec::new(),
            room: Room::new(limits::MAX_AGENT_CALLS),
            left_out: 0,
            missing: Degraded::NONE,
        }
    }
}

impl Collector {
    /// Creates an empty collector.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry; `is_chosen` if it matches what is asked for. Every entry has to be pushed:
    /// what is asked for may be joined to others.
    pub fn push(&mut self, entry: &Entry, is_chosen: bool) {
        match entry {
            Entry::LlmCall(call) => self.model_call(call, is_chosen),
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange, is_chosen),
            Entry::Fact(Fact::Payload(payload)) => self.messages.push(payload),
            Entry::Finding(finding) => self.missing.add(finding.code.shows_missing()),
            Entry::Record(_) | Entry::Fact(_) => {}
        }
    }

    /// Returns the timeline. Called when everything was read.
    #[must_use]
    pub fn finish(self) -> Timeline {
        let Self { calls, mcp, left_out, missing, .. } = self;
        let mut timeline = assembly::assemble(calls, mcp);
        timeline.left_out = left_out;
        timeline.missing.add(missing);
        timeline
    }

    fn model_call(&mut self, call: &LlmCall, is_chosen: bool) {
        // Times that go back hide no call.
        if call.degraded != Degraded::TIME_BACK {
            self.missing.add(call.degraded);
        }
        let Some(request) = call.request else { return };
        let at_end = call.response.map(|response| response.span.end).or(call.end);
        let tools = call.tool_calls.iter().filter_map(|tool| {
            let arguments = &tool.arguments;
            let parsed = if !tool.is_complete {
                Err(NotCompared::Incomplete)
            } else if !arguments.is_whole() {
                Err(NotCompared::TooLong)
            } else {
                Arguments::read(&arguments.kept).ok_or(NotCompared::Unreadable)
            };
            Some(AskedTool {
                id: tool.id.clone(),
                name: tool.name.clone(),
                arguments: beginning(&arguments.kept, SHOWN).into(),
                at: tool.at.or(at_end)?,
                answered_in: None,
                join: Join::None,
                parsed,
            })
        });
        let results = call.tool_results.iter().map(|result| GivenResult {
            id: result.id.clone(),
            name: result.name.clone(),
            given: Given { text: (&*result.text.kept).into(), is_cut: !result.text.is_whole() },
        });
        let row = ModelCall {
            number: call.number,
            tcp_stream: call.tcp_stream,
            dialect: call.dialect.name(),
            model: call.model.clone(),
            server: call.server,
            host: call.host.clone(),
            client: call.client,
            request: request.span,
            end: call.end,
            first_token_ns: call.first_token_ns(),
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
            status: call.status.name(),
            finish_reason: call.finish_reason.clone(),
            tools: tools.collect(),
            degraded: call.degraded,
            results: results.collect(),
            is_chosen,
        };
        if self.room.take(row.cost()) {
            self.calls.push(row);
        } else {
            self.left_out += 1;
        }
    }

    fn exchange(&mut self, exchange: &Exchange, is_chosen: bool) {
        if exchange.degraded != Degraded::TIME_BACK {
            self.missing.add(exchange.degraded);
        }
        if exchange.origin == Side::Server || &*exchange.method != "tools/call" {
            return;
        }
        let (arguments, answered) = self.messages.of(exchange);
        // Of two legs of a proxy the client's counts. A call that goes on with the answers of the
        // user is the one that it continues.
        let is_repeated = exchange.is_other_view() || exchange.session.behind.is_some();
        if is_repeated || exchange.continues.is_some() {
            return;
        }
        let Some(name) = exchange.name.clone() else { return };
        let row = McpCall {
            n: exchange.n,
            session: exchange.session.number,
            transport: exchange.session.transport.name(),
            server: exchange.session.identity(),
            server_name: exchange.session.server_name.clone(),
            client: exchange.client,
            name,
            status: exchange.status,
            request: exchange.request.span,
            end: exchange.waited_until(),
            total_ns: exchange.known_total_ns(),
            degraded: exchange.degraded,
            arguments,
            answered,
            is_chosen,
        };
        if self.room.take(row.cost()) {
            self.mcp.push(row);
        } else {
            self.left_out += 1;
        }
    }
}

impl ModelCall {
    /// What is allocated for it, in bytes.
    fn cost(&self) -> usize {
        let option = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let tools = self
            .tools
            .iter()
            .map(|tool| size_of::<AskedTool>() + option(&tool.id) + tool.name.len() + tool.arguments.len());
        let results = self.results.iter().map(|result| {
            size_of::<GivenResult>() + option(&result.id) + option(&result.name) + result.given.text.len()
        });
        let shared = [&self.model, &self.host].into_iter().flatten().map(|text| text.len());
        // Three times: itself, its place in a run, and those of the tables that join it.
        3 * size_of::<Self>() + tools.chain(results).chain(shared).sum::<usize>()
    }
}

impl McpCall {
    /// What is allocated for it, in bytes.
    fn cost(&self) -> usize {
        let answered = self.answered.as_ref().map_or(0, Answered::cost);
        let name = self.server_name.as_ref().map_or(0, |name| name.len());
        2 * size_of::<Self>() + answered + name + self.name.len() + self.server.text_len()
    }
}
