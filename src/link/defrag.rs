//! IP fragments in, whole payloads out (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Bytes are copied into a buffer per IP packet, so that no fragment keeps a block of the capture in memory. Where
//! fragments overlap the first copy is taken.

use std::fmt;
use std::net::IpAddr;

use crate::base::{Code, Findings, Origin, Timestamp, limits};

use super::datagram::{Datagram, Fragment, Whole};
use super::part::Stop;
use super::tunnel;

/// Longest payload that fragments can make up, in bytes: offsets have 13 bits of 8 bytes, IP lengths 16 bits.
const MAX_PAYLOAD: usize = 65_535;

/// Fragments begin at multiples of this, and all but the last have such a length.
const BLOCK: usize = 8;

/// The fragments that wait for others.
#[derive(Debug, Default)]
pub(super) struct Defrag {
    /// In the order of their first fragments; at most [`limits::MAX_FRAGMENTED`], so few that a search is quick.
    entries: Vec<Entry>,
}

impl Defrag {
    /// Takes a fragment, and gives what it completes.
    ///
    /// Otherwise [`Stop::Fragment`], also where the fragment is of no use; that is noted.
    pub(super) fn push(
        &mut self,
        datagram: &Datagram<'_>,
        fragment: Fragment,
        origin: Origin,
        findings: &mut Findings,
    ) -> Result<Whole, Stop> {
        if !tunnel::may_hold_tcp(datagram.protocol) {
            return Err(Stop::NotTcp);
        }
        check(datagram, fragment)?;
        let key = Key::of(datagram, fragment);
        let at = self.place(key, origin, findings);
        let Some(entry) = self.entries.get_mut(at) else {
            return Err(Stop::Fragment);
        };
        entry.last = origin;
        if !matches!(entry.state, State::Waiting) {
            return Err(Stop::Fragment);
        }
        entry.fragments += 1;
        let Some(bytes) = datagram.part.bytes.get(..datagram.part.wire) else {
            entry.give_up("a fragment was cut by the snapshot length", findings);
            return Err(Stop::Fragment);
        };
        if fragment.offset == 0 && entry.protocol.is_none() {
            entry.protocol = Some(datagram.protocol);
        }
        if !entry.pieces.add(fragment, bytes) {
            let detail = format!("{}: a fragment at byte {} differs", entry.key, fragment.offset);
            findings.add(Code::LinkFragmentOverlap, origin, detail);
        }
        entry.complete(origin.time).ok_or(Stop::Fragment)
    }

    /// Gives up what has waited too long at this packet time.
    ///
    /// Looks at the oldest only: it is asked at every packet, and packet times go up, or nearly.
    pub(super) fn expire(&mut self, now: Timestamp, findings: &mut Findings) {
        while self.entries.first().is_some_and(|entry| entry.is_over(now)) {
            self.entries.remove(0).give_up("the others were not captured in time", findings);
        }
    }

    /// Gives up what still waits.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        for mut entry in self.entries.drain(..) {
            entry.give_up("the capture ended before the others", findings);
        }
    }

    /// Where the entry of a key is: a new one where there is none, or it is too old to be of the same IP packet.
    fn place(&mut self, key: Key, origin: Origin, findings: &mut Findings) -> usize {
        if let Some(at) = self.entries.iter().position(|entry| entry.key == key) {
            if self.entries.get(at).is_some_and(|entry| !entry.is_over(origin.time)) {
                return at;
            }
            let mut old = self.entries.remove(at);
            old.give_up("the others were not captured in time", findings);
        } else if self.entries.len() >= limits::MAX_FRAGMENTED {
            self.evict(findings);
        }
        self.entries.push(Entry::new(key, origin));
        self.entries.len() - 1
    }

    /// Makes room: what is done or given up goes first, else the oldest, with a finding.
    fn evict(&mut self, findings: &mut Findings) {
        let idle = self.entries.iter().position(|entry| !matches!(entry.state, State::Waiting));
        let old = self.entries.remove(idle.unwrap_or(0));
        if idle.is_none() {
            let detail = format!(
                "{old}, given up: more than {} IP packets in fragments at once",
                limits::MAX_FRAGMENTED
            );
            findings.add(Code::LinkFragmentLimit, old.last, detail);
        }
    }
}

/// Refuses what no sender of fragments may do.
fn check(datagram: &Datagram<'_>, fragment: Fragment) -> Result<(), Stop> {
    let (len, at) = (datagram.part.wire, fragment.offset);
    if fragment.more && (len == 0 || len % BLOCK != 0) {
        let detail =
            format!("IP fragment at byte {at} has {len} bytes, no multiple of 8, and is not the last");
        return Err(Stop::malformed(detail));
    }
    if at + len > MAX_PAYLOAD {
        let detail = format!("IP fragment at byte {at} of {len} bytes ends beyond {MAX_PAYLOAD}");
        return Err(Stop::malformed(detail));
    }
    Ok(())
}

/// What the fragments of one IP packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    id: u32,
    source: IpAddr,
    destination: IpAddr,
    /// In IPv4 only: in IPv6 the first fragment's counts, and others may differ.
    protocol: Option<u8>,
}

impl Key {
    fn of(datagram: &Datagram<'_>, fragment: Fragment) -> Self {
        Self {
            id: fragment.id,
            source: datagram.source,
            destination: datagram.destination,
            protocol: datagram.source.is_ipv4().then_some(datagram.protocol),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, source, destination, .. } = self;
        write!(f, "IP packet {id:#x} from {source} to {destination}")
    }
}

/// An IP packet of which fragments were seen.
#[derive(Debug)]
struct Entry {
    key: Key,
    first: Timestamp,
    last: Origin,
    fragments: u32,
    /// What the fragment at offset 0 names.
    protocol: Option<u8>,
    pieces: Pieces,
    state: State,
}

#[derive(Debug)]
enum State {
    /// For more fragments.
    Waiting,
    /// Put together at that time; kept to know copies of its fragments.
    Done(Timestamp),
    /// Given up with a finding; kept to know the rest of its fragments.
    GivenUp,
}

impl Entry {
    fn new(key: Key, origin: Origin) -> Self {
        Self {
            key,
            first: origin.time,
            last: origin,
            fragments: 0,
            protocol: None,
            pieces: Pieces::default(),
            state: State::Waiting,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        match self.state {
            State::Waiting | State::GivenUp => now.since(self.first) > limits::FRAGMENT_WAIT,
            State::Done(at) => now.since(at) > limits::FRAGMENT_COPIES,
        }
    }

    /// The payload, where nothing lacks.
    fn complete(&mut self, now: Timestamp) -> Option<Whole> {
        let protocol = self.protocol?;
        if !self.pieces.is_whole() {
            return None;
        }
        self.state = State::Done(now);
        Some(Whole { bytes: std::mem::take(&mut self.pieces).bytes.into(), protocol })
    }

    fn give_up(&mut self, why: &str, findings: &mut Findings) {
        if matches!(self.state, State::Waiting) {
            findings.add(Code::LinkFragmentIncomplete, self.last, format!("{self}: {why}"));
        }
        self.state = State::GivenUp;
        self.pieces = Pieces::default();
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, fragments, .. } = self;
        write!(f, "{key}, of which {fragments} fragments were seen")
    }
}

/// The bytes of a payload, as far as they came.
#[derive(Debug, Default)]
struct Pieces {
    /// Up to the highest byte that came; 0 where none came.
    bytes: Vec<u8>,
    /// Whether each block of `bytes` came.
    came: Vec<bool>,
    /// Blocks that came.
    count: usize,
    /// How long the payload is, once its last fragment came.
    total: Option<usize>,
}

impl Pieces {
    /// Adds what is new in a fragment; says whether it agrees with what came before.
    fn add(&mut self, fragment: Fragment, bytes: &[u8]) -> bool {
        let end = fragment.offset + bytes.len();
        let beyond = self.total.is_some_and(|total| end > total);
        let other_end =
            !fragment.more && (self.total.is_some_and(|total| total != end) || end < self.bytes.len());
        if beyond || other_end {
            return false;
        }
        if !fragment.more {
            self.total = Some(end);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
            self.came.resize(end.div_ceil(BLOCK), false);
        }
        let held = self.bytes.get_mut(fragment.offset..).unwrap_or_default();
        let came = self.came.get_mut(fragment.offset / BLOCK..).unwrap_or_default();
        let mut agrees = true;
        for ((held, came), new) in held.chunks_mut(BLOCK).zip(came).zip(bytes.chunks(BLOCK)) {
            // Both are whole blocks, or the end of the payload; shorter ones would only be compared in part.
            if *came {
                agrees &= held.iter().zip(new).all(|(a, b)| a == b);
                continue;
            }
            held.iter_mut().zip(new).for_each(|(held, new)| *held = *new);
            *came = true;
            self.count += 1;
        }
        agrees
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.bytes.len()) && self.count == self.came.len()
    }
}
