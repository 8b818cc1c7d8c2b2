//! Which packets belong to exchanges: the plan of a pcapng slice.
//!
//! ```text
//!  entries ─▶ SlicePlan ─▶ Selection ◀─ SegmentFact   (the capture, read again)
//!                              └─▶ numbers of the chosen packets, comments
//! ```
//!
//! A slice is no [`Export`](super::Export): which packets belong to an exchange is known only when
//! it completes, so the capture is read again. `Engine::of_segments` says which connection a packet
//! belongs to, `capture::save::PacketFile` writes the chosen ones.
//!
//! Of a connection, the packets before its first payload and those with SYN, FIN and RST are always
//! chosen. Of an exchange, the packets of its transaction: from the first one of the request until
//! the client sends something else. Of an event stream that carried its answer, the beginning and
//! the packets of the answer. The exchanges that open the session go with it, since the transport
//! and the revision follow from them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::base::fact::SegmentFact;
use crate::base::{Fact, Files, Origin, PacketNo, Side, Timestamp, limits, sanitize, units};
use crate::ledger::{Entry, Exchange, Notification, Record, Speaks, Stream};

/// What is chosen around an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// The packets of the exchange, with what TCP and the session need around them.
    #[default]
    Exchanges,
    /// All packets of the connections that carried it.
    Connections,
    /// All packets of the connections of its session.
    Session,
}

impl Extent {
    /// The extents that can be asked for.
    pub const ALL: [Self; 3] = [Self::Exchanges, Self::Connections, Self::Session];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
            Self::Connections => "connections",
            Self::Session => "sessions",
        }
    }

    /// Returns the next larger extent; `None` if there is none.
    #[must_use]
    pub fn wider(self) -> Option<Self> {
        Self::ALL.into_iter().find(|extent| *extent > self)
    }
}

/// Collects the exchanges of a slice, and what they need around them.
#[derive(Debug, Default)]
pub struct SlicePlan {
    /// The chosen exchanges, by `n`.
    exchanges: BTreeMap<u64, Box<Exchange>>,
    /// How much is chosen around an exchange, where it is more than asked for.
    widened: BTreeMap<u64, Extent>,
    /// The exchanges that opened each session.
    opening: BTreeMap<u32, Vec<Exchange>>,
    /// The event streams of sessions, by connection and transaction.
    streams: BTreeMap<(u32, u32), StreamPart>,
    /// The same streams: session, connection, transaction.
    session_streams: BTreeSet<(u32, u32, u32)>,
    /// Connection, first and last packet of the notifications of exchanges, by `n`.
    notifications: HashMap<u64, Vec<(u32, u64, u64)>, RandomState>,
    /// What the server asked inside a call that may be chosen, by the `n` of the call.
    asked: HashMap<u64, Vec<Exchange>, RandomState>,
    /// Connection, first and last packet of what deleted a session.
    deletions: BTreeMap<u32, Vec<(u32, u64, u64)>>,
    /// The connections that carried exchanges of a session.
    of_session: BTreeSet<(u32, u32)>,
    /// Connections of streams and transactions that were chosen themselves.
    connections: BTreeSet<u32>,
    /// Connections that other programs cannot read after a gap: encrypted or multiplexed.
    indivisible: BTreeSet<u32>,
    /// The client random of TLS connections whose ClientHello was not captured.
    identified: BTreeMap<u32, [u8; 32]>,
}

/// Where an event stream begins.
#[derive(Clone, Copy, Debug)]
struct StreamPart {
    /// Whether a POST opened it.
    of_post: bool,
    first: u64,
    /// Start of its first event; `None` without events.
    first_event: Option<Timestamp>,
}

/// Exchanges of the opening that are kept for each session.
const MAX_OPENING: usize = 8;

/// Requests of the server inside one call whose packets go with the call.
const MAX_ASKED: usize = 64;

impl SlicePlan {
    /// Creates a plan without packets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry of the capture; `is_chosen` if its packets are wanted. Every entry has to be
    /// pushed: what is not wanted may be needed around what is.
    pub fn push(&mut self, entry: &Entry, is_chosen: bool) {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange, is_chosen),
            Entry::Record(Record::Notification(notification)) => self.notification(notification),
            Entry::Record(Record::Stream(stream)) => {
                self.stream(stream);
                if is_chosen {
                    self.connections.insert(stream.tcp_stream);
                }
            }
            Entry::Record(Record::Transaction(transaction)) => {
                if is_chosen {
                    self.connections.insert(transaction.tcp_stream);
                }
                let Some(session) = &transaction.session else { return };
                self.of_session.insert((session.number, transaction.tcp_stream));
                if &*transaction.method == "DELETE" {
                    let last = transaction.response.map_or(transaction.request.last, |span| span.last);
                    let deletion = (transaction.tcp_stream, transaction.request.first.0, last.0);
                    self.deletions.entry(session.number).or_default().push(deletion);
                }
            }
            Entry::Fact(Fact::Connection(connection))
                if connection.tls.is_some()
                    || !matches!(connection.speaks, Speaks::Http1 | Speaks::Nothing) =>
            {
                self.indivisible.insert(connection.tcp_stream);
                let tls = connection.tls.as_ref().filter(|tls| tls.is_identified);
                if let Some(random) = tls.and_then(|tls| tls.client_random) {
                    self.identified.insert(connection.tcp_stream, random);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty() && self.connections.is_empty()
    }

    /// Returns the chosen exchanges.
    pub fn exchanges(&self) -> impl ExactSizeIterator<Item = &Exchange> {
        self.exchanges.values().map(AsRef::as_ref)
    }

    /// Chooses more around exchange `n` than it has around it now, which is `at_least` the extent
    /// that was asked for. Returns false if there is no more.
    pub fn widen(&mut self, n: u64, at_least: Extent) -> bool {
        let now = self.extent(n, at_least);
        let Some(wider) = now.wider() else { return false };
        self.widened.insert(n, wider);
        true
    }

    /// Returns what is to be chosen of the connections.
    #[must_use]
    pub fn selection(&self, extent: Extent, files: &Files) -> Selection {
        let mut selection = Selection::default();
        for exchange in self.exchanges() {
            let extent = self.extent(exchange.n, extent);
            self.add(exchange, extent, &mut selection);
            for asked in self.asked.get(&exchange.n).into_iter().flatten() {
                self.add(asked, extent, &mut selection);
            }
            let session = exchange.session.number;
            for opening in self.opening.get(&session).into_iter().flatten() {
                self.add(opening, Extent::Exchanges.max(extent.min(Extent::Connections)), &mut selection);
            }
            if extent == Extent::Session {
                let of_session = self.of_session.range((session, 0)..=(session, u32::MAX));
                of_session.for_each(|(_, tcp_stream)| selection.whole(*tcp_stream));
            }
            selection.comment(exchange, files);
        }
        // What is no exchange is chosen only if there is none: `dur>1s` is about calls, though
        // streams last longer.
        if self.exchanges.is_empty() {
            self.connections.iter().for_each(|tcp_stream| selection.whole(*tcp_stream));
        }
        for (tcp_stream, connection) in &mut selection.connections {
            connection.is_whole |= self.indivisible.contains(tcp_stream);
            connection.windows.sort_unstable_by_key(|window| Reverse(window.from));
            selection.randoms.extend(self.identified.get(tcp_stream));
        }
        selection
    }

    fn extent(&self, n: u64, at_least: Extent) -> Extent {
        self.widened.get(&n).copied().unwrap_or_default().max(at_least)
    }

    fn exchange(&mut self, exchange: &Exchange, is_chosen: bool) {
        let session = exchange.session.number;
        self.of_session.insert((session, exchange.tcp_stream));
        if let Some((tcp_stream, _)) = exchange.answered_on {
            self.of_session.insert((session, tcp_stream));
        }
        if &*exchange.method == "initialize" {
            let opening = self.opening.entry(session).or_default();
            if opening.len() < MAX_OPENING {
                opening.push(exchange.clone());
            }
        }
        if let Some(call) = exchange.parent {
            self.asked(call, exchange);
        }
        if is_chosen {
            self.exchanges.insert(exchange.n, Box::new(exchange.clone()));
        } else {
            self.notifications.remove(&exchange.n);
            self.asked.remove(&exchange.n);
        }
    }

    /// Keeps what the server asked inside a call: the time of the client is a part of the call's.
    fn asked(&mut self, call: u64, exchange: &Exchange) {
        if self.asked.len() >= limits::MAX_OPEN_EXCHANGES && !self.asked.contains_key(&call) {
            return;
        }
        let of_call = self.asked.entry(call).or_default();
        if of_call.len() < MAX_ASKED {
            of_call.push(exchange.clone());
        }
    }

    fn notification(&mut self, notification: &Notification) {
        self.of_session.insert((notification.session.number, notification.tcp_stream));
        let Some(n) = notification.exchange else { return };
        // One that comes after the exchange is over belongs to a chosen one, or to none.
        if self.notifications.len() >= limits::MAX_OPEN_EXCHANGES && !self.notifications.contains_key(&n) {
            return;
        }
        let span = notification.message.span;
        let of_exchange = self.notifications.entry(n).or_default();
        if of_exchange.len() < limits::MAX_TABLE_ROWS {
            of_exchange.push((notification.tcp_stream, span.first.0, span.last.0));
        }
    }

    fn stream(&mut self, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        self.of_session.insert((session.number, stream.tcp_stream));
        self.session_streams.insert((session.number, stream.tcp_stream, stream.transaction));
        let part = StreamPart {
            of_post: stream.exchange.is_some(),
            first: stream.span.first.0,
            first_event: stream.first_event,
        };
        self.streams.insert((stream.tcp_stream, stream.transaction), part);
    }

    /// Adds the packets of an exchange.
    fn add(&self, exchange: &Exchange, extent: Extent, selection: &mut Selection) {
        let asked = (exchange.tcp_stream, exchange.transaction);
        let answered = exchange.answered_on.unwrap_or(asked);
        let request = exchange.request.span;
        let waited = exchange.wait_ended.map_or(0, |end| end.packet.0);
        let asked_from = request.first.0.min(request.start.packet.0);
        let asked_to = request.last.0.max(request.end.packet.0).max(waited);
        match exchange.response.map(|response| response.span) {
            _ if extent > Extent::Exchanges => {
                selection.whole(asked.0);
                selection.whole(answered.0);
            }
            Some(response) => {
                let (from, to) = (response.first.0, response.last.0.max(response.end.packet.0));
                if asked == answered {
                    self.part(asked, asked_from, asked_to.max(to), selection);
                } else {
                    self.part(asked, asked_from, asked_to, selection);
                    self.part(answered, from, to, selection);
                }
            }
            None => self.part(asked, asked_from, asked_to, selection),
        }
        // The answer may come on any stream of the session: that it did not has to be seen.
        if exchange.response.is_none() || extent > Extent::Exchanges {
            let session = exchange.session.number;
            for (_, tcp_stream, transaction) in
                self.session_streams.range((session, 0, 0)..=(session, u32::MAX, u32::MAX))
            {
                let Some(part) = self.streams.get(&(*tcp_stream, *transaction)) else { continue };
                match exchange.origin {
                    Side::Client if part.of_post => {}
                    _ if extent > Extent::Exchanges || waited == 0 => selection.whole(*tcp_stream),
                    _ => selection.window(*tcp_stream, Window::new(part.first, waited)),
                }
            }
        }
        if exchange.response.is_none() {
            for (tcp_stream, from, to) in self.deletions.get(&exchange.session.number).into_iter().flatten() {
                let window = Window { until_next: true, ..Window::new(*from, *to) };
                selection.add(*tcp_stream, window, extent);
            }
        }
        for (tcp_stream, from, to) in self.notifications.get(&exchange.n).into_iter().flatten() {
            let window = Window { with_previous: true, ..Window::new(*from, *to) };
            selection.add(*tcp_stream, window, extent);
        }
    }

    /// Adds a part of a transaction, which may be an event stream.
    fn part(&self, on: (u32, u32), from: u64, to: u64, selection: &mut Selection) {
        let Some(stream) = self.streams.get(&on).filter(|stream| !stream.of_post) else {
            return selection.window(on.0, Window { until_next: true, ..Window::new(from, to) });
        };
        selection
            .window(on.0, Window { until: stream.first_event, ..Window::new(stream.first, stream.first) });
        selection.window(on.0, Window { with_previous: true, ..Window::new(from, to) });
    }
}

/// Chooses packets.
#[derive(Debug, Default)]
pub struct Selection {
    connections: HashMap<u32, ConnectionSelection, RandomState>,
    comments: BTreeMap<u64, String>,
    /// The chosen packets, in no order, some twice.
    packets: Vec<u64>,
    randoms: BTreeSet<[u8; 32]>,
}

/// What is chosen of a connection.
#[derive(Debug, Default)]
struct ConnectionSelection {
    is_whole: bool,
    /// The windows that did not begin yet: the next one is last.
    windows: Vec<Window>,
    /// Those that began and did not end.
    begun: Vec<Window>,
    /// Whether a segment with payload was seen.
    has_payload: bool,
    /// The latest packet with payload of A and of B.
    previous: [Option<u64>; 2],
    /// Whether packets behind a window are chosen until A or B sends a payload again.
    trailing: [bool; 2],
}

/// Packets of a connection that are chosen, by their numbers in the capture.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: u64,
    /// The last one.
    to: u64,
    /// Also those captured until this time.
    until: Option<Timestamp>,
    /// Also those behind it, until the end that sent the first one sends something else.
    until_next: bool,
    /// Also the packet with payload of the same end before it, which may hold the boundary at which
    /// reading can start.
    with_previous: bool,
}

impl Window {
    fn new(from: u64, to: u64) -> Self {
        Self { from, to, until: None, until_next: false, with_previous: false }
    }

    /// Whether it has not ended before a packet.
    fn lasts(&self, origin: Origin) -> bool {
        origin.packet.0 <= self.to || self.until.is_some_and(|until| origin.time <= until)
    }
}

impl Selection {
    /// Takes the next segment of the capture, in packet order, and chooses its packets or not.
    pub fn push(&mut self, segment: &SegmentFact) {
        let Some(connection) = self.connections.get_mut(&segment.tcp_stream) else { return };
        if connection.chooses(segment, &mut self.packets) {
            self.packets.push(segment.origin.packet.0);
            self.packets.extend(segment.fragments.iter().map(|packet| packet.0));
        }
        if let Some(random) = segment.client_random {
            self.randoms.insert(random);
        }
    }

    /// Whether no connection is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Returns the numbers of the chosen packets in order, their comments, and the names of the
    /// chosen connections in TLS key logs.
    #[must_use]
    pub fn finish(mut self) -> Chosen {
        self.packets.sort_unstable();
        self.packets.dedup();
        Chosen { packets: self.packets, comments: self.comments, client_randoms: self.randoms }
    }

    /// Chooses a window of a connection, or all of it.
    fn add(&mut self, tcp_stream: u32, window: Window, extent: Extent) {
        if extent > Extent::Exchanges { self.whole(tcp_stream) } else { self.window(tcp_stream, window) }
    }

    fn whole(&mut self, tcp_stream: u32) {
        self.connections.entry(tcp_stream).or_default().is_whole = true;
    }

    fn window(&mut self, tcp_stream: u32, window: Window) {
        self.connections.entry(tcp_stream).or_default().windows.push(window);
    }

    /// Names the exchange at the packets with its ends; with several files also the packets, whose
    /// numbers in the slice are others.
    fn comment(&mut self, exchange: &Exchange, files: &Files) {
        let call = sanitize::clean(&exchange.method);
        let name = exchange.name.as_deref().map(|name| format!(" {}", sanitize::clean(name)));
        let call = format!("{call}{}", name.unwrap_or_default());
        let id = sanitize::clean(&exchange.id.json());
        let (n, session) = (exchange.n, exchange.session.number);
        let request = format!("exchange {n}: request {call}, id {id}, session s{session}");
        self.add_comment(exchange.request.span.first, &request, files);
        let status = exchange.status.name();
        if let Some(response) = exchange.response {
            let total = exchange.total_ns().map(units::duration).unwrap_or_default();
            let text = format!("exchange {n}: response to {call}: {status} after {total}");
            self.add_comment(response.span.first, &text, files);
        }
        if let Some(end) = exchange.wait_ended {
            let cause = exchange.cause.map_or("unknown", |cause| cause.name());
            let waited = exchange.waited_ns().map(units::duration).unwrap_or_default();
            let text = format!("exchange {n}: {call} waited until here: {status}, {cause}, after {waited}");
            self.add_comment(end.packet, &text, files);
        }
    }

    fn add_comment(&mut self, packet: PacketNo, text: &str, files: &Files) {
        let comment = self.comments.entry(packet.0).or_default();
        if !comment.is_empty() {
            comment.push('\n');
        }
        comment.push_str(text);
        if files.are_several() {
            comment.push_str(&format!(" ({})", files.packet(packet)));
        }
    }
}

impl ConnectionSelection {
    /// Whether a segment is chosen. An earlier packet that is chosen with it is appended to
    /// `packets`.
    fn chooses(&mut self, segment: &SegmentFact, packets: &mut Vec<u64>) -> bool {
        let number = segment.origin.packet.0;
        let carries = segment.len > 0;
        let is_frame = segment.syn || segment.fin || segment.rst;
        let mut is_chosen = self.is_whole || is_frame || !(self.has_payload || carries);
        let trailing = segment.from.split_mut(&mut self.trailing).0;
        let was_trailing = *trailing;
        *trailing &= !carries;
        while let Some(window) = self.windows.pop_if(|window| window.from <= number) {
            self.begun.push(window);
        }
        self.begun.retain(|window| window.lasts(segment.origin));
        for window in &self.begun {
            is_chosen = true;
            // A request may have several segments: a head, then a body.
            if carries && window.until_next && (window.from == number || was_trailing) {
                *trailing = true;
            }
            if carries && window.with_previous {
                packets.extend(*segment.from.of(&self.previous));
            }
        }
        is_chosen |= self.trailing.contains(&true);
        self.has_payload |= carries;
        if carries {
            *segment.from.split_mut(&mut self.previous).0 = Some(number);
        }
        is_chosen
    }
}

/// The packets of a slice.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The numbers of the packets, ascending.
    pub packets: Vec<u64>,
    /// Comments on packets, by packet number.
    pub comments: BTreeMap<u64, String>,
    /// The `random` of the ClientHello of each chosen TLS connection.
    pub client_randoms: BTreeSet<[u8; 32]>,
}
