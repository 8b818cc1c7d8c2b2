//! IP fragments in, whole payloads out (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Bytes are copied into a buffer per IP packet, so that no fragment keeps a block of the capture in memory. Where
//! fragments overlap the first copy is taken.

use std::fmt;
use std::net::IpAddr;

use crate::base::{Code, Findings, Origin, Timestamp, limits};

use super::datagram::{Datagram, Fragment, Reassembled};
use super::slice::NoSegment;
use super::tunnel;

/// Longest payload that fragments can make up, in bytes: offsets have 13 bits of 8 bytes, IP lengths 16 bits.
const MAX_PAYLOAD: usize = 65_535;

/// Fragments begin at multiples of this, and all but the last have such a length.
const FRAGMENT_UNIT: usize = 8;

/// The fragments that wait for others.
#[derive(Debug, Default)]
pub(super) struct Reassembler {
    /// In the order of their first fragments; at most [`limits::MAX_FRAGMENTED`], so few that a search is quick.
    reassemblies: Vec<Reassembly>,
}

impl Reassembler {
    /// Takes a fragment, and gives what it completes.
    ///
    /// Otherwise [`NoSegment::Fragment`], also where the fragment is of no use; that is noted.
    pub(super) fn push(
        &mut self,
        datagram: &Datagram<'_>,
        fragment: Fragment,
        origin: Origin,
        findings: &mut Findings,
    ) -> Result<Reassembled, NoSegment> {
        if !tunnel::may_hold_tcp(datagram.protocol) {
            return Err(NoSegment::NotTcp);
        }
        check(datagram, fragment)?;
        let id = DatagramId::of(datagram, fragment);
        let at = self.find_or_insert(id, origin, findings);
        let Some(reassembly) = self.reassemblies.get_mut(at) else {
            return Err(NoSegment::Fragment);
        };
        reassembly.last = origin;
        if !matches!(reassembly.state, ReassemblyState::Waiting) {
            return Err(NoSegment::Fragment);
        }
        reassembly.fragments += 1;
        let Some(bytes) = datagram.slice.bytes.get(..datagram.slice.wire) else {
            reassembly.abandon("a fragment was cut by the snapshot length", findings);
            return Err(NoSegment::Fragment);
        };
        if fragment.offset == 0 && reassembly.protocol.is_none() {
            reassembly.protocol = Some(datagram.protocol);
        }
        if !reassembly.payload.add(fragment, bytes) {
            let detail = format!("{}: a fragment at byte {} differs", reassembly.id, fragment.offset);
            findings.add(Code::LinkFragmentOverlap, origin, detail);
        }
        reassembly.complete(origin.time).ok_or(NoSegment::Fragment)
    }

    /// Gives up what has waited too long at this packet time.
    ///
    /// Looks at the oldest only: it is asked at every packet, and packet times go up, or nearly.
    pub(super) fn expire(&mut self, now: Timestamp, findings: &mut Findings) {
        while self.reassemblies.first().is_some_and(|reassembly| reassembly.is_expired(now)) {
            self.reassemblies.remove(0).abandon("the others were not captured in time", findings);
        }
    }

    /// Gives up what still waits.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        for mut reassembly in self.reassemblies.drain(..) {
            reassembly.abandon("the capture ended before the others", findings);
        }
    }

    /// Where the reassembly of a id is: a new one where there is none, or it is too old to be of the same IP packet.
    fn find_or_insert(&mut self, id: DatagramId, origin: Origin, findings: &mut Findings) -> usize {
        if let Some(at) = self.reassemblies.iter().position(|reassembly| reassembly.id == id) {
            if self.reassemblies.get(at).is_some_and(|reassembly| !reassembly.is_expired(origin.time)) {
                return at;
            }
            let mut old = self.reassemblies.remove(at);
            old.abandon("the others were not captured in time", findings);
        } else if self.reassemblies.len() >= limits::MAX_FRAGMENTED {
            self.evict(findings);
        }
        self.reassemblies.push(Reassembly::new(id, origin));
        self.reassemblies.len() - 1
    }

    /// Makes room: what is done or given up goes first, else the oldest, with a finding.
    fn evict(&mut self, findings: &mut Findings) {
        let idle = self
            .reassemblies
            .iter()
            .position(|reassembly| !matches!(reassembly.state, ReassemblyState::Waiting));
        let old = self.reassemblies.remove(idle.unwrap_or(0));
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
fn check(datagram: &Datagram<'_>, fragment: Fragment) -> Result<(), NoSegment> {
    let (len, at) = (datagram.slice.wire, fragment.offset);
    if fragment.more && (len == 0 || len % FRAGMENT_UNIT != 0) {
        let detail =
            format!("IP fragment at byte {at} has {len} bytes, no multiple of 8, and is not the last");
        return Err(NoSegment::malformed(detail));
    }
    if at + len > MAX_PAYLOAD {
        let detail = format!("IP fragment at byte {at} of {len} bytes ends beyond {MAX_PAYLOAD}");
        return Err(NoSegment::malformed(detail));
    }
    Ok(())
}

/// What the fragments of one IP packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DatagramId {
    id: u32,
    source: IpAddr,
    destination: IpAddr,
    /// In IPv4 only: in IPv6 the first fragment's counts, and others may differ.
    protocol: Option<u8>,
}

impl DatagramId {
    fn of(datagram: &Datagram<'_>, fragment: Fragment) -> Self {
        Self {
            id: fragment.id,
            source: datagram.source,
            destination: datagram.destination,
            protocol: datagram.source.is_ipv4().then_some(datagram.protocol),
        }
    }
}

impl fmt::Display for DatagramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, source, destination, .. } = self;
        write!(f, "IP packet {id:#x} from {source} to {destination}")
    }
}

/// An IP packet of which fragments were seen.
#[derive(Debug)]
struct Reassembly {
    id: DatagramId,
    first: Timestamp,
    last: Origin,
    fragments: u32,
    /// What the fragment at offset 0 names.
    protocol: Option<u8>,
    payload: PayloadBuffer,
    state: ReassemblyState,
}

#[derive(Debug)]
enum ReassemblyState {
    /// For more fragments.
    Waiting,
    /// Put together at that time; kept to know copies of its fragments.
    Done(Timestamp),
    /// Given up with a finding; kept to know the rest of its fragments.
    Abandoned,
}

impl Reassembly {
    fn new(id: DatagramId, origin: Origin) -> Self {
        Self {
            id,
            first: origin.time,
            last: origin,
            fragments: 0,
            protocol: None,
            payload: PayloadBuffer::default(),
            state: ReassemblyState::Waiting,
        }
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        match self.state {
            ReassemblyState::Waiting | ReassemblyState::Abandoned => {
                now.since(self.first) > limits::FRAGMENT_WAIT
            }
            ReassemblyState::Done(at) => now.since(at) > limits::FRAGMENT_COPIES,
        }
    }

    /// The payload, where nothing lacks.
    fn complete(&mut self, now: Timestamp) -> Option<Reassembled> {
        let protocol = self.protocol?;
        if !self.payload.is_whole() {
            return None;
        }
        self.state = ReassemblyState::Done(now);
        Some(Reassembled { bytes: std::mem::take(&mut self.payload).bytes.into(), protocol })
    }

    fn abandon(&mut self, why: &str, findings: &mut Findings) {
        if matches!(self.state, ReassemblyState::Waiting) {
            findings.add(Code::LinkFragmentIncomplete, self.last, format!("{self}: {why}"));
        }
        self.state = ReassemblyState::Abandoned;
        self.payload = PayloadBuffer::default();
    }
}

impl fmt::Display for Reassembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, fragments, .. } = self;
        write!(f, "{id}, of which {fragments} fragments were seen")
    }
}

/// The bytes of a payload, as far as they received.
#[derive(Debug, Default)]
struct PayloadBuffer {
    /// Up to the highest byte that received; 0 where none received.
    bytes: Vec<u8>,
    /// Whether each block of `bytes` received.
    received: Vec<bool>,
    /// Blocks that received.
    count: usize,
    /// How long the payload is, once its last fragment received.
    total: Option<usize>,
}

impl PayloadBuffer {
    /// Adds what is new in a fragment; says whether it agrees with what received before.
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
            self.received.resize(end.div_ceil(FRAGMENT_UNIT), false);
        }
        let held = self.bytes.get_mut(fragment.offset..).unwrap_or_default();
        let received = self.received.get_mut(fragment.offset / FRAGMENT_UNIT..).unwrap_or_default();
        let mut agrees = true;
        for ((held, received), new) in
            held.chunks_mut(FRAGMENT_UNIT).zip(received).zip(bytes.chunks(FRAGMENT_UNIT))
        {
            // Both are whole blocks, or the end of the payload; shorter ones would only be compared in slice.
            if *received {
                agrees &= held.iter().zip(new).all(|(a, b)| a == b);
                continue;
            }
            held.iter_mut().zip(new).for_each(|(held, new)| *held = *new);
            *received = true;
            self.count += 1;
        }
        agrees
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.bytes.len()) && self.count == self.received.len()
    }
}
