//! WebSocket (RFC 6455): turns the bytes of both directions into messages, which are parts of the
//! transaction that changed to it.
//!
//! Masks, fragments and compression (permessage-deflate, RFC 7692) are removed. After a gap each
//! direction searches for the next frame that is proven.

use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Layer, Origin, ResponseEnd, Side, Sink, Span, limits,
};

use super::ends::{Ends, ended};
use super::part::ended_by;
use super::{Head, Part, PartKind, TransactionNo};
use direction::{Direction, Reason, Step};
pub(super) use frame::begins_with_frame;
pub(super) use proof::FrameSearch;
pub use proof::WebSocketSearch;

mod direction;
mod frame;
mod inflate;
mod proof;
#[cfg(test)]
mod tests;

/// Length of the reason of a Close frame that is shown, in bytes.
const MAX_REASON: usize = 123;

/// Content of messages that is emitted in one step, in bytes: a packet of compressed messages may
/// hold a thousand times as much.
const MAX_STEP: usize = 1 << 20;

/// One WebSocket connection.
#[derive(Debug)]
pub(super) struct Connection {
    client: Direction,
    server: Direction,
    /// The transaction that changed to WebSocket.
    transaction: TransactionNo,
    /// Why its head is missing, until the first message; `None` if it was emitted.
    lacks_head: Option<Degraded>,
    ends: Ends,
    /// The side of which more is emitted before the next input; `None` if there is nothing more.
    pending: Option<Side>,
    /// Nothing more is read.
    is_over: bool,
}

impl Connection {
    /// Creates a connection that began with `transaction`. `is_compressing`: permessage-deflate was
    /// agreed on; `None` if that is not known. `missing`: why the head of the response was not
    /// captured.
    pub(super) fn upgraded(
        transaction: TransactionNo,
        is_compressing: Option<bool>,
        missing: Degraded,
    ) -> Self {
        Self {
            client: Direction::new(Side::Client, is_compressing),
            server: Direction::new(Side::Server, is_compressing),
            transaction,
            lacks_head: missing.any().then_some(missing),
            ends: Ends::default(),
            pending: None,
            is_over: false,
        }
    }

    /// Creates a connection whose beginning was not captured. Each direction begins with a gap.
    pub(super) fn midstream(transaction: TransactionNo) -> Self {
        Self {
            client: Direction::new(Side::Client, None),
            server: Direction::new(Side::Server, None),
            transaction,
            lacks_head: Some(Degraded::MIDSTREAM),
            ends: Ends::default(),
            pending: None,
            is_over: false,
        }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Emits what `side` completed, as far as a step goes.
    fn steps(&mut self, side: Side, sink: &mut Sink<'_, Part>) {
        let mut emitted = 0;
        self.pending = None;
        while let Some(step) = self.direction(side).step() {
            let kind = match step {
                Step::Message(bytes, span) => {
                    self.emit_head(span, sink);
                    emitted += bytes.len();
                    self.emit(side, PartKind::Message(bytes, span), sink);
                    if emitted > MAX_STEP {
                        self.pending = Some(side);
                        return;
                    }
                    continue;
                }
                Step::Lost(why, at) => PartKind::Gap { why, at },
                Step::Resumed(why, at) => {
                    let detail = "at a WebSocket message".to_owned();
                    self.fault(side, Code::HttpResync, (at, detail), sink);
                    PartKind::Gap { why, at }
                }
                Step::Fault(code, detail, at) => {
                    self.fault(side, code, (at, detail), sink);
                    if code == Code::HttpBodyTooLong {
                        continue;
                    }
                    PartKind::Gap { why: Degraded::NOT_READ, at }
                }
                Step::Close(reason, at) => {
                    self.close(side, (reason, at), sink);
                    return;
                }
            };
            self.emit(side, kind, sink);
        }
    }

    fn emit(&self, side: Side, kind: PartKind, sink: &mut Sink<'_, Part>) {
        if self.lacks_head.is_none() {
            sink.out.push(Part { transaction: self.transaction, side, kind });
        }
    }

    /// Emits the head of a connection whose beginning was not captured.
    fn emit_head(&mut self, span: Span, sink: &mut Sink<'_, Part>) {
        if let Some(why) = self.lacks_head.take() {
            let head = Head::unseen_websocket(span).with_unknown(why);
            self.emit(Side::Server, PartKind::Head(Box::new(head), why), sink);
        }
    }

    fn fault(&self, side: Side, code: Code, (at, detail): (Origin, String), sink: &mut Sink<'_, Part>) {
        match self.lacks_head {
            None => sink.out.push(Part::fault(self.transaction, side, code, (at, detail))),
            Some(_) => sink.findings.add(code, at, detail),
        }
    }

    /// `side` sent a Close frame.
    fn close(&mut self, side: Side, (reason, at): (Reason, Origin), sink: &mut Sink<'_, Part>) {
        if let Some((code, mut text)) = reason.filter(|(code, _)| !matches!(code, 1000 | 1001)) {
            text.truncate(text.floor_char_boundary(MAX_REASON));
            let meaning = meaning(code).map(|meaning| format!(" ({meaning})")).unwrap_or_default();
            let text = if text.is_empty() { text } else { format!(", \"{text}\"") };
            let detail = format!("the {} closed with code {code}{meaning}{text}", side.name());
            self.fault(side, Code::WsClosed, (at, detail), sink);
        }
        self.end(side, ResponseEnd::ClosedBy(side), at, sink);
    }

    /// `side` sends nothing more.
    fn end(&mut self, side: Side, how: ResponseEnd, at: Origin, sink: &mut Sink<'_, Part>) {
        let why = self.direction(side).end();
        if why.any() {
            self.emit(side, PartKind::Gap { why, at }, sink);
        }
        if let Some((how, at)) = self.ends.add(side, how, at)
            && !std::mem::replace(&mut self.is_over, true)
        {
            self.emit(Side::Server, PartKind::End { how, at }, sink);
        }
    }

    fn eof(&mut self, side: Side, (how, at): (Ending, Origin), sink: &mut Sink<'_, Part>) {
        let how = ended(side, how);
        if self.direction(side).is_inside()
            && let Some(by) = ended_by(how)
        {
            let detail = format!("{by} inside a WebSocket message of the {}", side.name());
            self.fault(side, Code::HttpBodyCut, (at, detail), sink);
        }
        self.end(side, how, at, sink);
    }
}

/// Returns what a status code means (RFC 6455 section 7.4.1); `None` for one of an application.
fn meaning(code: u16) -> Option<&'static str> {
    Some(match code {
        1002 => "protocol error",
        1003 => "data of a type that is not accepted",
        1007 => "invalid data",
        1008 => "policy violated",
        1009 => "message too big",
        1010 => "extension missing",
        1011 => "internal error",
        1012 => "service restarts",
        1013 => "try again later",
        1014 => "bad gateway",
        _ => return None,
    })
}

impl Layer for Connection {
    type In = (Side, Feed);
    type Out = Part;

    fn push(&mut self, (side, feed): Self::In, sink: &mut Sink<'_, Part>) {
        match feed {
            Feed::Data(bytes, span) => {
                self.direction(side).push(bytes, span);
                self.steps(side, sink);
            }
            Feed::Gap { len, why, at } => {
                if self.direction(side).gap(len, why) {
                    self.emit(side, PartKind::Gap { why, at }, sink);
                }
                self.steps(side, sink);
            }
            Feed::Eof { how, at } => self.eof(side, (how, at), sink),
        }
    }

    fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    fn resume(&mut self, sink: &mut Sink<'_, Part>) {
        if let Some(side) = self.pending {
            self.steps(side, sink);
        }
    }

    fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }

    fn shed(&mut self, at: Origin, findings: &mut Findings) {
        let held = self.client.shed() + self.server.shed();
        if held > 0 {
            let share = limits::MAX_MEMORY_PER_SHARD;
            let detail = format!("{held} bytes of WebSocket messages when all together took {share}");
            findings.add(Code::HttpBodyTooLong, at, detail);
        }
    }

    fn settle(&mut self) {
        self.client.settle();
        self.server.settle();
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}
