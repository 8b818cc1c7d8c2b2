//! Joins the texts of messages with the exchanges and notifications that they belong to.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use memchr::memmem::Finder;
use serde_json::Value;

use super::call::{Call, Text};
use super::result_types;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Side, limits};
use crate::ledger::query::carries;
use crate::ledger::{Exchange, MessageSpan, Notification};

/// Longest message whose text is kept, in bytes. Listings of hundreds of tools are shorter.
const MAX_MESSAGE: usize = 1 << 20;

/// Messages of one transaction that wait for the records that they belong to: an event stream
/// carries those of many.
const MAX_OF_TRANSACTION: usize = 256;

/// The transaction under which notifications are kept: their record names the connection alone.
const OF_CONNECTION: u32 = u32::MAX;

const METHOD: &[u8] = b"\"method\"";

/// Members of a result that a rule looks for. `"skill` begins `skill` and `skills`.
const MEMBERS: [&[u8]; 10] = [
    b"\"inputSchema\"",
    b"\"nextCursor\"",
    b"\"taskId\"",
    b"\"structuredContent\"",
    b"\"resultType\"",
    b"\"capabilities\"",
    b"\"ttl\"",
    b"\"ttlMs\"",
    b"\"skill",
    b"\"contents\"",
];

/// Methods of requests whose texts are kept.
const METHODS: [&str; 18] = [
    "initialize",
    "server/discover",
    "tools/list",
    "tools/call",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/directory/read",
    "resources/subscribe",
    "skills/list",
    "skills/get",
    "tasks/get",
    "tasks/result",
    "tasks/update",
    "tasks/cancel",
    "tasks/list",
    "subscriptions/listen",
];

/// Methods of notifications whose texts are kept.
const NOTIFICATIONS: [&str; 7] = [
    "notifications/resources/updated",
    "notifications/resources/list_changed",
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/tasks",
    "notifications/tasks/status",
    "notifications/subscriptions/acknowledged",
];

/// Keeps messages that rules look at until the record that they belong to is emitted. Beyond
/// [`limits::MAX_LIST_BODIES`] the oldest are dropped.
#[derive(Debug)]
pub(super) struct Messages {
    members: [Finder<'static>; MEMBERS.len()],
    method: Finder<'static>,
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
    side: Side,
    packets: (u64, u64),
    len: u64,
    /// `None` if no rule needs it: it has none of [`MEMBERS`], and its shape is right.
    bytes: Option<Box<[u8]>>,
    /// Of a request: which text of its answer is kept.
    answer: Answer,
}

/// Which text is kept of the answer to a request, if it has none of [`MEMBERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// None.
    Unchecked,
    /// A list: all of it.
    List,
    /// A result of this method: if its shape is wrong.
    Of(&'static str),
}

impl Answer {
    fn to(method: &str) -> Self {
        let checked = result_types::checked_method(method);
        let other = if method.ends_with("/list") { Self::List } else { Self::Unchecked };
        checked.map_or(other, Self::Of)
    }

    /// Returns whether the text of an answer on a transaction is kept.
    fn is_wanted<'a>(held: impl Iterator<Item = &'a Held>, bytes: &[u8]) -> bool {
        let (mut is_known, mut methods) = (false, Vec::new());
        for request in held.filter(|held| held.side == Side::Client) {
            is_known = true;
            match request.answer {
                Self::Unchecked => {}
                Self::List => return true,
                Self::Of(method) if methods.contains(&method) => {}
                Self::Of(method) => methods.push(method),
            }
        }
        // On the event stream of HTTP+SSE the request is not known.
        let is_right = if is_known {
            methods.is_empty() || result_types::is_right(&methods, bytes)
        } else {
            result_types::is_right_as_any(bytes)
        };
        !is_right
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            members: MEMBERS.map(Finder::new),
            method: Finder::new(METHOD),
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
        let on = (payload.peers.tcp_stream, payload.transaction);
        match (payload.side, method_in(bytes, &self.method)) {
            (_, Some(method)) if NOTIFICATIONS.contains(&method) => {
                self.hold((on.0, OF_CONNECTION), payload, (true, Answer::Unchecked));
            }
            (Side::Client, Some(method)) => {
                let (keeps_text, answer) = (METHODS.contains(&method), Answer::to(method));
                if keeps_text || answer != Answer::Unchecked {
                    self.hold(on, payload, (keeps_text, answer));
                }
            }
            (Side::Client, None) => {}
            (Side::Server, _) => {
                let held = self.held.get(&on);
                let keeps_text = self.members.iter().any(|member| member.find(bytes).is_some())
                    || Answer::is_wanted(held.into_iter().flatten(), bytes);
                if keeps_text || held.is_some() {
                    self.hold(on, payload, (keeps_text, Answer::Unchecked));
                }
            }
        }
    }

    fn hold(&mut self, on: (u32, u32), payload: &PayloadFact, (keeps_text, answer): (bool, Answer)) {
        let number = self.next;
        self.next += 1;
        let held = Held {
            number,
            side: payload.side,
            packets: (payload.span.first.0, payload.span.last.0),
            len: payload.bytes.len() as u64,
            bytes: keeps_text.then(|| Box::from(&*payload.bytes)),
            answer,
        };
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

    fn take(&mut self, on: (u32, u32), side: Side, message: MessageSpan) -> Option<Held> {
        self.remove(on, |held| {
            let (first, last) = held.packets;
            held.side == side && carries(message, first, last, held.len, false)
        })
    }

    /// Takes the texts of a request of the client and of its answer; `None` if neither was kept.
    pub(super) fn call<'a>(&mut self, exchange: &'a Exchange) -> Option<Call<'a>> {
        let on = (exchange.tcp_stream, exchange.transaction);
        let request = self.take(on, Side::Client, exchange.request);
        let response = exchange.answered_on.zip(exchange.response);
        let response = response.and_then(|(on, message)| self.take(on, Side::Server, message));
        if request.is_none() && response.is_none() {
            return None;
        }
        let text = |held: Held| Text::new(held.bytes);
        Some(Call { exchange, request: request.map(text), response: response.map(text) })
    }

    /// Takes the `params` of a notification; `None` if its text was not kept.
    pub(super) fn notification(&mut self, notification: &Notification) -> Option<Value> {
        let on = (notification.tcp_stream, OF_CONNECTION);
        let held = self.take(on, notification.from, notification.message)?;
        Text::new(held.bytes).into_params()
    }
}

impl Held {
    fn cost(&self) -> usize {
        2 * size_of::<Self>() + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

/// The method of a message, as far as its text shows without parsing it: what it is taken for is
/// checked against the record that it belongs to.
fn method_in<'a>(bytes: &'a [u8], method: &Finder<'_>) -> Option<&'a str> {
    let at = method.find(bytes)? + METHOD.len();
    let rest = bytes.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let len = memchr::memchr(b'"', rest.get(..64).unwrap_or(rest))?;
    std::str::from_utf8(rest.get(..len)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_without_parsing() {
        for (text, expected) in [
            (r#"{"jsonrpc":"2.0","method":"tools/call","id":1}"#, Some("tools/call")),
            ("{\"method\" :\n \"ping\"}", Some("ping")),
            (r#"{"result":{}}"#, None),
            (r#"{"method":7}"#, None),
            (r#"{"method":"unended"#, None),
        ] {
            assert_eq!(method_in(text.as_bytes(), &Finder::new(METHOD)), expected, "{text}");
        }
    }
}
