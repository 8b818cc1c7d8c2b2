//! Chooses packets by the segments of a capture that is read again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::Extent;
use super::packet_spans::Comment;
use crate::base::fact::SegmentFact;
use crate::base::{Files, NumberSet, Origin, Timestamp};

/// Chooses packets.
#[derive(Debug, Default)]
pub struct Selection {
    /// Those of which all packets are chosen.
    whole: NumberSet,
    /// Others.
    connections: HashMap<u32, ConnectionSelection, RandomState>,
    comments: BTreeMap<u64, String>,
    packets: NumberSet,
    randoms: BTreeSet<[u8; 32]>,
}

/// What is chosen of a connection.
#[derive(Debug, Default)]
struct ConnectionSelection {
    /// The windows that did not begin yet: the next one is last.
    windows: Vec<Window>,
    /// How far those that began reach: all of them, and those of which more is chosen.
    begun: Reach,
    begun_until_next: Reach,
    begun_with_previous: Reach,
    /// Whether a segment with payload was seen.
    has_payload: bool,
    /// The latest packet with payload of A and of B.
    previous: [Option<u64>; 2],
    /// Whether packets behind a window are chosen until A or B sends a payload again.
    trailing: [bool; 2],
}

/// Packets of a connection that are chosen, by their numbers in the capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: u64,
    /// The last one.
    pub(super) to: u64,
    /// Also those captured until this time.
    pub(super) until: Option<Timestamp>,
    /// Also those behind it, until the end that sent the first one sends something else.
    pub(super) until_next: bool,
    /// Also the packet with payload of the same end before it, which may hold the boundary at which
    /// reading can start.
    pub(super) with_previous: bool,
}

impl Window {
    pub(super) fn new(from: u64, to: u64) -> Self {
        Self { from, to, until: None, until_next: false, with_previous: false }
    }
}

/// The end of several windows that began: that of the longest.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    to: Option<u64>,
    until: Option<Timestamp>,
}

impl Reach {
    fn extend(&mut self, window: &Window) {
        self.to = self.to.max(Some(window.to));
        self.until = self.until.max(window.until);
    }

    /// Whether one of them has not ended before a packet.
    fn lasts(&self, origin: Origin) -> bool {
        self.to.is_some_and(|to| origin.packet.0 <= to) || self.until.is_some_and(|it| origin.time <= it)
    }
}

impl Selection {
    /// Takes the next segment of the capture, in packet order, and chooses its packets or not.
    pub fn push(&mut self, segment: &SegmentFact) {
        let is_chosen = self.whole.contains(segment.tcp_stream.into())
            || match self.connections.get_mut(&segment.tcp_stream) {
                Some(connection) => connection.chooses(segment, &mut self.packets),
                None => return,
            };
        if is_chosen {
            self.packets.insert(segment.origin.packet.0);
            segment.fragments.iter().for_each(|packet| self.packets.insert(packet.0));
        }
        if let Some(random) = segment.client_random {
            self.randoms.insert(random);
        }
    }

    /// Whether no connection is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.whole.is_empty()
    }

    /// Returns the numbers of the chosen packets, their comments, and the names of the chosen
    /// connections in TLS key logs.
    #[must_use]
    pub fn finish(self) -> Chosen {
        Chosen { packets: self.packets, comments: self.comments, client_randoms: self.randoms }
    }

    /// Chooses a window of a connection, or all of it.
    pub(super) fn add(&mut self, tcp_stream: u32, window: Window, extent: Extent) {
        if extent > Extent::Exchanges { self.whole(tcp_stream) } else { self.window(tcp_stream, window) }
    }

    /// Chooses all packets of a connection.
    pub(super) fn whole(&mut self, tcp_stream: u32) {
        self.whole.insert(tcp_stream.into());
    }

    /// Chooses all packets of some connections.
    pub(super) fn all_whole(&mut self, tcp_streams: &NumberSet) {
        self.whole.extend(tcp_streams);
    }

    /// Chooses a window of a connection.
    pub(super) fn window(&mut self, tcp_stream: u32, window: Window) {
        self.connections.entry(tcp_stream).or_default().windows.push(window);
    }

    /// Ends the choice of windows: of connections that are `indivisible` all packets are chosen.
    /// `identified` has the names in TLS key logs of those whose ClientHello was not captured.
    pub(super) fn prepare(&mut self, indivisible: &NumberSet, identified: &BTreeMap<u32, [u8; 32]>) {
        let Self { whole, connections, randoms, .. } = self;
        for tcp_stream in connections.keys().filter(|it| indivisible.contains(u64::from(**it))) {
            whole.insert((*tcp_stream).into());
        }
        connections.retain(|tcp_stream, _| !whole.contains(u64::from(*tcp_stream)));
        for connection in connections.values_mut() {
            connection.windows.sort_unstable_by_key(|window| Reverse(window.from));
        }
        let is_chosen =
            |tcp_stream: &u32| whole.contains(u64::from(*tcp_stream)) || connections.contains_key(tcp_stream);
        randoms.extend(identified.iter().filter(|(it, _)| is_chosen(it)).map(|(_, random)| random));
    }

    /// Adds a comment; with several files also the packet, whose number in the slice is another.
    pub(super) fn comment(&mut self, comment: &Comment, files: &Files) {
        let of_packet = self.comments.entry(comment.packet.0).or_default();
        if !of_packet.is_empty() {
            of_packet.push('\n');
        }
        of_packet.push_str(&comment.text);
        if files.are_several() {
            of_packet.push_str(&format!(" ({})", files.packet(comment.packet)));
        }
    }
}

impl ConnectionSelection {
    /// Whether a segment is chosen. An earlier packet that is chosen with it is appended to
    /// `packets`.
    fn chooses(&mut self, segment: &SegmentFact, packets: &mut NumberSet) -> bool {
        let number = segment.origin.packet.0;
        let carries = segment.len > 0;
        let is_frame = segment.syn || segment.fin || segment.rst;
        let mut is_chosen = is_frame || !(self.has_payload || carries);
        let trailing = segment.from.split_mut(&mut self.trailing).0;
        let was_trailing = *trailing;
        *trailing &= !carries;
        let mut begins_until_next = false;
        while let Some(window) = self.windows.pop_if(|window| window.from <= number) {
            self.begun.extend(&window);
            if window.until_next {
                self.begun_until_next.extend(&window);
                begins_until_next |= window.from == number;
            }
            if window.with_previous {
                self.begun_with_previous.extend(&window);
            }
        }
        let lasts = |reach: &Reach| reach.lasts(segment.origin);
        is_chosen |= lasts(&self.begun);
        // A request may have several segments: a head, then a body.
        if carries && lasts(&self.begun_until_next) && (begins_until_next || was_trailing) {
            *trailing = true;
        }
        if carries && lasts(&self.begun_with_previous) {
            segment.from.of(&self.previous).iter().for_each(|packet| packets.insert(*packet));
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
    /// The numbers of the packets.
    pub packets: NumberSet,
    /// Comments on packets, by packet number.
    pub comments: BTreeMap<u64, String>,
    /// The `random` of the ClientHello of each chosen TLS connection.
    pub client_randoms: BTreeSet<[u8; 32]>,
}
