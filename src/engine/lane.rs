//! Link to rpc, for a share of the connections.

use crate::base::fact::{ConnectionFact, PayloadFact, PayloadKind};
use crate::base::{Degraded, Findings, Origin, Peers, Side, limits};
use crate::http::UpdateKind;
use crate::http::conversation::Conversation;
use crate::link::{Decoded, Link};
use crate::tcp::{self, End, Slot, Table};
use crate::{capture, http, rpc};

/// What a lane makes.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are items: a box for each would be an allocation for each"
)]
pub(super) enum Emitted {
    /// Something for `mcp`.
    Item(rpc::Item),
    /// What a transaction carried, before the item that says what it means.
    Payload(Box<PayloadFact>),
    /// A connection is over. Whether it carried MCP is not filled in.
    Closed(Box<ConnectionFact>),
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Tcp,
    Unreadable,
    Other,
}

/// The rooms from `link` to `rpc`.
#[derive(Debug, Default)]
pub(super) struct Lane {
    link: Link,
    table: Table,
    /// By slot.
    open: Vec<Option<Connection>>,
    /// Bytes held by all conversations for what is not complete.
    held: usize,
    /// Whether what transactions carry is told.
    emits_payloads: bool,
    told: Vec<tcp::Output>,
    read: Vec<http::Update>,
}

#[derive(Debug)]
struct Connection {
    tcp_stream: u32,
    ends: [std::net::SocketAddr; 2],
    client: Option<End>,
    conversation: Conversation,
    /// What the lane has counted of [`Conversation::held`].
    held: usize,
}

impl Lane {
    /// From now on tells what transactions carry.
    pub(super) fn emit_payloads(&mut self) {
        self.emits_payloads = true;
    }

    pub(super) fn push(
        &mut self,
        packet: &capture::Packet,
        out: &mut Vec<Emitted>,
        findings: &mut Findings,
    ) -> Packet {
        let segment = match self.link.decode(packet, findings) {
            Decoded::Segment(segment) => segment,
            Decoded::NotTcp | Decoded::Fragment => return Packet::Other,
            Decoded::Unreadable => return Packet::Unreadable,
        };
        self.table.push(segment, &mut self.told, findings);
        self.hear(out, findings);
        Packet::Tcp
    }

    pub(super) fn tick(&mut self, now: Origin, out: &mut Vec<Emitted>, findings: &mut Findings) {
        self.table.tick(now, &mut self.told, findings);
        self.hear(out, findings);
    }

    pub(super) fn finish(&mut self, at: Origin, out: &mut Vec<Emitted>, findings: &mut Findings) {
        self.link.end(findings);
        self.table.finish(at, &mut self.told, findings);
        self.hear(out, findings);
    }

    /// The connections that are open, as far as they came. Whether they carry MCP is not filled in.
    pub(super) fn in_progress(&self) -> Vec<ConnectionFact> {
        let mut facts = Vec::new();
        for (slot, connection) in self.open.iter().enumerate() {
            let Some(connection) = connection else { continue };
            if let Some(mut fact) = u32::try_from(slot).ok().and_then(|slot| self.table.fact(Slot(slot))) {
                connection.complete(&mut fact);
                facts.push(fact);
            }
        }
        facts
    }

    fn hear(&mut self, out: &mut Vec<Emitted>, findings: &mut Findings) {
        let mut told = std::mem::take(&mut self.told);
        for output in told.drain(..) {
            match output {
                tcp::Output::Opened { slot, tcp_stream, ends, client, .. } => {
                    let conversation = Conversation::new(client.map(index));
                    self.place(slot, Connection { tcp_stream, ends, client, conversation, held: 0 });
                }
                tcp::Output::Feed { slot, from, feed } => self.feed(slot, (from, feed), out, findings),
                tcp::Output::Closed { slot, mut fact } => {
                    if let Some(connection) = self.open.get_mut(slot.0 as usize).and_then(Option::take) {
                        self.held = self.held.saturating_sub(connection.held);
                        connection.complete(&mut fact);
                    }
                    out.push(Emitted::Closed(fact));
                }
            }
        }
        self.told = told;
    }

    fn place(&mut self, slot: Slot, connection: Connection) {
        let index = slot.0 as usize;
        if index >= self.open.len() {
            self.open.resize_with(index + 1, || None);
        }
        if let Some(place) = self.open.get_mut(index) {
            *place = Some(connection);
        }
    }

    fn feed(
        &mut self,
        slot: Slot,
        (from, feed): (End, crate::base::Feed),
        out: &mut Vec<Emitted>,
        findings: &mut Findings,
    ) {
        let Some(Some(connection)) = self.open.get_mut(slot.0 as usize) else {
            return;
        };
        let noted = findings.len();
        let at = place_of(&feed);
        let others = self.held.saturating_sub(connection.held);
        connection.conversation.push(index(from), feed, &mut self.read, findings);
        let mut held = connection.conversation.held();
        if others + held > limits::MAX_CONTENT {
            connection.conversation.shed(at, findings);
            held = connection.conversation.held();
        }
        self.held = others + held;
        connection.held = held;
        findings.set_stream(noted, connection.tcp_stream);
        if self.read.is_empty() {
            return;
        }
        let peers = connection.peers();
        let retransmissions = connection.by_side(self.table.retransmissions(slot));
        for output in self.read.drain(..) {
            if let Some(fact) = self.emits_payloads.then(|| carried(peers, &output)).flatten() {
                out.push(Emitted::Payload(Box::new(fact)));
            }
            out.push(Emitted::Item(rpc::read(peers, retransmissions, output)));
        }
    }
}

impl Connection {
    fn peers(&self) -> Peers {
        let [a, b] = self.ends;
        let (client, server) = if self.conversation.client() == Some(1) { (b, a) } else { (a, b) };
        Peers { tcp_stream: self.tcp_stream, client, server }
    }

    /// What is counted of A and B, as of client and server.
    fn by_side(&self, [a, b]: [u64; 2]) -> [u32; 2] {
        let pair = if self.conversation.client() == Some(1) { [b, a] } else { [a, b] };
        pair.map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Fills in what the conversation knows of the connection.
    fn complete(&self, fact: &mut ConnectionFact) {
        fact.speaks = self.conversation.speaks();
        let assumed = self.client.map_or(0, index);
        if self.conversation.client().is_some_and(|client| client != assumed) {
            // `tcp` took the other end for the client.
            fact.directions.reverse();
            std::mem::swap(&mut fact.client, &mut fact.server);
            if let crate::base::Ending::Reset(by) = &mut fact.ended {
                *by = by.other();
            }
        }
    }
}

fn index(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

/// What an output of `http` carries; `None` where that is nothing to look at.
fn carried(peers: Peers, output: &http::Update) -> Option<PayloadFact> {
    let (side, kind, span, bytes, degraded) = match &output.kind {
        UpdateKind::Request(head) => (Side::Client, PayloadKind::Head, head.span, &head.raw, Degraded::NONE),
        UpdateKind::Response(head) => (Side::Server, PayloadKind::Head, head.span, &head.raw, Degraded::NONE),
        UpdateKind::RequestBody(body) => {
            (Side::Client, PayloadKind::Body, body.span, &body.content, body.degraded)
        }
        UpdateKind::ResponseBody(body) => {
            (Side::Server, PayloadKind::Body, body.span, &body.content, body.degraded)
        }
        UpdateKind::Event(event) => {
            let kind = PayloadKind::Event { name: event.name.clone(), id: event.id.clone() };
            (Side::Server, kind, event.span, &event.data, event.degraded)
        }
        UpdateKind::Gap { .. } | UpdateKind::ClientClosed | UpdateKind::Ended { .. } => return None,
    };
    let (transaction, bytes) = (output.transaction.0, bytes.clone());
    Some(PayloadFact { peers, transaction, side, kind, span, bytes, degraded })
}

/// The packet that a feed came with.
fn place_of(feed: &crate::base::Feed) -> Origin {
    match feed {
        crate::base::Feed::Data(_, span) => span.end,
        crate::base::Feed::Gap { at, .. } | crate::base::Feed::End { at, .. } => *at,
    }
}
