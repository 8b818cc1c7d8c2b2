//! The tunnel that a proxy opens (`CONNECT`, RFC 9110 section 9.3.6): it may carry HTTP/1, which is
//! read on, or something else.

use super::body::Framing;
use super::direction::{Direction, State};
use super::{Connection, described};
use crate::base::fact::Speaks;
use crate::base::{Code, Degraded, Origin, Side, StreamBuf};
use crate::http::{Part, TransactionNo};

impl Connection {
    /// The proxy granted a `CONNECT`: a tunnel begins behind the response, which has no body
    /// whatever its head says (RFC 9110 section 9.3.6).
    pub(super) fn open_tunnel(&mut self, transaction: TransactionNo, at: Origin, out: &mut Vec<Part>) {
        if let Some(connect) = &mut self.connect {
            connect.is_open = true;
            let detail = format!("CONNECT to {}", connect.target);
            out.push(Part::fault(transaction, Side::Server, Code::HttpTunnel, (at, detail)));
        }
        self.server.body(Framing::Length(0), false);
        self.server.enter_tunnel();
    }

    /// Leaves both directions once one of them shows that the tunnel does not carry HTTP/1: to what
    /// reads it, or to nobody.
    pub(super) fn check_tunnel(&mut self, out: &mut Vec<Part>) {
        let Some(connect) = self.connect.as_ref().filter(|connect| connect.is_open) else { return };
        if self.switched.is_some() {
            return;
        }
        let shown = self.client.switched().map(|to| (to, Side::Client));
        let Some(((to, at), side)) = shown.or_else(|| self.server.switched().map(|to| (to, Side::Server)))
        else {
            return;
        };
        self.switched = Some(to);
        if to != Speaks::Other {
            self.client.hand_over();
            self.server.hand_over();
            return;
        }
        let detail = format!("CONNECT to {}: the tunnel carries {}", connect.target, described(to));
        out.push(Part::fault(connect.transaction, side, Code::HttpNotRead, (at, detail)));
        self.client.blind();
        self.server.blind();
    }

    /// Takes what each side sent in the tunnel, if it does not carry HTTP/1; `None` if there is no
    /// such tunnel.
    pub(in crate::http) fn take_tunnel(&mut self) -> Option<[(StreamBuf, Degraded); 2]> {
        let is_left = self.upgraded.is_none() && self.connect.as_ref().is_some_and(|it| it.is_open);
        let is_over = |direction: &Direction| direction.state == State::HandedOver;
        if !is_left || !is_over(&self.client) || !is_over(&self.server) {
            return None;
        }
        Some([&mut self.client, &mut self.server].map(Direction::take_tunnel))
    }
}

impl Direction {
    /// Takes the bytes that the tunnel begins with, and why some before them may be missing.
    fn take_tunnel(&mut self) -> (StreamBuf, Degraded) {
        (std::mem::take(&mut self.buf), self.missing())
    }
}
