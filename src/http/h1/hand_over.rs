//! The end of HTTP/1 on a connection that goes on in HTTP/2 (`Upgrade: h2c`, RFC 7540 section 3.2)
//! or in WebSocket (RFC 6455 section 4).

use super::direction::{Direction, State};
use super::scan::PREFACE;
use super::upgraded::{Protocol, Upgraded};
use super::{Connection, Method};
use crate::base::fact::Speaks;
use crate::base::{Degraded, Side, StreamBuf};
use crate::http::TransactionNo;
use crate::http::ws::{self, FrameSearch};

impl Connection {
    /// The server goes on in HTTP/2 (status 101), and answers the request there.
    pub(super) fn upgrade_to_http2(&mut self, request: TransactionNo, kind: Method) {
        self.switched = Some(Speaks::Http2);
        self.leave((request, kind), Protocol::Http2);
    }

    /// The server goes on in WebSocket (status 101).
    pub(super) fn upgrade_to_websocket(&mut self, request: TransactionNo, is_compressing: bool) {
        self.switched = Some(Speaks::WebSocket);
        self.leave((request, Method::Other), Protocol::WebSocket { is_compressing: Some(is_compressing) });
    }

    /// Leaves what follows the response, and the request, to another protocol.
    fn leave(&mut self, (request, kind): (TransactionNo, Method), to: Protocol) {
        let is_head = kind == Method::Head;
        let is_request_missing = self.early.has(request) || self.client.is_lost();
        let requests_missing = if is_request_missing { Degraded::GAP } else { Degraded::NONE };
        self.upgraded = Some(Upgraded { to, request, is_head, missing: Degraded::NONE, requests_missing });
        self.answering = None;
        self.server.hand_over();
        if self.sending.is_none() {
            self.client.hand_over();
        }
    }

    /// The client asked for WebSocket and goes on in it, and the 101 that allowed it was not
    /// captured.
    pub(in crate::http) fn enter_websocket(&mut self) {
        let Some(request) = self.asked_websocket.take().filter(|_| self.upgraded.is_none()) else { return };
        self.waiting.retain(|waiting| waiting.transaction != request);
        self.switched = Some(Speaks::WebSocket);
        self.leave((request, Method::Other), Protocol::WebSocket { is_compressing: None });
        let missing = if self.responses_missing.any() { self.responses_missing } else { Degraded::GAP };
        self.upgraded = self.upgraded.map(|upgraded| Upgraded { missing, ..upgraded });
    }

    /// Goes on in WebSocket if `side`, of which bytes are missing, turns out to send its frames:
    /// the heads that changed to it were not captured.
    pub(super) fn find_websocket(&mut self, side: Side) {
        let direction = self.direction(side);
        let is_found = direction.lacks_bytes() && direction.finds_frame();
        if is_found && self.upgraded.is_none() && self.connect.is_none() {
            if self.asked_websocket.is_none() {
                self.asked_websocket = Some(self.number());
            }
            self.enter_websocket();
            self.client.hand_over();
        }
    }

    /// The client goes on in HTTP/2, and the 101 that allowed it was not captured: its latest
    /// request is answered there.
    pub(super) fn enter_http2(&mut self) {
        if self.upgraded.is_some() {
            return;
        }
        let latest = self.waiting.pop_back().map(|waiting| (waiting.transaction, waiting.kind));
        let (request, kind) = latest.unwrap_or_else(|| (self.number(), Method::Other));
        let missing = if self.responses_missing.any() { self.responses_missing } else { Degraded::GAP };
        self.upgrade_to_http2(request, kind);
        self.upgraded = self.upgraded.map(|upgraded| Upgraded { missing, ..upgraded });
    }

    /// Returns whether the client went on in WebSocket before the answer that allows it was seen.
    pub(in crate::http) fn is_ahead(&self) -> bool {
        self.is_ahead && self.upgraded.is_none()
    }

    /// Returns what is known of the change to another protocol; `None` if there was none.
    pub(in crate::http) fn upgraded(&self) -> Option<Upgraded> {
        self.upgraded
    }

    /// Takes the bytes of `side` that the other protocol begins with; `None` if HTTP/1 is not over
    /// there.
    pub(in crate::http) fn take_rest(&mut self, side: Side) -> Option<StreamBuf> {
        self.upgraded?;
        self.direction(side).take_rest()
    }

    /// The number of the next transaction.
    pub(in crate::http) fn next(&self) -> u32 {
        self.next
    }
}

impl Direction {
    /// Leaves everything from here on to another protocol.
    pub(super) fn hand_over(&mut self) {
        self.state = State::HandedOver;
    }

    /// Leaves everything to HTTP/2 from here on, if its connection preface stands where a request
    /// may begin. Returns whether it does. Behind lost bytes it is a step of its own.
    pub(super) fn hand_over_at_preface(&mut self) -> bool {
        let is_preface = matches!(self.state, State::Head { .. }) && self.buf.bytes().starts_with(PREFACE);
        if is_preface {
            self.hand_over();
        }
        is_preface
    }

    /// Leaves everything to WebSocket from here on, if a frame stands where a request may begin.
    /// Returns whether it does.
    pub(super) fn hand_over_at_frame(&mut self) -> bool {
        let is_frame = matches!(self.state, State::Head { .. }) && ws::begins_with_frame(self.buf.bytes());
        if is_frame {
            self.hand_over();
        }
        is_frame
    }

    /// Returns whether reading goes on behind bytes that were not captured. Behind bytes that were,
    /// and cannot be read, no other protocol begins unseen.
    fn lacks_bytes(&self) -> bool {
        self.is_lost() && self.why.any()
    }

    /// Returns whether the bytes, which are lost, hold a WebSocket frame with JSON-RPC.
    fn finds_frame(&mut self) -> bool {
        let search = self.frames.get_or_insert_with(|| Box::new(FrameSearch::new(self.side)));
        search.finds_json_rpc(self.buf.bytes(), self.buf.offset())
    }

    /// Takes the bytes that the other protocol begins with; `None` if HTTP/1 is not over, and its
    /// end not lost.
    fn take_rest(&mut self) -> Option<StreamBuf> {
        let is_over = matches!(self.state, State::HandedOver | State::Lost | State::LostChunk);
        is_over.then(|| std::mem::take(&mut self.buf))
    }
}
