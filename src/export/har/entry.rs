//! An entry: a transaction with its times and its calls.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::connection::HarConnection;
use super::head::Head;
use super::masking::Masking;
use crate::base::fact::PayloadKind;
use crate::base::{Degraded, Files, Side, Status, Timestamp, units};
use crate::ledger::store::Payload;
use crate::ledger::{Exchange, Id};

/// Length of a body that is written, in bytes. The rest is left out, and a comment says so.
const MAX_TEXT: usize = 4 << 20;

/// Calls of a transaction that are named: those of a batch.
pub(super) const MAX_CALLS: usize = 1_000;

/// A call, as far as an entry shows it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    n: u64,
    origin: Side,
    session: u32,
    session_id: Option<Arc<str>>,
    method: Arc<str>,
    name: Option<Arc<str>>,
    id: Id,
    status: Status,
    /// Nanoseconds that the server waited for the client meanwhile.
    client_ns: i64,
    /// When the wait for an answer ended; `None` if the answer ended it.
    ended: Option<Timestamp>,
}

impl Call {
    pub(super) fn of(exchange: &Exchange) -> Self {
        Self {
            n: exchange.n,
            origin: exchange.origin,
            session: exchange.session.number,
            session_id: exchange.session.id.clone(),
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
            id: exchange.id.clone(),
            status: exchange.status,
            client_ns: exchange.asked.client_ns,
            ended: exchange.wait_ended.map(|end| end.time),
        }
    }

    /// About its memory, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| name.len());
        size_of::<Self>() + self.method.len() + name + self.id.len()
    }

    fn json(&self, masking: &Masking) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("exchange".to_owned(), json!(self.n));
        map.insert("origin".to_owned(), json!(self.origin.name()));
        map.insert("session".to_owned(), json!(format!("s{}", self.session)));
        map.insert("session_id".to_owned(), json!(self.session_id.as_deref()));
        map.insert("method".to_owned(), json!(&*self.method));
        map.insert("name".to_owned(), json!(self.name.as_deref().map(|name| masking.text(name))));
        let id = serde_json::from_str(&self.id.json()).unwrap_or_else(|_| json!(self.id.json()));
        map.insert("id".to_owned(), id);
        map.insert("status".to_owned(), json!(self.status.name()));
        map
    }
}

/// A transaction to be written.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) tcp_stream: u32,
    pub(super) number: u32,
    /// Heads, bodies and events, in their order.
    pub(super) payloads: Vec<Payload>,
    /// Events before them that are left out.
    pub(super) left_out: usize,
    pub(super) calls: &'a [Call],
    /// `None` if the connection was not seen to end.
    pub(super) connection: Option<HarConnection>,
}

impl Transaction<'_> {
    /// Returns the entry.
    pub(super) fn entry(&self, masking: &Masking, files: &Files) -> Value {
        let request = self.head(Side::Client);
        let response = self.head(Side::Server);
        let times = Times::of(self);
        let mut entry = json!({
            "startedDateTime": date_time(times.started),
            "time": ms(times.total()),
            "request": self.request(&request, masking),
            "response": self.response(&response, masking),
            "cache": {},
            "timings": times.json(),
        });
        let first = self.payloads.iter().map(|payload| payload.span.first).min().unwrap_or_default();
        let last = self.payloads.iter().map(|payload| payload.span.last).max().unwrap_or_default();
        let mut add = |name: &str, value: Value| {
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(name.to_owned(), value);
            }
        };
        if let Some(connection) = self.connection {
            add("serverIPAddress", json!(connection.server.ip().to_string()));
        }
        let stream = files.stream(self.tcp_stream, first).unwrap_or(self.tcp_stream);
        add("connection", json!(stream.to_string()));
        // DevTools guesses from the media type otherwise, and hides the messages of a WebSocket.
        add("_resourceType", json!(if self.is_socket() { "websocket" } else { "fetch" }));
        let messages = if self.is_socket() { "_webSocketMessages" } else { "_eventSourceMessages" };
        let rows = if self.is_socket() { self.socket_messages(masking) } else { self.events(masking) };
        if !rows.is_empty() {
            add(messages, Value::Array(rows));
        }
        // What the server asked on the stream of a call stands behind the call.
        let mut calls: Vec<&Call> = self.calls.iter().collect();
        calls.sort_by_key(|call| (call.origin == Side::Server, call.n));
        if let Some((call, others)) = calls.split_first() {
            let mut mcp = call.json(masking);
            if !others.is_empty() {
                let others = others.iter().map(|call| Value::Object(call.json(masking))).collect();
                mcp.insert("others".to_owned(), Value::Array(others));
            }
            add("_mcp", Value::Object(mcp));
        }
        add("_packets", json!(files.packets(first, last)));
        let comment = self.comment();
        if !comment.is_empty() {
            add("comment", json!(comment));
        }
        entry
    }

    fn of(&self, side: Side) -> impl DoubleEndedIterator<Item = &Payload> {
        self.payloads.iter().filter(move |payload| payload.side == side)
    }

    /// The head of a side: of a response the last, which is the final one.
    fn head(&self, side: Side) -> Head {
        let is_head = |payload: &&Payload| payload.kind == PayloadKind::Head;
        self.of(side).rfind(is_head).map(|payload| Head::read(&payload.bytes)).unwrap_or_default()
    }

    /// Whether it went on as WebSocket (RFC 6455): what follows the heads are its messages.
    fn is_socket(&self) -> bool {
        self.head(Side::Server).status() == 101
    }

    fn body(&self, side: Side) -> Option<&[u8]> {
        if self.is_socket() {
            return None;
        }
        let body = self.of(side).find(|payload| payload.kind == PayloadKind::Body);
        body.map(|payload| payload.bytes.as_slice())
    }

    fn request(&self, head: &Head, masking: &Masking) -> Value {
        let scheme =
            if self.connection.is_some_and(|connection| connection.is_tls) { "https" } else { "http" };
        let target = head.target();
        let url = match (head.field("host").or(head.field(":authority")), self.connection) {
            // The forms of RFC 9112 section 3.2: origin, authority (CONNECT), asterisk, absolute.
            _ if head.method() == "CONNECT" => format!("{scheme}://{target}"),
            _ if target != "*" && !target.starts_with('/') => target.to_owned(),
            (Some(host), _) => format!("{scheme}://{host}{}", target.trim_start_matches('*')),
            (None, Some(connection)) => {
                format!("{scheme}://{}{}", connection.server, target.trim_start_matches('*'))
            }
            (None, None) => target.to_owned(),
        };
        let mut request = json!({
            "method": head.method(),
            "url": masking.text(&url),
            "httpVersion": head.version(),
            "cookies": [],
            "headers": head.headers(masking),
            "queryString": head.query(masking),
            "headersSize": head.size(),
            "bodySize": self.body(Side::Client).map_or(0, |body| body.len() as i64),
        });
        if let (Some(body), Some(request)) = (self.body(Side::Client), request.as_object_mut()) {
            let mut post = json!({"mimeType": head.field("content-type").unwrap_or_default()});
            set_text(&mut post, body, masking);
            request.insert("postData".to_owned(), post);
        }
        request
    }

    fn response(&self, head: &Head, masking: &Masking) -> Value {
        let text = self.event_text();
        let body = text.as_deref().map(str::as_bytes).or(self.body(Side::Server)).unwrap_or_default();
        // DevTools shows no events if the type has a charset; event streams are always UTF-8.
        let stream = text.as_ref().map(|_| "text/event-stream");
        let mut content = json!({
            "size": body.len(),
            "mimeType": stream.or(head.field("content-type")).unwrap_or_default(),
        });
        set_text(&mut content, body, masking);
        json!({
            "status": head.status(),
            "statusText": head.reason(),
            "httpVersion": head.version(),
            "cookies": [],
            "headers": head.headers(masking),
            "content": content,
            "redirectURL": head.field("location").map(|url| masking.text(url)).unwrap_or_default(),
            "headersSize": head.size(),
            "bodySize": head.content_length(),
        })
    }

    /// The text of an event stream, made of its events; `None` if there are none. Comments and
    /// `retry` are not in it.
    fn event_text(&self) -> Option<String> {
        let mut text = String::new();
        if self.is_socket() {
            return None;
        }
        for payload in self.of(Side::Server) {
            let PayloadKind::Event { name, id } = &payload.kind else { continue };
            for (field, value) in [("event", name.as_deref()), ("id", id.as_deref())] {
                if let Some(value) = value {
                    let _ = writeln!(text, "{field}: {value}");
                }
            }
            for line in String::from_utf8_lossy(&payload.bytes).split('\n') {
                let _ = writeln!(text, "data: {line}");
            }
            text.push('\n');
        }
        (!text.is_empty()).then_some(text)
    }

    fn events(&self, masking: &Masking) -> Vec<Value> {
        let row = |payload: &Payload| {
            let PayloadKind::Event { name, id } = &payload.kind else { return None };
            let time = payload.span.end.time.0 as f64 / 1e9;
            let data = String::from_utf8_lossy(&payload.bytes);
            Some(json!({
                "time": time,
                "eventName": name.as_deref().unwrap_or("message"),
                "eventId": id.as_deref().unwrap_or_default(),
                "data": masking.text(&data),
            }))
        };
        self.of(Side::Server).filter_map(row).collect()
    }

    /// The messages of a WebSocket as Chrome's archives have them; `opcode` 1 is text.
    fn socket_messages(&self, masking: &Masking) -> Vec<Value> {
        let messages = self.payloads.iter().filter(|it| it.kind != PayloadKind::Head && !it.bytes.is_empty());
        let row = |payload: &Payload| {
            let data = String::from_utf8_lossy(&payload.bytes);
            json!({
                "type": if payload.side == Side::Client { "send" } else { "receive" },
                "time": payload.span.end.time.0 as f64 / 1e9,
                "opcode": 1,
                "data": masking.text(&data),
            })
        };
        messages.map(row).collect()
    }

    /// Says what the entry lacks.
    fn comment(&self) -> String {
        let mut parts = Vec::new();
        let lacks: Degraded =
            self.payloads.iter().fold(Degraded::NONE, |all, payload| all.and(payload.degraded));
        if lacks.any() {
            let names: Vec<_> = lacks.names().map(|name| name.replace('_', " ")).collect();
            parts.push(format!("missing evidence: {}", names.join(", ")));
        }
        if self.left_out > 0 {
            parts.push(format!("{} before these left out", units::several(self.left_out as u64, "event")));
        }
        if [Side::Client, Side::Server]
            .into_iter()
            .any(|side| self.body(side).unwrap_or_default().len() > MAX_TEXT)
        {
            parts.push(format!("bodies are cut to {}", units::bytes(MAX_TEXT as u64)));
        }
        if self.of(Side::Server).next().is_none() {
            parts.push("no response was captured".to_owned());
        }
        parts.join("; ")
    }
}

/// Sets `text`: as it is, or in base64 if it is no text.
fn set_text(value: &mut Value, body: &[u8], masking: &Masking) {
    let Some(map) = value.as_object_mut() else { return };
    let (body, is_cut) = match body.get(..MAX_TEXT) {
        Some(front) => (front, body.len() > MAX_TEXT),
        None => (body, false),
    };
    // A cut may divide a character.
    let text = match std::str::from_utf8(body) {
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(body.get(..error.valid_up_to()).unwrap_or_default())
        }
        text => text,
    };
    match text {
        Ok(text) => map.insert("text".to_owned(), json!(masking.text(text))),
        Err(_) => {
            map.insert("encoding".to_owned(), json!("base64"));
            map.insert("text".to_owned(), json!(BASE64_STANDARD.encode(body)))
        }
    };
}

/// The times of an entry in nanoseconds, none negative; `None` does not apply.
#[derive(Clone, Copy, Debug)]
struct Times {
    started: Timestamp,
    /// The user's or the client's own time: between the handshake and the request, and to answer
    /// the server inside the call.
    blocked: Option<i64>,
    /// TCP and TLS.
    connect: Option<i64>,
    /// TLS alone.
    ssl: Option<i64>,
    send: i64,
    wait: i64,
    receive: i64,
}

impl Times {
    fn of(transaction: &Transaction<'_>) -> Self {
        let time = |payload: Option<&Payload>, end: bool| {
            payload.map(|it| if end { it.span.end.time } else { it.span.start.time })
        };
        let first = |side| time(transaction.of(side).next(), false);
        let last = |side| time(transaction.of(side).next_back(), true);
        let is_request = |it: &&Payload| !transaction.is_socket() || it.kind == PayloadKind::Head;
        let is_final = |payload: &&Payload| payload.kind == PayloadKind::Head;
        let answered = time(transaction.of(Side::Server).rfind(is_final), false).or(first(Side::Server));
        let asked = first(Side::Client).or(answered).unwrap_or_default();
        let sent = time(transaction.of(Side::Client).rfind(is_request), true).unwrap_or(asked);
        let gave_up = transaction.calls.iter().filter_map(|call| call.ended).max();
        let waited = answered.or(gave_up).unwrap_or(sent);
        let received = last(Side::Server).unwrap_or(waited);
        let mut times = Self {
            started: asked,
            blocked: None,
            connect: None,
            ssl: None,
            send: sent.since(asked).max(0),
            wait: waited.since(sent).max(0),
            receive: received.since(waited).max(0),
        };
        times.set_up(transaction, asked);
        times.take_user(transaction.calls.iter().map(|call| call.client_ns).max().unwrap_or(0));
        times
    }

    /// Adds what the first request of a connection paid for opening it.
    fn set_up(&mut self, transaction: &Transaction<'_>, asked: Timestamp) {
        let connection = transaction.connection.filter(|_| transaction.number == 0);
        let Some(set_up) = connection.and_then(|connection| connection.set_up(asked)) else { return };
        (self.started, self.ssl) = (set_up.began, set_up.tls);
        self.connect = Some(set_up.tcp.saturating_add(set_up.tls.unwrap_or(0)));
        self.blocked = Some(set_up.idle);
    }

    /// Takes the time in which the server waited for the client out of the longer one of wait and
    /// receive.
    fn take_user(&mut self, client_ns: i64) {
        if client_ns <= 0 {
            return;
        }
        let from = if self.receive > self.wait { &mut self.receive } else { &mut self.wait };
        let taken = client_ns.min(*from);
        *from -= taken;
        self.blocked = Some(self.blocked.unwrap_or(0).saturating_add(taken));
    }

    /// The sum: TLS is a part of `connect`.
    fn total(&self) -> i64 {
        // Packet times may be anything.
        let parts =
            [self.blocked.unwrap_or(0), self.connect.unwrap_or(0), self.send, self.wait, self.receive];
        parts.into_iter().fold(0, i64::saturating_add)
    }

    fn json(&self) -> Value {
        let or_none = |ns: Option<i64>| ns.map_or(json!(-1), |ns| json!(ms(ns)));
        json!({
            "blocked": or_none(self.blocked),
            "dns": -1,
            "connect": or_none(self.connect),
            "ssl": or_none(self.ssl),
            "send": ms(self.send),
            "wait": ms(self.wait),
            "receive": ms(self.receive),
        })
    }
}

fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

/// Formats a time as ISO 8601 in UTC, with milliseconds.
fn date_time(time: Timestamp) -> String {
    format!("{}T{}Z", units::date(time), units::time_of_day(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packet times that are centuries apart.
    #[test]
    fn times_may_be_anything() {
        let times = Times {
            started: Timestamp(i64::MIN),
            blocked: Some(i64::MAX),
            connect: Some(i64::MAX),
            ssl: None,
            send: i64::MAX,
            wait: i64::MAX,
            receive: i64::MAX,
        };
        assert_eq!(times.total(), i64::MAX);
    }
}
