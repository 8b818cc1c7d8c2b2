//! The pipeline of one connection: decides what is spoken and which end is the client, and holds
//! the layers that apply.
//!
//! ```text
//!   Delivery (by End) ─▶ Sniffer ─▶ layers (by Side) ─▶ Update
//!      └─▶ tls ─▶┘       undecided   http over h1 or h2
//! ```
//!
//! If the connection turns out to be TLS, what it carries is decrypted and sniffed anew, as if it
//! had been sent in clear. What is in the tunnel of a proxy (`CONNECT`) is sniffed anew as well, if
//! it is not HTTP/1.
//!
//! This is the only place where an end gets its role. Below it everything is by [`End`], above it
//! by [`Side`](crate::base::Side).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::fact::{ConnectionFact, Speaks, Wrapper};
use crate::base::protocols::TlsNames;
use crate::base::tls::TlsFact;
use crate::base::{
    Account, Code, End, Ending, Feed, Findings, Layer, Origin, Peers, RoundTrips, Sink, Stack, Switched,
};
use crate::http::h1::scan::EntryPoint;
use crate::http::{Assembler, Connection, TransactionNo, Tunnel, Update};
use crate::llm;
use crate::tcp::{ConnectionId, Opened, Reassembler, Summary};
use crate::tls::{self, ClientRandom, KeyStore, Keys, Plaintext};

use super::sniff::{Announced, Sniffer, Verdict};
use super::waiting::Counted;

/// The layers of a connection, as one.
type Layers = Box<Stack<Connection, Assembler>>;

/// The pipeline of one connection.
pub(super) struct Pipeline {
    opened: Opened,
    /// The client as far as it is known: the end that sent the SYN, until the connection shows what
    /// it speaks.
    client: Option<End>,
    /// The PROXY protocol header with which the connection began.
    announced: Option<Announced>,
    /// Whether `state` reads what is in a tunnel, and HTTP/1 before it is over.
    is_tunnel: bool,
    /// The next transaction of the connection when `state` begins to read.
    first: TransactionNo,
    /// TLS below what `state` reads; `None` if the connection has none.
    tls: Option<Box<tls::Connection>>,
    state: State,
    /// The LLM calls that the connection carries.
    pub(super) llm: llm::Calls,
    /// The addresses of client and server, once an update names them.
    peers: Option<Arc<Peers>>,
    /// What `tls` agreed on, once it carried data.
    tls_names: Option<Arc<TlsNames>>,
    /// Output of `tls`; empty between calls.
    plaintext: Vec<Plaintext>,
    /// The same, for who shows it; `None` if nobody does.
    shown: Option<Vec<Plaintext>>,
    /// Pieces to be read in this order: held before the protocol was known, or decrypted while a
    /// layer was pending.
    replay: VecDeque<(End, Feed<End>)>,
    /// The part of its shard's memory that the connection accounts for.
    pub(super) account: Account,
    /// What waited for reassembly when the account was charged last; `None` before.
    pub(super) counted_reassembly: Option<usize>,
    /// How the connection is counted among those of its shard that wait for secrets.
    pub(super) counted: Counted,
    /// Whether content is kept that is no text: see [`Assembler::new`].
    keeps_binary: bool,
    /// Whether it is reported that the connection cannot be decrypted.
    is_unread: bool,
    /// Whether it is reported that its secrets were found out by trial.
    is_identified: bool,
}

enum State {
    /// Nothing is decided.
    Sniffing(Box<Sniffer>),
    /// The layers that read the connection.
    Reading(Speaks, Layers),
    /// Not decoded, or over: costs nothing.
    Ignored(Speaks, Switched, RoundTrips),
}

impl Pipeline {
    /// Creates the pipeline of a connection of which nothing was read.
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            opened,
            client: opened.opener,
            announced: None,
            is_tunnel: false,
            first: TransactionNo(0),
            tls: None,
            peers: None,
            tls_names: None,
            state: State::Sniffing(Box::default()),
            llm: llm::Calls::default(),
            plaintext: Vec::new(),
            shown: None,
            replay: VecDeque::new(),
            account: Account::default(),
            counted_reassembly: None,
            counted: Counted::default(),
            keeps_binary: false,
            is_unread: false,
            is_identified: false,
        }
    }

    /// Keeps content that is no text, too.
    pub(super) fn keeping_binary(self) -> Self {
        Self { keeps_binary: true, ..self }
    }

    /// Keeps what is decrypted for [`Pipeline::take_shown`].
    pub(super) fn showing_plaintext(self) -> Self {
        Self { shown: Some(Vec::new()), ..self }
    }

    /// Returns what was decrypted since the last call.
    pub(super) fn take_shown(&mut self) -> Vec<Plaintext> {
        self.shown.as_mut().map(std::mem::take).unwrap_or_default()
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

    /// Returns the same to be kept. The roles of the ends have to be known.
    pub(super) fn shared_peers(&mut self) -> Arc<Peers> {
        match &self.peers {
            Some(peers) => Arc::clone(peers),
            None => Arc::clone(self.peers.insert(Arc::new(self.peers()))),
        }
    }

    /// Returns the client that a PROXY protocol header names; `None` if none does.
    pub(super) fn named_client(&self) -> Option<SocketAddr> {
        self.announced.as_ref().and_then(|announced| announced.client)
    }

    /// Returns whether the connection carries nothing that is read, whatever comes.
    pub(super) fn is_ignored(&self) -> bool {
        matches!(self.state, State::Ignored(..)) && self.tls.is_none()
    }

    /// Returns what the connection speaks, as far as it is known.
    pub(super) fn speaks(&self) -> Speaks {
        match &self.state {
            State::Sniffing(_) if self.tls.is_some() => Speaks::Tls,
            State::Sniffing(sniffer) if sniffer.is_empty() => Speaks::Nothing,
            State::Sniffing(_) => Speaks::Other,
            State::Reading(speaks, layers) => layers.switched().to.unwrap_or(*speaks),
            State::Ignored(speaks, switched, _) => switched.to.unwrap_or(*speaks),
        }
    }

    /// Returns what stands before or around what the connection speaks.
    pub(super) fn wrapper(&self) -> Option<Wrapper> {
        let is_tunnel = self.is_tunnel
            || match &self.state {
                State::Sniffing(_) => false,
                State::Reading(_, layers) => layers.switched().is_tunnel,
                State::Ignored(_, switched, _) => switched.is_tunnel,
            };
        let proxy_header = self.announced.as_ref().map(|_| Wrapper::ProxyHeader);
        if is_tunnel { Some(Wrapper::ConnectTunnel) } else { proxy_header }
    }

    /// Returns the round trips that PING frames of HTTP/2 show.
    pub(super) fn round_trips(&self) -> RoundTrips {
        match &self.state {
            State::Sniffing(_) => RoundTrips::default(),
            State::Reading(_, layers) => layers.round_trips(),
            State::Ignored(.., round_trips) => *round_trips,
        }
    }

    /// Returns what is known of the connection's TLS; `None` if it has none.
    pub(super) fn tls(&self, secrets: &KeyStore) -> Option<Box<TlsFact>> {
        self.tls.as_ref().map(|tls| Box::new(tls.fact(secrets)))
    }

    /// Returns the summary of the connection, with what the pipeline knows.
    pub(super) fn fact(&self, summary: Summary, secrets: &KeyStore) -> ConnectionFact {
        let mut fact = summary.into_fact(self.client(), self.speaks(), self.wrapper());
        fact.named_client = self.named_client();
        fact.pings = self.round_trips();
        fact.tls = self.tls(secrets);
        if let (Ending::Reset(by), Some(tls)) = (fact.ended, &fact.tls)
            && tls.has_closed(by)
        {
            // It had said that it is done: it refuses what still arrives, as Node.js does.
            fact.ended = Ending::Closed;
        }
        fact
    }

    /// Returns what the connection agreed on; `None` without TLS. It is known once the connection
    /// carries data.
    pub(super) fn tls_names(&mut self) -> Option<Arc<TlsNames>> {
        let tls = self.tls.as_ref()?;
        Some(Arc::clone(self.tls_names.get_or_insert_with(|| Arc::new(tls.names()))))
    }

    /// Returns the memory of the connection, in bytes: its own state, and what its layers hold for
    /// messages that are not complete. Without what waits for reassembly.
    pub(super) fn held(&self) -> usize {
        let state = match &self.state {
            State::Sniffing(sniffer) => size_of_val(&**sniffer) + sniffer.held(),
            State::Reading(_, layers) => size_of_val(&**layers) + layers.held(),
            State::Ignored(..) => 0,
        };
        let tls = self.tls.as_ref().map_or(0, |tls| size_of_val(&**tls) + tls.held() + tls.waiting());
        size_of::<Self>() + Reassembler::CONNECTION_SIZE + tls + state + self.llm.held()
    }

    /// Returns whether the connection has no TLS, and nobody shows what it carries.
    pub(super) fn is_plain(&self) -> bool {
        self.tls.is_none() && self.shown.is_none()
    }

    /// Returns the number of bytes that wait for secrets.
    pub(super) fn waiting(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.waiting())
    }

    /// Returns whether secrets that come later may be of use.
    pub(super) fn is_waiting(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_waiting())
    }

    /// Returns whether something is held of which the end of the connection decides.
    pub(super) fn is_undecided(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_undecided())
    }

    /// Returns the name of the connection in a key log; `None` if it is not known, or without TLS.
    pub(super) fn client_random(&self) -> Option<ClientRandom> {
        self.tls.as_ref().and_then(|tls| tls.client_random())
    }

    /// Returns the end that is the server of a connection that cannot be decrypted, or both ends if
    /// the server is not known; once for each connection, and nothing if it can.
    pub(super) fn take_unread(&mut self) -> Vec<SocketAddr> {
        let Some(tls) = self.tls.as_ref().filter(|tls| !self.is_unread && tls.is_unread()) else {
            return Vec::new();
        };
        self.is_unread = true;
        match tls.client() {
            Some(client) => vec![*client.other().of(&self.opened.ends)],
            None => self.opened.ends.to_vec(),
        }
    }

    /// Returns the client random if it was found out by trial; once for each connection.
    pub(super) fn take_identified(&mut self) -> Option<[u8; 32]> {
        if self.is_identified {
            return None;
        }
        let random = self.tls.as_ref()?.identified()?;
        self.is_identified = true;
        Some(random.0)
    }

    /// Drops what is held because a cap was reached.
    pub(super) fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if let Some(tls) = &mut self.tls {
            tls.shed(at, findings);
        }
        self.llm.shed();
        match &mut self.state {
            State::Reading(_, layers) => layers.shed(at, findings),
            State::Sniffing(_) => self.state = ignored(Speaks::Other),
            State::Ignored(..) => {}
        }
    }

    /// Takes the next piece of what `from` sent. Must not be called while it is pending.
    // Inlined, as what it calls down to `h1`: a piece is large, and moved from layer to layer.
    #[inline(always)]
    pub(super) fn push(&mut self, from: End, feed: Feed<End>, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        match &mut self.tls {
            None => self.read(from, feed, keys, sink),
            Some(tls) => {
                tls.push(from, feed, keys, &mut Sink::new(&mut self.plaintext, sink.findings));
                self.pass_on(keys, sink);
            }
        }
    }

    /// Decrypts what waits for secrets, with those that are known now.
    pub(super) fn retry(&mut self, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        if let Some(tls) = &mut self.tls {
            tls.retry(keys, &mut Sink::new(&mut self.plaintext, sink.findings));
            self.pass_on(keys, sink);
        }
    }

    /// Waits no longer for secrets, because of `why`; `None` if the connection is forgotten.
    pub(super) fn conclude(&mut self, why: Option<&str>, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        if let Some(tls) = &mut self.tls {
            tls.conclude(why, keys, &mut Sink::new(&mut self.plaintext, sink.findings));
            self.pass_on(keys, sink);
        }
    }

    /// Passes on what was decrypted, as far as the layers take it.
    fn pass_on(&mut self, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        let Some(tls) = &mut self.tls else { return };
        tls.settle();
        if let State::Sniffing(_) = self.state {
            self.client = tls.client().or(self.client);
        }
        if let Some(shown) = &mut self.shown {
            shown.extend(self.plaintext.iter().cloned());
        }
        self.replay.extend(self.plaintext.drain(..));
        self.resume(keys, sink);
    }

    /// Reads a piece of plaintext, or finds out that it is none.
    #[inline(always)]
    fn read(&mut self, from: End, feed: Feed<End>, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        match &mut self.state {
            State::Reading(..) => self.push_to_layers(from, feed, keys, sink),
            State::Ignored(..) => {}
            State::Sniffing(sniffer) => {
                let verdict = sniffer.push(from, feed, self.client);
                self.decide(verdict, keys, sink);
            }
        }
    }

    /// Does what the sniffer found out.
    fn decide(&mut self, verdict: Verdict, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        let State::Sniffing(sniffer) = &mut self.state else { return };
        match verdict {
            Verdict::Undecided => {}
            Verdict::Ignore(speaks) => {
                let proxy_header = sniffer.take_proxy_header();
                self.report_proxy_header(proxy_header, sink.findings);
                self.state = ignored(speaks);
            }
            Verdict::Http1 { client } => {
                self.start((client, Speaks::Http1, Connection::http1(self.first)), keys, sink);
            }
            Verdict::Http2 { client } => {
                self.start((client, Speaks::Http2, Connection::http2(self.first)), keys, sink);
            }
            Verdict::Midstream { from, entry } => self.start_midstream(from, entry, keys, sink),
            Verdict::Http2Midstream { client } => {
                let read = (client, Speaks::Http2, Connection::http2(self.first));
                let held = sniffer.take_midstream().into_feeds([client, client.other()]);
                self.start_midway(read, held, keys, sink);
            }
            Verdict::WebSocketMidstream { client } => {
                let read = (client, Speaks::WebSocket, Connection::websocket_midstream(self.first));
                let held = sniffer.take_midstream().into_feeds([client, client.other()]);
                self.start_midway(read, held, keys, sink);
            }
            Verdict::Lines { client } => {
                self.start((client, Speaks::JsonLines, Connection::lines(self.first)), keys, sink);
            }
            Verdict::LinesMidstream { client } => {
                let held = sniffer.take_midstream().into_feeds_and_gaps([client, client.other()]);
                let read = (client, Speaks::JsonLines, Connection::lines_midstream(self.first));
                self.start_midway(read, held, keys, sink);
            }
            Verdict::Tls | Verdict::TlsMidstream if self.tls.is_some() => {
                let at = sniffer.take_held().first().map_or_else(Origin::default, |(_, feed)| feed.at());
                if self.is_tunnel {
                    sink.findings.add(
                        Code::HttpNotRead,
                        at,
                        "TLS in the tunnel of a proxy, inside TLS to it",
                    );
                }
                self.state = ignored(Speaks::Tls);
            }
            Verdict::Tls => {
                let held = sniffer.take_held();
                let proxy_header = sniffer.take_proxy_header();
                self.report_proxy_header(proxy_header, sink.findings);
                self.start_tls(held, keys, sink);
            }
            Verdict::TlsMidstream => {
                let feeds = sniffer.take_midstream().into_feeds(End::BOTH);
                self.start_tls(feeds, keys, sink);
            }
        }
    }

    /// Starts to decrypt; what is decrypted is sniffed anew.
    fn start_tls(&mut self, held: Vec<(End, Feed<End>)>, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        self.state = State::Sniffing(Box::default());
        let mut tls = Box::<tls::Connection>::default();
        // In a tunnel more may wait: it is not decrypted either.
        let waiting = std::mem::take(&mut self.replay);
        for (from, feed) in held.into_iter().chain(waiting) {
            tls.push(from, feed, keys, &mut Sink::new(&mut self.plaintext, sink.findings));
        }
        self.tls = Some(tls);
        self.pass_on(keys, sink);
    }

    /// A tunnel turned out not to carry HTTP/1: finds out what it carries.
    fn enter_tunnel(&mut self, tunnel: Tunnel, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        (self.is_tunnel, self.first) = (true, tunnel.next);
        self.state = State::Sniffing(Box::default());
        self.replay_first(tunnel::into_feeds(tunnel, self.client()));
        self.resume(keys, sink);
    }

    /// Reads `held` before everything that waits already.
    fn replay_first(
        &mut self,
        held: impl IntoIterator<Item = (End, Feed<End>), IntoIter: DoubleEndedIterator>,
    ) {
        for item in held.into_iter().rev() {
            self.replay.push_front(item);
        }
    }

    /// Returns whether there is more output for what was pushed.
    pub(super) fn is_pending(&self) -> bool {
        let is_pending = matches!(&self.state, State::Reading(_, layers) if layers.is_pending());
        is_pending || !self.replay.is_empty()
    }

    /// Appends the next part of the output for what was pushed.
    pub(super) fn resume(&mut self, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        match &mut self.state {
            State::Reading(_, layers) if layers.is_pending() => {
                layers.resume(sink);
                self.settle(keys, sink);
            }
            State::Ignored(..) => self.replay = VecDeque::new(),
            State::Reading(..) | State::Sniffing(_) => {
                if let Some((from, feed)) = self.replay.pop_front() {
                    self.read(from, feed, keys, sink);
                }
            }
        }
    }

    /// Reports that the connection began with a PROXY protocol header.
    fn report_proxy_header(&mut self, header: Option<Announced>, findings: &mut Findings) {
        if let Some(announced) = header {
            findings.add(Code::HttpProxyHeader, announced.at, announced.describe());
            // What is decrypted later has none: it stands before the TLS.
            self.announced = Some(announced);
        }
    }

    /// Starts to read from the beginning.
    fn start(
        &mut self,
        (client, speaks, http): (End, Speaks, Connection),
        keys: Keys<'_>,
        sink: &mut Sink<'_, Update>,
    ) {
        let State::Sniffing(sniffer) = &mut self.state else { return };
        let held = sniffer.take_held();
        let proxy_header = sniffer.take_proxy_header();
        self.client = Some(client);
        self.report_proxy_header(proxy_header, sink.findings);
        self.state = State::Reading(speaks, Box::new(stack(http, self.keeps_binary)));
        let mut held = held.into_iter();
        let first = held.next();
        self.replay_first(held);
        match first {
            // Nearly always the only piece, which need not wait.
            Some((from, feed)) => self.read(from, feed, keys, sink),
            None => self.resume(keys, sink),
        }
    }

    /// Starts to read frames or lines in the middle: each direction finds its first one in what was
    /// held.
    fn start_midway(
        &mut self,
        (client, speaks, connection): (End, Speaks, Connection),
        held: Vec<(End, Feed<End>)>,
        keys: Keys<'_>,
        sink: &mut Sink<'_, Update>,
    ) {
        self.client = Some(client);
        self.state = State::Reading(speaks, Box::new(stack(connection, self.keeps_binary)));
        self.replay_first(held);
        self.resume(keys, sink);
    }

    /// Starts to read HTTP/1 at a place in the middle of what `from` sent.
    fn start_midstream(&mut self, from: End, entry: EntryPoint, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        let State::Sniffing(sniffer) = &mut self.state else { return };
        let mut held = sniffer.take_midstream();
        let client = if matches!(entry, EntryPoint::Request(_)) { from } else { from.other() };
        self.client = Some(client);
        let mut http = stack(Connection::http1(self.first), self.keeps_binary);
        if let EntryPoint::Event { at, chunked } = entry {
            let (window, _) = from.split_mut(&mut held.windows);
            window.skip(at);
            if let Some(span) = window.first_span()
                && let Some(head) = http.lower.start_in_stream(chunked, span, held.missing)
            {
                http.upper.push(head, sink);
            }
        }
        self.state = State::Reading(Speaks::Http1, Box::new(http));
        // The other end first: it cannot have answered what was not read yet, but what it sent may
        // be answered here.
        let mut replay = Vec::new();
        for end in [from.other(), from] {
            let is_in_stream = end == from && matches!(entry, EntryPoint::Event { .. });
            let (window, _) = end.split_mut(&mut held.windows);
            if !is_in_stream {
                let at = window.first_span().map_or_else(Origin::default, |span| span.start);
                replay.push((end, Feed::Gap { len: 0, why: held.missing, at }));
            }
            while let Some((bytes, span)) = window.take_piece(usize::MAX) {
                replay.push((end, Feed::Data(bytes, span)));
            }
        }
        replay.extend(held.eofs);
        self.replay_first(replay);
        self.resume(keys, sink);
    }

    /// Pushes a piece through the layers. Here, and nowhere else, an end becomes a side.
    #[inline(always)]
    fn push_to_layers(&mut self, from: End, feed: Feed<End>, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        let client = self.client();
        let State::Reading(_, layers) = &mut self.state else { return };
        layers.push((from.side(client), feed.by_side(client)), sink);
        self.settle(keys, sink);
    }

    /// Copies what would keep a block of the capture in memory, and drops layers that are over.
    fn settle(&mut self, keys: Keys<'_>, sink: &mut Sink<'_, Update>) {
        let State::Reading(speaks, layers) = &mut self.state else { return };
        if layers.is_pending() {
            return;
        }
        if let Some(tunnel) = layers.lower.take_tunnel() {
            self.enter_tunnel(tunnel, keys, sink);
        } else if layers.is_over() {
            // The connection is kept for late packets; its layers need not be.
            self.state = State::Ignored(*speaks, layers.switched(), layers.round_trips());
            self.replay = VecDeque::new();
        } else {
            layers.settle();
        }
    }
}

/// The state of a connection that is not decoded from its beginning on.
fn ignored(speaks: Speaks) -> State {
    State::Ignored(speaks, Switched::default(), RoundTrips::default())
}

/// Creates the layers of an HTTP connection.
fn stack(http: Connection, keeps_binary: bool) -> Stack<Connection, Assembler> {
    let assembler = if keeps_binary { Assembler::new() } else { Assembler::dropping_binary() };
    Stack::new(http, assembler)
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

mod tunnel;

#[cfg(test)]
mod tests;
