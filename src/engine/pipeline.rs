//! The pipeline of one connection: decides what is spoken and which end is the client, and holds
//! the layers that apply.
//!
//! ```text
//!   Delivery (by End) ─▶ Sniffer ─▶ layers (by Side) ─▶ Update
//!                        undecided   http over h1; tls goes below it
//! ```
//!
//! This is the only place where an end gets its role. Below it everything is by [`End`], above it
//! by [`Side`].

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::base::fact::{Speaks, Wrapper};
use crate::base::{Code, End, Feed, Findings, Layer, Origin, Peers, Side, Sink, Stack, Switched};
use crate::http::h1::{self, scan::EntryPoint};
use crate::http::{Assembler, Update};
use crate::tcp::{ConnectionId, Opened};

use super::sniff::{Announced, Sniffer, Verdict};

/// The layers of a connection, as one.
type Layers = Box<dyn Layer<In = (Side, Feed), Out = Update> + Send>;

/// The pipeline of one connection.
pub(super) struct Pipeline {
    opened: Opened,
    /// The client as far as it is known: the end that sent the SYN, until the connection shows what
    /// it speaks.
    client: Option<End>,
    /// The PROXY protocol header with which the connection began.
    announced: Option<Announced>,
    state: State,
    /// Pieces that were held before the protocol was known, to be read in this order.
    replay: VecDeque<(End, Feed<End>)>,
    /// The part of the shard's held content that this connection accounts for.
    pub(super) counted: usize,
}

enum State {
    /// Nothing is decided.
    Sniffing(Box<Sniffer>),
    /// The layers that read the connection.
    Reading(Speaks, Layers),
    /// Not decoded, or over: costs nothing.
    Ignored(Speaks, Switched),
}

impl Pipeline {
    /// Creates the pipeline of a connection of which nothing was read.
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            opened,
            client: opened.opener,
            announced: None,
            state: State::Sniffing(Box::default()),
            replay: VecDeque::new(),
            counted: 0,
        }
    }

    /// Returns the connection.
    pub(super) fn id(&self) -> ConnectionId {
        self.opened.id
    }

    /// Returns the client. If nothing shows which end it is, A is taken for it.
    pub(super) fn client(&self) -> End {
        self.client.unwrap_or(End::A)
    }

    /// Returns the addresses of client and server.
    pub(super) fn peers(&self) -> Peers {
        let [opener, server] = self.client().client_first(self.opened.ends);
        let named = self.named_client();
        let tcp_stream = self.opened.id.tcp_stream;
        Peers { tcp_stream, client: named.unwrap_or(opener), server, via: named.map(|_| opener) }
    }

    /// Returns the client that a PROXY protocol header names; `None` if none does.
    pub(super) fn named_client(&self) -> Option<SocketAddr> {
        self.announced.as_ref().and_then(|announced| announced.client)
    }

    /// Returns what the connection speaks, as far as it is known.
    pub(super) fn speaks(&self) -> Speaks {
        match &self.state {
            State::Sniffing(sniffer) if sniffer.is_empty() => Speaks::Nothing,
            State::Sniffing(_) => Speaks::Other,
            State::Reading(speaks, layers) => layers.switched().to.unwrap_or(*speaks),
            State::Ignored(speaks, switched) => switched.to.unwrap_or(*speaks),
        }
    }

    /// Returns what stands before or around what the connection speaks.
    pub(super) fn wrapper(&self) -> Option<Wrapper> {
        let is_tunnel = match &self.state {
            State::Sniffing(_) => false,
            State::Reading(_, layers) => layers.switched().is_tunnel,
            State::Ignored(_, switched) => switched.is_tunnel,
        };
        let proxy_header = self.announced.as_ref().map(|_| Wrapper::ProxyHeader);
        if is_tunnel { Some(Wrapper::ConnectTunnel) } else { proxy_header }
    }

    /// Returns the number of bytes held for messages that are not complete.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            State::Sniffing(sniffer) => sniffer.held(),
            State::Reading(_, layers) => layers.held(),
            State::Ignored(..) => 0,
        }
    }

    /// Drops what is held because a cap was reached.
    pub(super) fn shed(&mut self, at: Origin, findings: &mut Findings) {
        match &mut self.state {
            State::Reading(_, layers) => layers.shed(at, findings),
            State::Sniffing(_) => self.state = ignored(Speaks::Other),
            State::Ignored(..) => {}
        }
    }

    /// Takes the next piece of what `from` sent. Must not be called while it is pending.
    pub(super) fn push(&mut self, from: End, feed: Feed<End>, sink: &mut Sink<'_, Update>) {
        match &mut self.state {
            State::Reading(..) => self.read(from, feed, sink),
            State::Ignored(..) => {}
            State::Sniffing(sniffer) => match sniffer.push(from, feed, self.client) {
                Verdict::Undecided => {}
                Verdict::Ignore(speaks) => {
                    let proxy_header = sniffer.take_proxy_header();
                    self.report_proxy_header(proxy_header, sink.findings);
                    self.state = ignored(speaks);
                }
                Verdict::Http1 { client } => {
                    let held = sniffer.take_held();
                    let proxy_header = sniffer.take_proxy_header();
                    self.client = Some(client);
                    self.report_proxy_header(proxy_header, sink.findings);
                    self.state = State::Reading(Speaks::Http1, Box::new(http1()));
                    self.replay.extend(held);
                    self.resume(sink);
                }
                Verdict::Midstream { from, entry } => self.start_midstream(from, entry, sink),
            },
        }
    }

    /// Returns whether there is more output for what was pushed.
    pub(super) fn is_pending(&self) -> bool {
        match &self.state {
            State::Reading(_, layers) => layers.is_pending() || !self.replay.is_empty(),
            State::Sniffing(_) | State::Ignored(..) => false,
        }
    }

    /// Appends the next part of the output for what was pushed.
    pub(super) fn resume(&mut self, sink: &mut Sink<'_, Update>) {
        if let State::Reading(_, layers) = &mut self.state
            && layers.is_pending()
        {
            layers.resume(sink);
            self.settle();
        } else if let Some((from, feed)) = self.replay.pop_front() {
            self.read(from, feed, sink);
        }
    }

    /// Reports that the connection began with a PROXY protocol header.
    fn report_proxy_header(&mut self, header: Option<Announced>, findings: &mut Findings) {
        if let Some(announced) = &header {
            findings.add(Code::HttpProxyHeader, announced.at, announced.describe());
        }
        self.announced = header;
    }

    /// Starts to read HTTP/1 at a place in the middle of what `from` sent.
    fn start_midstream(&mut self, from: End, entry: EntryPoint, sink: &mut Sink<'_, Update>) {
        let State::Sniffing(sniffer) = &mut self.state else { return };
        let mut held = sniffer.take_midstream();
        let client = if matches!(entry, EntryPoint::Request(_)) { from } else { from.other() };
        self.client = Some(client);
        let mut http = http1();
        if let EntryPoint::Event { at, chunked } = entry {
            let (window, _) = from.split_mut(&mut held.windows);
            window.skip(at);
            if let Some(span) = window.first_span() {
                let head = http.lower.start_in_stream(chunked, span, held.missing);
                http.upper.push(head, sink);
            }
        }
        self.state = State::Reading(Speaks::Http1, Box::new(http));
        // The other end first: it cannot have answered what was not read yet, but what it sent may
        // be answered here.
        for end in [from.other(), from] {
            let is_in_stream = end == from && matches!(entry, EntryPoint::Event { .. });
            let (window, _) = end.split_mut(&mut held.windows);
            if !is_in_stream {
                let at = window.first_span().map_or_else(Origin::default, |span| span.start);
                self.replay.push_back((end, Feed::Gap { len: 0, why: held.missing, at }));
            }
            while let Some((bytes, span)) = window.take_piece(usize::MAX) {
                self.replay.push_back((end, Feed::Data(bytes, span)));
            }
        }
        self.replay.extend(held.eofs);
        self.resume(sink);
    }

    /// Pushes a piece through the layers. Here, and nowhere else, an end becomes a side.
    fn read(&mut self, from: End, feed: Feed<End>, sink: &mut Sink<'_, Update>) {
        let client = self.client();
        let State::Reading(_, layers) = &mut self.state else { return };
        layers.push((from.side(client), feed.by_side(client)), sink);
        self.settle();
    }

    /// Copies what would keep a block of the capture in memory, and drops layers that are over.
    fn settle(&mut self) {
        let State::Reading(speaks, layers) = &mut self.state else { return };
        if layers.is_pending() {
            return;
        }
        if layers.is_over() {
            // The connection is kept for late packets; its layers need not be.
            self.state = State::Ignored(*speaks, layers.switched());
            self.replay = VecDeque::new();
        } else {
            layers.settle();
        }
    }
}

/// The state of a connection that is not decoded from its beginning on.
fn ignored(speaks: Speaks) -> State {
    State::Ignored(speaks, Switched::default())
}

/// Creates the layers of an HTTP/1 connection.
fn http1() -> Stack<h1::Connection, Assembler> {
    Stack::new(h1::Connection::new(), Assembler::new())
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("id", &self.opened.id)
            .field("client", &self.client)
            .field("speaks", &self.speaks())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::{Ending, Span};

    /// A layer that changes nothing: what TLS with a known key would be.
    struct PassThrough {
        eofs: usize,
    }

    impl Layer for PassThrough {
        type In = (Side, Feed);
        type Out = (Side, Feed);

        fn push(&mut self, input: Self::In, sink: &mut Sink<'_, Self::Out>) {
            self.eofs += usize::from(matches!(input.1, Feed::Eof { .. }));
            sink.out.push(input);
        }

        fn held(&self) -> usize {
            0
        }

        fn shed(&mut self, _: Origin, _: &mut Findings) {}

        fn settle(&mut self) {}

        fn is_over(&self) -> bool {
            self.eofs == 2
        }
    }

    const REQUEST: &str = "POST /hook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    const RESPONSE: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

    fn data(text: &str, packet: u64) -> Feed<End> {
        let span = Span::of(Origin::new(packet, packet as i64));
        Feed::Data(Bytes::copy_from_slice(text.as_bytes()), span)
    }

    /// One request of `client`, its response, then a FIN and a RST.
    fn feeds(client: End) -> Vec<(End, Feed<End>)> {
        let server = client.other();
        let at = Origin::new(9, 9);
        vec![
            (client, data(&REQUEST[..9], 1)),
            (client, data(&REQUEST[9..], 2)),
            (server, data(RESPONSE, 3)),
            (client, data(REQUEST, 4)),
            (server, Feed::Eof { how: Ending::Closed, at }),
            (client, Feed::Eof { how: Ending::Reset(client), at }),
        ]
    }

    fn opened(opener: Option<End>) -> Opened {
        let ends = ["10.0.0.1:40000", "10.0.0.2:80"].map(|end| end.parse().unwrap());
        Opened { id: ConnectionId::default(), ends, opener, at: Origin::default() }
    }

    fn updates(client: End, opener: Option<End>) -> (Pipeline, Vec<String>) {
        let (mut pipeline, mut out, mut findings) =
            (Pipeline::new(opened(opener)), Vec::new(), Findings::new());
        for (from, feed) in feeds(client) {
            pipeline.push(from, feed, &mut Sink::new(&mut out, &mut findings));
        }
        (pipeline, out.iter().map(|update| format!("{update:?}")).collect())
    }

    /// A server may open the connection that it answers on, and a client may be called back on one
    /// of its own.
    #[test]
    fn roles_come_from_what_is_spoken() {
        let (_, expected) = updates(End::A, Some(End::A));
        for (client, opener) in [(End::A, Some(End::B)), (End::B, Some(End::A)), (End::B, None)] {
            let (pipeline, got) = updates(client, opener);
            assert_eq!(pipeline.client(), client, "{opener:?} opened the connection");
            assert_eq!(pipeline.peers().client.port(), if client == End::A { 40000 } else { 80 });
            assert_eq!(pipeline.speaks(), Speaks::Http1);
            assert_eq!(got, expected);
        }
    }

    /// A layer that takes and makes feeds (TLS) fits between tcp and http without a change to
    /// either.
    #[test]
    fn a_layer_fits_between_tcp_and_http() {
        let (mut plain, mut below) = (http1(), Stack::new(PassThrough { eofs: 0 }, http1()));
        let run = |layers: &mut dyn Layer<In = (Side, Feed), Out = Update>| {
            let (mut out, mut findings) = (Vec::new(), Findings::new());
            for (from, feed) in feeds(End::A) {
                layers
                    .push((from.side(End::A), feed.by_side(End::A)), &mut Sink::new(&mut out, &mut findings));
                layers.settle();
            }
            assert!(layers.is_over());
            assert_eq!(layers.held(), 0);
            format!("{out:?}")
        };
        let expected = run(&mut plain);
        assert!(expected.contains("202"));
        assert_eq!(run(&mut below), expected);
    }
}
