//! The end of streams and of the connection, and what gaps mean for them.

use bytes::Bytes;

use super::Connection;
use super::frame;
use super::stream::{Message, State, Stream};
use crate::base::http2::{ClosingFrame, ErrorCode, WindowWait};
use crate::base::{Code, Degraded, Ending, Origin, ResponseEnd, Side, Sink, limits};
use crate::http::part::{ended_by, report_unmatched};
use crate::http::{Part, PartKind};

/// Length of the debug data of a GOAWAY that is shown, in bytes.
const MAX_DEBUG: usize = 80;

impl Connection {
    /// `by` ends a stream at once. `code` is `None` if the capture lacks it.
    pub(super) fn reset(
        &mut self,
        by: Side,
        id: u32,
        (code, at): (Option<ErrorCode>, Origin),
        sink: &mut Sink<'_, Part>,
    ) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let transaction = stream.transaction;
        // The end of the response may be missing.
        let is_answered = stream.server.state == State::Ended || stream.server.has_gap();
        let is_usual = code.is_none_or(|code| matches!(code, ErrorCode::NO_ERROR | ErrorCode::CANCEL));
        let words = format!(
            "the {} reset the stream{}",
            by.name(),
            code.map(|code| format!(" with {code}")).unwrap_or_default()
        );
        let is_cut = |message: &Message| message.state == State::Open && !message.has_gap();
        let cut = if by == Side::Client && is_cut(&stream.client) && !is_answered {
            Some((Code::HttpRequestCut, Side::Client, format!("{} before {words}", stream.client.progress())))
        } else if by == Side::Server && is_usual && is_cut(&stream.server) {
            Some((Code::HttpBodyCut, Side::Server, format!("{} before {words}", stream.server.progress())))
        } else {
            None
        };
        if let Some((code, side, detail)) = cut {
            sink.out.push(Part::fault(transaction, side, code, (at, detail)));
        } else if !is_usual && !is_answered {
            sink.out.push(Part::fault(transaction, by, Code::Http2StreamReset, (at, words)));
        }
        let frame = ClosingFrame { by, code, last_stream: None, packet: at.packet };
        self.end_stream(id, frame, (ResponseEnd::ResetBy(by), at), sink);
    }

    /// Ends what is not over of a stream.
    fn end_stream(
        &mut self,
        id: u32,
        frame: ClosingFrame,
        end: (ResponseEnd, Origin),
        sink: &mut Sink<'_, Part>,
    ) {
        self.report_wait(id, end.1, sink);
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.server.state != State::Ended {
            let kind = PartKind::Closing { frame, at: end.1 };
            sink.out.push(Part { transaction: stream.transaction, side: Side::Server, kind });
        }
        if stream.client.state == State::Open {
            self.end_message(Side::Client, id, end, sink);
        }
        self.end_message(Side::Server, id, end, sink);
        // A request that was not captured does not come any more.
        self.streams.close(id);
    }

    /// `by` closes the connection, and says which streams it still answers.
    pub(super) fn goaway(&mut self, by: Side, payload: &Bytes, at: Origin, sink: &mut Sink<'_, Part>) {
        let last = frame::number(payload);
        let code = ErrorCode::read(payload.get(4..).unwrap_or_default());
        if code != ErrorCode::NO_ERROR {
            let debug = payload.get(8..).unwrap_or_default();
            let mut detail = format!("from the {}: {code}, last stream {last}", by.name());
            if !debug.is_empty() {
                let shown = debug.get(..MAX_DEBUG).unwrap_or(debug);
                detail.push_str(&format!(", \"{}\"", String::from_utf8_lossy(shown)));
            }
            sink.findings.add(Code::Http2Goaway, at, detail);
        }
        let frame = ClosingFrame { by, code: Some(code), last_stream: Some(last), packet: at.packet };
        if let Some(goaway) = self.goaways.get_mut(by as usize) {
            *goaway = Some(frame);
        }
        if by == Side::Client {
            return;
        }
        let refused = |(id, stream): (u32, &mut Stream)| {
            (id > last && stream.server.state == State::Unseen).then_some((id, stream.transaction))
        };
        let refused: Vec<_> = self.streams.iter_mut().filter_map(refused).collect();
        for (id, transaction) in refused {
            let detail = format!("the server does not answer stream {id}: it closes the connection ({code})");
            sink.out.push(Part::fault(transaction, Side::Server, Code::Http2Goaway, (at, detail)));
            self.end_stream(id, frame, (ResponseEnd::ClosedBy(Side::Server), at), sink);
        }
    }

    /// Reports that content still waits for a window when its stream ends.
    fn report_wait(&mut self, id: u32, at: Origin, sink: &mut Sink<'_, Part>) {
        let [client, server] = &self.flows;
        let Some(stream) = self.streams.get_mut(id) else { return };
        for (side, flow) in [(Side::Client, client), (Side::Server, server)] {
            let transaction = stream.transaction;
            let message = stream.message(side);
            let since = message.flow.waits(&flow.connection).filter(|_| message.lacks_content());
            let Some(since) = since else { continue };
            let wait = WindowWait::new(since, at);
            if wait.ns > 0 {
                sink.out.push(Part { transaction, side, kind: PartKind::Waited { wait, at } });
            }
            if wait.ns >= limits::WINDOW_WAIT {
                let ms = wait.ns / 1_000_000;
                let detail = format!(
                    "{}; the {} did not open the window that was used up in packet {}, for {ms} ms",
                    message.progress(),
                    side.other().name(),
                    since.packet.mention()
                );
                sink.out.push(Part::fault(transaction, side, Code::Http2WindowClosed, (at, detail)));
            }
        }
    }

    // What is missing, and the end.

    pub(super) fn gap(
        &mut self,
        side: Side,
        (len, why, at): (u64, Degraded, Origin),
        sink: &mut Sink<'_, Part>,
    ) {
        let before = sink.out.len();
        self.direction(side).gap(len, why);
        self.steps(side, sink);
        for part in sink.out.iter_mut().skip(before) {
            if let PartKind::Gap { at: origin, .. }
            | PartKind::Lost { at: origin, .. }
            | PartKind::End { at: origin, .. } = &mut part.kind
            {
                *origin = at;
            }
        }
    }

    /// Frames of `side` may be missing: of every stream that is open, and those of streams that
    /// nothing else shows.
    pub(super) fn lost(&mut self, side: Side, why: Degraded, sink: &mut Sink<'_, Part>) {
        self.forget_flow(Side::Client);
        self.forget_flow(Side::Server);
        // Nothing but the end of the stream can be missing of a body that is all there.
        let whole = |(id, stream): (u32, &mut Stream)| stream.message(side).is_whole().then_some(id);
        let whole: Vec<u32> = self.streams.iter_mut().filter_map(whole).collect();
        for id in whole {
            self.end_message(side, id, (ResponseEnd::Complete, self.at), sink);
        }
        self.mark(side, why, true, sink.out);
    }

    /// The frames of `side` that are missing end here. Streams that were opened meanwhile may lack
    /// some of them.
    pub(super) fn found(&mut self, side: Side, why: Degraded, out: &mut Vec<Part>) {
        self.mark(side, why, false, out);
    }

    /// Marks the streams that may lack frames of `side`. `all`: also those that are marked already,
    /// and may have continued since.
    fn mark(&mut self, side: Side, why: Degraded, all: bool, out: &mut Vec<Part>) {
        let at = self.at;
        self.losses.add(side, why, at.packet);
        let before = out.len();
        if all || self.streams.take_has_new() {
            for (_, stream) in self.streams.iter_mut() {
                let transaction = stream.transaction;
                // The client may have reset the stream in frames that are missing.
                let lacks = stream.server.state != State::Ended
                    || (side == Side::Client && stream.client.state == State::Open);
                let message = stream.message(side);
                if lacks && (all || !message.has_gap()) {
                    let kind = message.lose_frames(why, at);
                    out.push(Part { transaction, side, kind });
                }
            }
        }
        if side == Side::Client || out.len() == before {
            // A whole request may be missing, or the response of a stream that the client reset.
            out.push(Part { transaction: self.streams.next(), side, kind: PartKind::Lost { why, at } });
        }
    }

    pub(super) fn eof(&mut self, side: Side, (how, at): (Ending, Origin), sink: &mut Sink<'_, Part>) {
        let finish = match how {
            Ending::Closed => *self.closed.get_or_insert(ResponseEnd::ClosedBy(side)),
            Ending::Reset(by) => *self.closed.get_or_insert(ResponseEnd::ResetBy(by)),
            Ending::Open => self.closed.unwrap_or(ResponseEnd::Open),
        };
        match side {
            Side::Client => self.client_ended = true,
            Side::Server => self.server_ended = true,
        }
        let why = self.direction(side).end();
        if why.any() {
            self.found(side, why, sink.out);
        }
        let mut open = Vec::new();
        for (id, stream) in self.streams.iter_mut() {
            let transaction = stream.transaction;
            let message = match side {
                Side::Client => &stream.client,
                Side::Server => &stream.server,
            };
            // Without the request the capture may lack that the client closed first.
            let is_early = stream.client.state == State::Unseen;
            let is_cut = message.state == State::Open && !stream.has_gap() && !is_early;
            if let Some(by) = ended_by(finish).filter(|_| is_cut) {
                let code = if side == Side::Client { Code::HttpRequestCut } else { Code::HttpBodyCut };
                let is_by_client = matches!(
                    finish,
                    ResponseEnd::ClosedBy(Side::Client) | ResponseEnd::ResetBy(Side::Client)
                );
                // A client may leave a stream that does not end.
                if side == Side::Client || !is_by_client || message.lacks_content() {
                    let detail = format!("{} before {by}", message.progress());
                    sink.out.push(Part::fault(transaction, side, code, (at, detail)));
                }
            }
            if side == Side::Client && how == Ending::Closed && stream.server.state != State::Ended {
                sink.out.push(Part { transaction, side, kind: PartKind::ClientClosed { at } });
            }
            open.push(id);
        }
        let goaway = finish.by().and_then(|by| self.goaways.get(by as usize).copied().flatten());
        for id in open {
            if side == Side::Server {
                self.report_wait(id, at, sink);
            }
            let is_seen = self.streams.get_mut(id).is_some_and(|stream| stream.client.state == State::Open);
            if side == Side::Server || is_seen {
                let is_whole = self.streams.get_mut(id).is_some_and(|it| it.message(side).is_whole());
                let how = if is_whole { ResponseEnd::Complete } else { finish };
                let frame = goaway.filter(|_| side == Side::Server && !is_whole);
                if let (Some(frame), Some(stream)) = (frame, self.streams.get_mut(id)) {
                    let kind = PartKind::Closing { frame, at };
                    sink.out.push(Part { transaction: stream.transaction, side, kind });
                }
                self.end_message(side, id, (how, at), sink);
            }
        }
        if self.client_ended {
            for _ in 0..self.streams.take_unmatched(u32::MAX) {
                report_unmatched(true, at, sink.findings);
            }
        }
    }
}
