//! Makes a slice: chooses packets by reading the capture again, checks that they give the same
//! exchanges, and writes them.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::base::{Fact, Findings, Origin, PacketNo, Status, Timestamp};
use crate::capture::save::{FileMetadata, PacketFile};
use crate::capture::{self, Item, Replay, ReplaySource, Source};
use crate::cli::logged_secrets::LoggedSecrets;
use crate::engine::Engine;
use crate::export::slice::{Chosen, Extent, SlicePlan};
use crate::ledger::{Cause, ConnectionPackets, Entry, Exchange, Record};

/// Type of a decryption secrets block with a key log of TLS (pcapng, section 4.7).
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Makes slices of one capture.
#[derive(Clone, Debug)]
pub(super) struct Slicer {
    replay: Replay,
    metadata: FileMetadata,
    /// Secrets that are not in the capture itself.
    secrets: LoggedSecrets,
}

/// A slice that was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Number of packets.
    pub(super) packets: u64,
    /// Number of exchanges that were chosen.
    pub(super) exchanges: usize,
    /// Of these, exchanges that the packets alone give another outcome or other times: what decides
    /// them is on connections that have nothing to do with them.
    pub(super) differing: usize,
}

impl Slicer {
    /// Slices what `replay` yields. `metadata` describes the file; its comment is added to that of
    /// each slice.
    pub(super) fn new(replay: Replay, metadata: FileMetadata) -> Self {
        Self { replay, metadata, secrets: LoggedSecrets::default() }
    }

    /// Also uses secrets that were read from key logs.
    pub(super) fn with_secrets(self, secrets: LoggedSecrets) -> Self {
        Self { secrets, ..self }
    }

    /// Reads the capture again, after the secrets of key logs.
    ///
    /// # Errors
    /// As [`Replay::read`].
    pub(super) fn read(&self) -> Result<Rereading, capture::Error> {
        Ok(Rereading { secrets: self.secrets.all().into(), source: self.replay.read()? })
    }

    /// Reads the packets of a connection again. `is_wanted` is asked now and then: if they are no
    /// longer wanted, nothing is returned.
    ///
    /// # Errors
    /// The capture cannot be read again.
    pub(super) fn inspect(
        &self,
        tcp_stream: u32,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<ConnectionPackets>, capture::Error> {
        let mut packets = ConnectionPackets::new(tcp_stream);
        let (mut source, mut engine) = (self.read()?, Engine::of_connections([tcp_stream]));
        engine.emit_payloads();
        let mut entries = Vec::new();
        let (mut has_more, mut steps) = (true, 0_u32);
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            entries.drain(..).for_each(|entry| packets.push(&entry));
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(4096) && !is_wanted() {
                return Ok(None);
            }
        }
        packets.find_secrets();
        Ok(Some(packets))
    }

    /// Reads the packets of some connections (Wireshark's numbers) again, and passes what their
    /// analysis emits to `show`. `is_wanted` is asked now and then. Returns false if the packets
    /// were no longer wanted.
    ///
    /// # Errors
    /// The capture cannot be read again.
    pub(super) fn trace(
        &self,
        tcp_streams: Vec<u32>,
        is_wanted: &dyn Fn() -> bool,
        mut show: impl FnMut(&Entry),
    ) -> Result<bool, capture::Error> {
        if tcp_streams.is_empty() {
            return Ok(true);
        }
        let (mut source, mut engine) = (self.read()?, Engine::of_connections(tcp_streams));
        engine.emit_payloads();
        let (mut entries, mut has_more, mut steps) = (Vec::new(), true, 0_u32);
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            entries.drain(..).for_each(|entry| show(&entry));
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(4096) && !is_wanted() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the packets of the chosen exchanges. `about` is the comment of the file.
    ///
    /// # Errors
    /// The capture cannot be read again, or the output cannot be written.
    pub(super) fn write(
        &self,
        plan: &mut SlicePlan,
        extent: Extent,
        about: &str,
        out: impl Write,
    ) -> anyhow::Result<Written> {
        let (chosen, differing) = self.choose(plan, extent)?;
        let metadata = FileMetadata { comment: about.to_owned(), ..self.metadata.clone() };
        let packets = self.copy(&chosen, PacketFile::new(out, metadata))?;
        Ok(Written { packets, exchanges: plan.exchanges().len(), differing })
    }

    /// Chooses packets, and more of them around the exchanges that differ, until none does or
    /// nothing more can be chosen. Returns the number of those that still differ.
    fn choose(&self, plan: &mut SlicePlan, mut extent: Extent) -> Result<(Chosen, usize), capture::Error> {
        loop {
            let chosen = self.chosen(plan, extent)?;
            let differing = self.differing(plan, &chosen)?;
            let mut has_more = false;
            for n in &differing {
                has_more |= plan.widen(*n, extent);
            }
            // The gaps between the packets of one exchange may be where the answer to another was
            // possible.
            match extent.wider().filter(|_| !has_more && !differing.is_empty()) {
                Some(wider) => extent = wider,
                None if !has_more => return Ok((chosen, differing.len())),
                None => {}
            }
        }
    }

    /// Reads the capture for the packets of a selection.
    fn chosen(&self, plan: &SlicePlan, extent: Extent) -> Result<Chosen, capture::Error> {
        let mut selection = plan.selection(extent);
        if selection.is_empty() {
            return Ok(Chosen::default());
        }
        let (mut source, mut engine, mut entries) = (self.read()?, Engine::of_segments(), Vec::new());
        let mut has_more = true;
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            for entry in entries.drain(..) {
                if let Entry::Fact(Fact::Segment(segment)) = entry {
                    selection.push(&segment);
                }
            }
        }
        Ok(selection.finish())
    }

    /// Analyses the chosen packets alone. Returns the `n` of the exchanges that they give other
    /// times or another outcome.
    fn differing(&self, plan: &SlicePlan, chosen: &Chosen) -> Result<Vec<u64>, capture::Error> {
        if plan.exchanges().len() == 0 {
            return Ok(Vec::new());
        }
        let mut found = HashSet::new();
        let mut source = Sliced::new(self.read()?, chosen);
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        let mut has_more = true;
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            for entry in entries.drain(..) {
                if let Entry::Record(Record::Exchange(exchange)) = entry {
                    found.insert(Outcome::of(&exchange));
                }
            }
        }
        let differs = |exchange: &&Exchange| !found.contains(&Outcome::of(exchange));
        Ok(plan.exchanges().filter(differs).map(|exchange| exchange.n).collect())
    }

    /// Copies the chosen packets to a file. Returns their number.
    fn copy<W: Write>(&self, chosen: &Chosen, mut file: PacketFile<W>) -> anyhow::Result<u64> {
        let mut source = Sliced::new(self.read()?, chosen);
        let mut findings = Findings::new();
        while let Some(item) = source.next(&mut findings)? {
            match item {
                Item::Packet(packet) => {
                    let comment = chosen.comments.get(&source.original);
                    file.packet(&packet, comment.map(String::as_str))?;
                }
                Item::Secrets { kind, data } => file.secrets(kind, &data)?,
                Item::Lost { by, packets } => file.lost(by, packets),
                Item::Time(time) => file.silent_until(time),
                Item::Pending => {}
            }
        }
        let packets = file.packets();
        file.finish()?;
        Ok(packets)
    }
}

/// The secrets of key logs, then a capture.
pub(super) struct Rereading {
    secrets: VecDeque<Item>,
    source: ReplaySource,
}

impl Source for Rereading {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self.secrets.pop_front() {
            Some(secrets) => Ok(Some(secrets)),
            None => self.source.next(findings),
        }
    }
}

/// What has to be the same in a slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Outcome {
    times: [Option<Timestamp>; 6],
    status: Status,
    cause: Option<Cause>,
    progress: u32,
    /// Number of requests of the server inside the call, and the time that it waited for them.
    asked: (u32, i64),
    protocol_version: Option<Arc<str>>,
    method: Arc<str>,
    id: String,
    ends: [SocketAddr; 2],
}

impl Outcome {
    fn of(exchange: &Exchange) -> Self {
        let request = exchange.request.span;
        let response = exchange.response.map(|response| response.span);
        let time = |origin: Origin| origin.time;
        Self {
            times: [
                Some(request.start.time),
                Some(request.end.time),
                response.map(|span| time(span.start)),
                response.map(|span| time(span.end)),
                exchange.ack,
                exchange.wait_ended.map(time),
            ],
            status: exchange.status,
            cause: exchange.cause,
            progress: exchange.progress,
            asked: (exchange.asked.requests, exchange.asked.client_ns),
            protocol_version: exchange.protocol_version.clone(),
            method: exchange.method.clone(),
            id: exchange.id.json(),
            ends: [exchange.client, exchange.session.server],
        }
    }
}

/// The chosen packets of a capture as a capture of their own, numbered from 1.
struct Sliced<'a> {
    source: Rereading,
    chosen: &'a Chosen,
    /// The number of the last packet in the slice, and in the capture.
    number: u64,
    original: u64,
}

impl<'a> Sliced<'a> {
    fn new(source: Rereading, chosen: &'a Chosen) -> Self {
        Self { source, chosen, number: 0, original: 0 }
    }
}

impl Source for Sliced<'_> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        while let Some(item) = self.source.next(findings)? {
            match item {
                Item::Packet(mut packet) => {
                    if self.chosen.packets.binary_search(&packet.origin.packet.0).is_err() {
                        continue;
                    }
                    self.number += 1;
                    self.original = packet.origin.packet.0;
                    packet.origin.packet = PacketNo(self.number);
                    return Ok(Some(Item::Packet(packet)));
                }
                Item::Secrets { kind: TLS_KEY_LOG, data } => {
                    let data = of_connections(&data, self.chosen);
                    if !data.is_empty() {
                        return Ok(Some(Item::Secrets { kind: TLS_KEY_LOG, data }));
                    }
                }
                item => return Ok(Some(item)),
            }
        }
        Ok(None)
    }
}

/// Returns the lines of a key log that are about the chosen connections: the others would decrypt
/// what is not in the slice.
fn of_connections(key_log: &Bytes, chosen: &Chosen) -> Bytes {
    let mut kept = BytesMut::new();
    for line in key_log.split_inclusive(|byte| *byte == b'\n') {
        let random = line.split(|byte| *byte == b' ').nth(1).and_then(decode);
        if random.is_some_and(|random| chosen.client_randoms.contains(&random)) {
            kept.extend_from_slice(line);
        }
    }
    kept.freeze()
}

/// Decodes 64 hexadecimal digits; `None` if it is something else.
fn decode(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = pair else { return None };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secrets_of_chosen_connections_are_kept() {
        let mut chosen = Chosen::default();
        chosen.client_randoms.insert([0xab; 32]);
        let log = format!(
            "# a comment\nCLIENT_HANDSHAKE_TRAFFIC_SECRET {} 00\nCLIENT_RANDOM {} 11\nCLIENT_RANDOM {} 22",
            "AB".repeat(32),
            "cd".repeat(32),
            "ab".repeat(32),
        );
        let kept = of_connections(&log.into_bytes().into(), &chosen);
        let want = format!(
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET {} 00\nCLIENT_RANDOM {} 22",
            "AB".repeat(32),
            "ab".repeat(32)
        );
        assert_eq!(String::from_utf8_lossy(&kept), want);
        assert!(of_connections(&Bytes::from_static(b"CLIENT_RANDOM zz 1\nx"), &chosen).is_empty());
    }
}
