//! The end of HTTP/1 on a connection that goes on in HTTP/2 (`Upgrade: h2c`, RFC 7540 section 3.2).

use memchr::memmem;

use super::direction::{Direction, State};
use super::scan::PREFACE;
use super::upgraded::Upgraded;
use super::{Connection, Method};
use crate::base::fact::Speaks;
use crate::base::{Degraded, Side, StreamBuf};
use crate::http::TransactionNo;

impl Connection {
    /// The server goes on in HTTP/2 (status 101), and answers the request there.
    pub(super) fn upgrade_to_http2(&mut self, request: TransactionNo, kind: Method) {
        self.switched = Some(Speaks::Http2);
        let is_head = kind == Method::Head;
        self.upgraded = Some(Upgraded { request, is_head, missing: Degraded::NONE });
        self.answering = None;
        self.server.hand_over();
        if self.sending.is_none() {
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

    /// Returns what is known of the change to HTTP/2; `None` if the connection did not change.
    pub(in crate::http) fn upgraded(&self) -> Option<Upgraded> {
        self.upgraded
    }

    /// Takes the bytes of `side` that HTTP/2 begins with; `None` if HTTP/1 is not over there.
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
    /// Leaves everything from here on to HTTP/2.
    pub(super) fn hand_over(&mut self) {
        self.state = State::HandedOver;
    }

    /// Leaves everything to HTTP/2 from its connection preface on, if that stands where a request
    /// may begin. Returns whether it does.
    pub(super) fn hand_over_at_preface(&mut self) -> bool {
        let bytes = self.buf.bytes();
        let at = match self.state {
            State::Head { .. } => bytes.starts_with(PREFACE).then_some(0),
            State::Lost => memmem::find(bytes, PREFACE),
            _ => None,
        };
        let Some(at) = at else { return false };
        self.buf.skip(at);
        self.hand_over();
        true
    }

    /// Takes the bytes that HTTP/2 begins with; `None` if HTTP/1 is not over, and its end not lost.
    fn take_rest(&mut self) -> Option<StreamBuf> {
        let is_over = matches!(self.state, State::HandedOver | State::Lost | State::LostChunk);
        is_over.then(|| std::mem::take(&mut self.buf))
    }
}
