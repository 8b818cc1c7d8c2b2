//! Reassembles IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Bytes are copied into a buffer per IP packet, so that fragments do not pin blocks of the
//! capture. Of overlapping fragments the first copy is used.

use std::fmt;
use std::net::IpAddr;

use crate::base::{Code, Findings, Origin, PacketNo, Timestamp, limits};

use super::datagram::{Datagram, Fragment, Reassembled};
use super::slice::NoSegment;
use super::tunnel;

/// Maximum reassembled payload in bytes: IP lengths have 16 bits.
const MAX_PAYLOAD: usize = 65_535;

/// Unit of fragment offsets in bytes, and of all fragment lengths but the last.
const FRAGMENT_UNIT: usize = 8;

/// Incomplete IP packets.
#[derive(Debug, Default)]
pub(super) struct Defragmenter {
    /// In order of their first fragments; at most [`limits::MAX_FRAGMENTED`], so a linear search is
    /// fast enough.
    reassemblies: Vec<Reassembly>,
}

impl Defragmenter {
    /// Adds a fragment; returns the payload if it is complete.
    ///
    /// # Errors
    /// [`NoSegment::Fragment`] if more fragments are needed or the fragment is of no use. The
    /// latter adds a finding.
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
        if reassembly.packets.len() < MAX_PAYLOAD / FRAGMENT_UNIT {
            reassembly.packets.push(origin.packet);
        }
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

    /// Abandons IP packets that have been incomplete for too long at packet time `now`.
    ///
    /// Checks only the oldest one: this runs for every packet, and packet times are nearly
    /// monotonic.
    #[inline]
    pub(super) fn expire(&mut self, now: Timestamp, findings: &mut Findings) {
        if !self.reassemblies.is_empty() {
            self.expire_oldest(now, findings);
        }
    }

    fn expire_oldest(&mut self, now: Timestamp, findings: &mut Findings) {
        while self.reassemblies.first().is_some_and(|reassembly| reassembly.is_expired(now)) {
            self.reassemblies.remove(0).abandon("the others were not captured in time", findings);
        }
    }

    /// Abandons all incomplete IP packets.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        for mut reassembly in self.reassemblies.drain(..) {
            reassembly.abandon("the capture ended before the others", findings);
        }
    }

    /// Returns the index of the reassembly of an IP packet. Creates one if it is unknown or the old
    /// one has expired.
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

    /// Evicts a complete or abandoned IP packet, or else the oldest, with a finding.
    fn evict(&mut self, findings: &mut Findings) {
        let idle = self
            .reassemblies
            .iter()
            .position(|reassembly| !matches!(reassembly.state, ReassemblyState::Waiting));
        let old = self.reassemblies.remove(idle.unwrap_or(0));
        if idle.is_none() {
            let detail = format!(
                "{old}, abandoned: more than {} incomplete IP packets at once",
                limits::MAX_FRAGMENTED
            );
            findings.add(Code::LinkFragmentLimit, old.last, detail);
        }
    }
}

/// Rejects fragments with invalid lengths.
fn check(datagram: &Datagram<'_>, fragment: Fragment) -> Result<(), NoSegment> {
    let (len, at) = (datagram.slice.wire, fragment.offset);
    if fragment.more && (len == 0 || len % FRAGMENT_UNIT != 0) {
        let detail =
            format!("IP fragment at byte {at} has {len} bytes: not a multiple of 8, and not the last");
        return Err(NoSegment::malformed(detail));
    }
    if at + len > MAX_PAYLOAD {
        let detail = format!("IP fragment at byte {at} of {len} bytes ends beyond {MAX_PAYLOAD}");
        return Err(NoSegment::malformed(detail));
    }
    Ok(())
}

/// Fields that all fragments of an IP packet share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DatagramId {
    id: u32,
    source: IpAddr,
    destination: IpAddr,
    /// `None` for IPv6, where only the first fragment gives the protocol.
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

/// State of a fragmented IP packet.
#[derive(Debug)]
struct Reassembly {
    id: DatagramId,
    first: Timestamp,
    last: Origin,
    fragments: u32,
    /// The packets of the fragments that were used, in capture order.
    packets: Vec<PacketNo>,
    /// Protocol number of the fragment at offset 0.
    protocol: Option<u8>,
    payload: PayloadBuffer,
    state: ReassemblyState,
}

#[derive(Debug)]
enum ReassemblyState {
    /// More fragments are needed.
    Waiting,
    /// Completed at this time. Stays in the table to recognise retransmitted fragments.
    Done(Timestamp),
    /// Abandoned with a finding. Stays in the table to recognise further fragments.
    Abandoned,
}

impl Reassembly {
    fn new(id: DatagramId, origin: Origin) -> Self {
        Self {
            id,
            first: origin.time,
            last: origin,
            fragments: 0,
            packets: Vec::new(),
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

    /// Returns the payload if it is complete.
    fn complete(&mut self, now: Timestamp) -> Option<Reassembled> {
        let protocol = self.protocol?;
        if !self.payload.is_whole() {
            return None;
        }
        self.state = ReassemblyState::Done(now);
        let packets = std::mem::take(&mut self.packets).into();
        Some(Reassembled { bytes: std::mem::take(&mut self.payload).bytes.into(), protocol, packets })
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
        write!(f, "{id} with {fragments} captured fragments")
    }
}

/// Received bytes of a payload.
#[derive(Debug, Default)]
struct PayloadBuffer {
    /// Bytes up to the highest one received; 0 in gaps.
    bytes: Vec<u8>,
    /// Whether each unit of `bytes` was received.
    received: Vec<bool>,
    /// Number of units received.
    count: usize,
    /// Length of the payload in bytes; `None` before its last fragment.
    total: Option<usize>,
}

impl PayloadBuffer {
    /// Adds the new bytes of a fragment. Returns whether it agrees with those received before.
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
            // Both are whole units or the end of the payload; only the common length is compared.
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
