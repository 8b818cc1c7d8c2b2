//! Makes a slice: chooses packets by reading the capture again, checks that they give the same
//! exchanges, and writes them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;

use anyhow::Context as _;
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::anonymize::{Anonymizer, Cleared, Key, LeftOut};
use crate::base::tls::TLS_KEY_LOG;
use crate::base::{Fact, Files, Findings, PacketNo};
use crate::capture::save::{FileMetadata, PacketFile, private};
use crate::capture::{self, Item, Replay, ReplaySource, Source};
use crate::cli::logged_secrets::LoggedSecrets;
use crate::engine::Engine;
use crate::export::slice::{Chosen, Extent, SlicePlan};
use crate::ledger::{ConnectionPackets, Entry, Record};
use crate::tls::ClientRandom;

/// Makes slices of one capture.
#[derive(Clone, Debug)]
pub(super) struct Slicer {
    replay: Replay,
    metadata: FileMetadata,
    /// Secrets that are not in the capture itself.
    secrets: LoggedSecrets,
    /// Whether the secrets of the connections in a slice are written with them.
    keeps_secrets: bool,
    /// The key that slices are anonymized with; `None` if they are not.
    anonymizes: Option<Key>,
}

/// Where a slice is written.
pub(super) struct SliceOutput<W> {
    pub(super) out: W,
    /// The output file, which becomes private when secrets are written; `None` if it is no file.
    pub(super) file: Option<File>,
}

/// A slice that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Number of packets.
    pub(super) packets: u64,
    /// Number of exchanges that were chosen.
    pub(super) exchanges: u64,
    /// Of these, exchanges that were not compared with what the packets alone give: there are too
    /// many.
    pub(super) unverified: u64,
    /// Of these, exchanges that the packets alone give another outcome or other times: what decides
    /// them is on connections that have nothing to do with them.
    pub(super) differing: usize,
    /// What could not be anonymized; `None` if the slice is not.
    pub(super) anonymized: Option<Unreplaced>,
}

/// What could not be replaced by something of the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unreplaced {
    /// Bytes of payload that were cut off or became zeros.
    pub(super) cleared: Vec<(Cleared, u64)>,
    /// Packets that were left out.
    pub(super) left_out: Vec<(LeftOut, u64)>,
}

impl Unreplaced {
    fn of(anonymizer: &Anonymizer) -> Self {
        Self { cleared: anonymizer.cleared().collect(), left_out: anonymizer.left_out().collect() }
    }
}

impl Slicer {
    /// Slices what `replay` yields. `metadata` describes the file; its comment is added to that of
    /// each slice.
    pub(super) fn new(replay: Replay, metadata: FileMetadata) -> Self {
        Self { replay, metadata, secrets: LoggedSecrets::default(), keeps_secrets: true, anonymizes: None }
    }

    /// Leaves secrets out of slices if `keeps_secrets` is false.
    pub(super) fn keeping_secrets(self, keeps_secrets: bool) -> Self {
        Self { keeps_secrets, ..self }
    }

    /// Anonymizes slices with a key, if there is one. Such slices hold no secrets.
    pub(super) fn anonymizing(self, key: Option<Key>) -> Self {
        Self { anonymizes: key, ..self }
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
        let logged = self.secrets.clone();
        Ok(Rereading { connections: logged.connections(), logged, source: self.replay.read()? })
    }

    /// Returns the files for a reading of its own of the same capture, which was read as `files`.
    pub(super) fn numbering_again(&self, files: &Files) -> Files {
        match self.replay {
            Replay::Files(..) => files.again(),
            // What is spooled was read before.
            Replay::Spooled(_) => files.clone(),
        }
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
        let (mut source, mut engine) = (self.read()?, engine_of([tcp_stream]));
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
        let (mut source, mut engine) = (self.read()?, engine_of(tcp_streams));
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

    /// Writes the packets of the chosen exchanges. The files name packets in comments; `about` is
    /// the comment of the file.
    ///
    /// # Errors
    /// The capture cannot be read again, or the output cannot be written.
    pub(super) fn write(
        &self,
        (plan, files): (&mut SlicePlan, &Files),
        extent: Extent,
        about: &str,
        output: SliceOutput<impl Write>,
    ) -> anyhow::Result<Written> {
        let (mut chosen, differing) = self.choose(plan, files, extent)?;
        if !self.keeps_secrets || self.anonymizes.is_some() {
            chosen.key_log = Zeroizing::default();
        } else if let (false, Some(file)) = (chosen.key_log.is_empty(), &output.file) {
            private::restrict(file)
                .context("it cannot be made private for the TLS secrets: use --no-secrets")?;
        }
        let metadata = match &self.anonymizes {
            None => FileMetadata { comment: about.to_owned(), ..self.metadata.clone() },
            // What else is known of machine, device and filter is not said.
            Some(_) => FileMetadata {
                application: self.metadata.application.clone(),
                comment: "anonymized slice".to_owned(),
                ..FileMetadata::default()
            },
        };
        let (packets, anonymized) = self.copy(&chosen, PacketFile::new(output.out, metadata))?;
        Ok(Written {
            packets,
            exchanges: plan.exchanges(),
            unverified: plan.unverified(),
            differing,
            anonymized,
        })
    }

    /// Chooses packets, and more of them around the exchanges that differ, until none does or
    /// nothing more can be chosen. Returns the number of those that still differ.
    fn choose(
        &self,
        plan: &mut SlicePlan,
        files: &Files,
        mut extent: Extent,
    ) -> Result<(Slice, usize), capture::Error> {
        loop {
            let chosen = self.chosen(plan, files, extent)?;
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
    fn chosen(&self, plan: &SlicePlan, files: &Files, extent: Extent) -> Result<Slice, capture::Error> {
        let mut selection = plan.selection(extent, files);
        if selection.is_empty() {
            return Ok(Slice::default());
        }
        let mut source = Collecting { source: self.read()?, secrets: LoggedSecrets::default() };
        let (mut engine, mut entries) = (Engine::of_segments(), Vec::new());
        let mut has_more = true;
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            for entry in entries.drain(..) {
                if let Entry::Fact(Fact::Segment(segment)) = entry {
                    selection.push(&segment);
                }
            }
        }
        let chosen = selection.finish();
        let mut key_log = Zeroizing::new(String::new());
        for line in chosen.client_randoms.iter().flat_map(|random| source.secrets.of(random).lines) {
            key_log.push_str(&line);
            key_log.push('\n');
        }
        Ok(Slice { chosen, key_log })
    }

    /// Analyses the chosen packets alone. Returns the `n` of the exchanges that they give other
    /// times or another outcome.
    fn differing(&self, plan: &SlicePlan, slice: &Slice) -> Result<Vec<u64>, capture::Error> {
        let mut comparison = plan.comparison();
        if comparison.is_complete() {
            return Ok(Vec::new());
        }
        let mut source = Sliced::new(self.replay.read()?, slice);
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        engine.halve_memory();
        let mut has_more = true;
        while has_more {
            has_more = engine.read(&mut source, &mut entries)?;
            for entry in entries.drain(..) {
                if let Entry::Record(Record::Exchange(exchange)) = entry {
                    comparison.push(&exchange);
                }
            }
        }
        Ok(comparison.differing())
    }

    /// Copies the chosen packets to a file. Returns their number, and what was not anonymized.
    fn copy<W: Write>(
        &self,
        slice: &Slice,
        mut file: PacketFile<W>,
    ) -> anyhow::Result<(u64, Option<Unreplaced>)> {
        let mut source = Sliced::new(self.replay.read()?, slice);
        let mut findings = Findings::new();
        let mut anonymizer = self.anonymizes.as_ref().map(Anonymizer::new);
        let mut replaced = Vec::new();
        while let Some(item) = source.next(&mut findings)? {
            match (item, &mut anonymizer) {
                (Item::Packet(packet), None) => {
                    let comment = slice.chosen.comments.get(&source.original);
                    file.packet(&packet, comment.map(String::as_str))?;
                }
                (Item::Packet(packet), Some(anonymizer)) => {
                    anonymizer.push(&packet, &mut replaced);
                    replaced.drain(..).try_for_each(|packet| file.packet(&packet, None))?;
                }
                (Item::Secrets { kind, data }, _) => file.secrets(kind, &data)?,
                (Item::Lost { by, packets }, _) => file.lost(by, packets),
                (Item::Time(time), _) => file.silent_until(time),
                (Item::Pending, _) => {}
            }
        }
        if let Some(anonymizer) = &mut anonymizer {
            anonymizer.finish(&mut replaced);
            replaced.drain(..).try_for_each(|packet| file.packet(&packet, None))?;
        }
        let packets = file.packets();
        file.finish()?;
        Ok((packets, anonymizer.as_ref().map(Unreplaced::of)))
    }
}

/// The secrets of key logs, then a capture.
pub(super) struct Rereading {
    /// The connections whose secrets are not yielded yet.
    connections: VecDeque<ClientRandom>,
    logged: LoggedSecrets,
    source: ReplaySource,
}

impl Rereading {
    /// Says which file each packet is of, in `files`, if the files are read.
    pub(super) fn numbering(self, files: Files) -> Self {
        Self { source: self.source.numbering(files), ..self }
    }
}

impl Source for Rereading {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        match self.logged.next_item(&mut self.connections) {
            Some(secrets) => Ok(Some(secrets)),
            None => self.source.next(findings),
        }
    }
}

/// A capture whose secrets are collected.
struct Collecting {
    source: Rereading,
    secrets: LoggedSecrets,
}

impl Source for Collecting {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        let item = self.source.next(findings)?;
        item.iter().for_each(|item| self.secrets.push(item));
        Ok(item)
    }
}

/// What a slice holds.
#[derive(Default)]
struct Slice {
    chosen: Chosen,
    /// The secrets of its connections, as lines of a key log.
    key_log: Zeroizing<String>,
}

/// The secrets of a slice, then its packets, numbered from 1.
struct Sliced<'a> {
    source: ReplaySource,
    slice: &'a Slice,
    has_begun: bool,
    /// The number of the last packet in the slice, and in the capture.
    number: u64,
    original: u64,
}

impl<'a> Sliced<'a> {
    fn new(source: ReplaySource, slice: &'a Slice) -> Self {
        Self { source, slice, has_begun: false, number: 0, original: 0 }
    }
}

impl Source for Sliced<'_> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        if !std::mem::replace(&mut self.has_begun, true) && !self.slice.key_log.is_empty() {
            let data = Bytes::copy_from_slice(self.slice.key_log.as_bytes());
            return Ok(Some(Item::Secrets { kind: TLS_KEY_LOG, data }));
        }
        while let Some(item) = self.source.next(findings)? {
            match item {
                Item::Packet(mut packet) => {
                    if !self.slice.chosen.packets.contains(packet.origin.packet.0) {
                        continue;
                    }
                    self.number += 1;
                    self.original = packet.origin.packet.0;
                    packet.origin.packet = PacketNo(self.number);
                    return Ok(Some(Item::Packet(packet)));
                }
                // Those of its connections stand before the packets. Whose the others are is not
                // known.
                Item::Secrets { .. } => {}
                item => return Ok(Some(item)),
            }
        }
        Ok(None)
    }
}

/// Creates an engine that analyses some connections beside what the program knows of the capture.
fn engine_of(tcp_streams: impl IntoIterator<Item = u32>) -> Engine {
    let mut engine = Engine::of_connections(tcp_streams);
    engine.emit_payloads();
    engine.halve_memory();
    engine.halve_sessions();
    engine
}
