//! Messages on lines (MCP 2025-11-25, Transports, "stdio"): turns the bytes of both directions into
//! messages, which are parts of one transaction without heads.
//!
//! `\n` ends a message, also behind `\r`; a line without text is none. After a gap each direction
//! reads on at the next line. A line that begins like no JSON is a finding: programs print on
//! standard output what belongs on standard error.

use super::ends::{Ends, ended};
use super::part::ended_by;
use super::{Head, Part, PartKind, TransactionNo};
use crate::base::{
    Code, Degraded, Ending, Feed, Findings, Layer, Origin, ResponseEnd, Side, Sink, Span, limits,
};
use direction::{Direction, Step};
pub use front::{FirstLines, FrontScan};
pub use search::LineSearch;

mod direction;
mod front;
mod method;
mod search;
#[cfg(test)]
mod tests;

/// Content of lines that is emitted in one step, in bytes.
const MAX_STEP: usize = 1 << 20;

/// Lines that are emitted in one step: a packet may hold 30,000 of them.
const MAX_STEP_LINES: usize = 1024;

/// One connection with a message on each line.
#[derive(Debug)]
pub(super) struct Connection {
    client: Direction,
    server: Direction,
    /// The transaction that all messages belong to.
    transaction: TransactionNo,
    /// Why the beginning is missing.
    missing: Degraded,
    /// Whether what stands for the head was emitted, with the first message.
    has_head: bool,
    ends: Ends,
    /// The side of which more is emitted before the next input; `None` if there is nothing more.
    pending: Option<Side>,
    /// Nothing more is read.
    is_over: bool,
}

impl Connection {
    /// Creates a connection of which nothing was read. All messages belong to `transaction`.
    pub(super) fn new(transaction: TransactionNo) -> Self {
        Self {
            client: Direction::new(Side::Client),
            server: Direction::new(Side::Server),
            transaction,
            missing: Degraded::NONE,
            has_head: false,
            ends: Ends::default(),
            pending: None,
            is_over: false,
        }
    }

    /// Creates a connection whose beginning was not captured. Each direction begins with a gap.
    pub(super) fn midstream(transaction: TransactionNo) -> Self {
        Self { missing: Degraded::MIDSTREAM, ..Self::new(transaction) }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Emits what `side` completed, as far as a step goes.
    fn steps(&mut self, side: Side, sink: &mut Sink<'_, Part>) {
        let (mut emitted, mut lines) = (0, 0);
        self.pending = None;
        while let Some(step) = self.direction(side).step() {
            lines += 1;
            if let Step::Message(bytes, _) = &step {
                emitted += bytes.len();
            }
            self.emit_step(side, step, sink);
            if emitted > MAX_STEP || lines > MAX_STEP_LINES {
                self.pending = Some(side);
                return;
            }
        }
    }

    fn emit_step(&mut self, side: Side, step: Step, sink: &mut Sink<'_, Part>) {
        match step {
            Step::Message(bytes, span) => {
                self.emit_head(span, sink);
                self.emit(side, PartKind::Message(bytes, span), sink);
            }
            Step::Lost(why, at) => self.emit(side, PartKind::Gap { why, at }, sink),
            Step::Resumed(why, at) => {
                self.fault(side, Code::HttpResync, (at, "at a line".to_owned()), sink);
                self.emit(side, PartKind::Gap { why, at }, sink);
            }
            Step::Fault(code, detail, at) => self.fault(side, code, (at, detail), sink),
        }
    }

    /// Emits a part, unless nothing was emitted before it to which it belongs.
    fn emit(&self, side: Side, kind: PartKind, sink: &mut Sink<'_, Part>) {
        if self.has_head {
            sink.out.push(Part { transaction: self.transaction, side, kind });
        }
    }

    /// Emits what stands for the head, before the first message.
    fn emit_head(&mut self, span: Span, sink: &mut Sink<'_, Part>) {
        if !std::mem::replace(&mut self.has_head, true) {
            let head = Head::of_lines(span).with_unknown(self.missing);
            self.emit(Side::Server, PartKind::Head(Box::new(head), self.missing), sink);
        }
    }

    fn fault(&self, side: Side, code: Code, (at, detail): (Origin, String), sink: &mut Sink<'_, Part>) {
        match self.has_head {
            true => sink.out.push(Part::fault(self.transaction, side, code, (at, detail))),
            false => sink.findings.add(code, at, detail),
        }
    }

    fn eof(&mut self, side: Side, (how, at): (Ending, Origin), sink: &mut Sink<'_, Part>) {
        let how = ended(side, how);
        if let Some(by) = ended_by(how)
            && let Some(step) = self.direction(side).rest(&by, at)
        {
            self.emit_step(side, step, sink);
        }
        self.end(side, how, at, sink);
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
            Feed::Gap { why, at, .. } => {
                if self.direction(side).gap(why) {
                    self.emit(side, PartKind::Gap { why, at }, sink);
                }
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
            let detail = format!("{held} bytes of lines when all together took {share}");
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
