//! Joins the texts of tool calls and of their answers with the exchanges that they belong to.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::arguments::Arguments;
use super::results::{Answered, KEPT};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::text::beginning;
use crate::base::{Side, limits};
use crate::ledger::query::carries;
use crate::ledger::{Exchange, MessageSpan};

/// Longest message that is read, in bytes.
const MAX_MESSAGE: usize = 4 << 20;

/// Messages of one transaction that wait for the records that they belong to: an event stream
/// carries those of many.
const MAX_OF_TRANSACTION: usize = 256;

/// What is kept of tool calls and their answers until their exchange is emitted. Beyond
/// [`limits::MAX_LIST_BODIES`] the oldest are dropped.
#[derive(Debug)]
pub(super) struct Messages {
    call: Finder<'static>,
    content: Finder<'static>,
    error: Finder<'static>,
    /// By connection and transaction. Never iterated: its order is random.
    held: HashMap<(u32, u32), VecDeque<Held>, RandomState>,
    /// The messages in the order in which they came, those that were taken included.
    order: VecDeque<((u32, u32), u64)>,
    next: u64,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    number: u64,
    packets: (u64, u64),
    len: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Arguments(Option<Arguments>),
    Answer(Answered),
}

/// The members of a request that are read.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    arguments: Option<Value>,
}

/// The members of an answer that are read.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<ToolResult<'a>>,
    #[serde(borrow)]
    error: Option<Error<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    #[serde(borrow)]
    content: Option<Vec<Content<'a>>>,
    is_error: Option<bool>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            call: Finder::new(b"tools/call"),
            content: Finder::new(b"\"content\""),
            error: Finder::new(b"\"error\""),
            held: HashMap::default(),
            order: VecDeque::new(),
            next: 0,
            count: 0,
            bytes: 0,
        }
    }
}

impl Messages {
    /// Takes a payload.
    pub(super) fn push(&mut self, payload: &PayloadFact) {
        let bytes = &*payload.bytes;
        if payload.kind == PayloadKind::Head || bytes.len() > MAX_MESSAGE || payload.degraded.any() {
            return;
        }
        let may_be_message = match payload.side {
            Side::Client => self.call.find(bytes).is_some(),
            Side::Server => self.content.find(bytes).is_some() || self.error.find(bytes).is_some(),
        };
        if !may_be_message {
            return;
        }
        if bytes.trim_ascii_start().first() != Some(&b'[') {
            return self.message(payload, bytes);
        }
        // A batch of 2025-03-26.
        for element in serde_json::from_slice::<Vec<&RawValue>>(bytes).unwrap_or_default() {
            self.message(payload, element.get().as_bytes());
        }
    }

    fn message(&mut self, payload: &PayloadFact, bytes: &[u8]) {
        let what = match payload.side {
            Side::Client => arguments(bytes).map(What::Arguments),
            Side::Server => answer(bytes).map(What::Answer),
        };
        let Some(what) = what else { return };
        let number = self.next;
        self.next += 1;
        let packets = (payload.span.first.0, payload.span.last.0);
        let held = Held { number, packets, len: bytes.len() as u64, what };
        let on = (payload.peers.tcp_stream, payload.transaction);
        self.bytes += held.cost();
        self.count += 1;
        let of_transaction = self.held.entry(on).or_default();
        of_transaction.push_back(held);
        if of_transaction.len() > MAX_OF_TRANSACTION
            && let Some(oldest) = of_transaction.pop_front()
        {
            self.bytes -= oldest.cost();
            self.count -= 1;
        }
        self.order.push_back((on, number));
        while self.bytes > limits::MAX_LIST_BODIES
            && let Some((on, number)) = self.order.pop_front()
        {
            self.remove(on, |held| held.number == number);
        }
        // Numbers of messages that were taken since.
        if self.order.len() > 2 * self.count + 1024 {
            let held = &self.held;
            self.order.retain(|(on, number)| {
                held.get(on).is_some_and(|list| list.iter().any(|held| held.number == *number))
            });
        }
    }

    fn remove(&mut self, on: (u32, u32), is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let of_transaction = self.held.get_mut(&on)?;
        let at = of_transaction.iter().position(is_it)?;
        let found = of_transaction.remove(at)?;
        if of_transaction.is_empty() {
            self.held.remove(&on);
        }
        self.bytes -= found.cost();
        self.count -= 1;
        Some(found)
    }

    fn take(&mut self, on: (u32, u32), is_request: bool, message: MessageSpan) -> Option<What> {
        let found = self.remove(on, |held| {
            let (first, last) = held.packets;
            matches!(held.what, What::Arguments(_)) == is_request
                && carries(message, first, last, held.len, false)
        });
        found.map(|held| held.what)
    }

    /// Takes the arguments of a call, and what it was answered; `None` for what is not known.
    pub(super) fn of(&mut self, exchange: &Exchange) -> (Option<Arguments>, Option<Answered>) {
        let on = (exchange.tcp_stream, exchange.transaction);
        let arguments = match self.take(on, true, exchange.request) {
            Some(What::Arguments(arguments)) => arguments,
            _ => None,
        };
        let answer = exchange.answered_on.zip(exchange.response);
        let answer = match answer.and_then(|(on, message)| self.take(on, false, message)) {
            Some(What::Answer(answered)) => Some(answered),
            _ => None,
        };
        (arguments, answer)
    }
}

impl Held {
    fn cost(&self) -> usize {
        let text = match &self.what {
            What::Arguments(_) => 0,
            What::Answer(answered) => answered.cost(),
        };
        2 * size_of::<Self>() + text
    }
}

/// The arguments of a `tools/call`; `None` if it is none.
fn arguments(bytes: &[u8]) -> Option<Option<Arguments>> {
    let request: Request<'_> = serde_json::from_slice(bytes).ok()?;
    let arguments = request.params.map(|params| Arguments::of(params.arguments.unwrap_or(Value::Null)));
    (request.method == "tools/call").then_some(arguments)
}

/// What a message answers: the texts of its content, or its error; `None` if it has neither.
fn answer(bytes: &[u8]) -> Option<Answered> {
    let answer: Answer<'_> = serde_json::from_slice(bytes).ok()?;
    if let Some(error) = answer.error {
        return Some(Answered::new(beginning(&error.message?, KEPT), true));
    }
    let result = answer.result?;
    let mut text = String::new();
    for part in result.content?.iter().filter_map(|content| content.text.as_deref()) {
        text.push_str(beginning(part, KEPT.saturating_sub(text.len())));
    }
    Some(Answered::new(&text, result.is_error == Some(true)))
}
