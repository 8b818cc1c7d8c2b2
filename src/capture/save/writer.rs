//! Writes the packets of a source to pcapng files while they pass through.
//!
//! Writes on the thread of the caller (`live::Saver` runs it on its own thread) and reads
//! no clock: packet times, [`Item::Time`] and [`Item::Pending`] decide when to flush and when to
//! begin a new file. If a file can no longer be written, the packets still pass through, and
//! [`PacketWriter::failure`] has the reason.

use std::fmt;
use std::path::{Path, PathBuf};

use super::kept::Kept;
use super::names::{Names, NextFile};
use super::output_file::{OutputFile, Stop};
use super::secrets::{FileSecrets, KeptSecrets};
use crate::base::tls::TLS_KEY_LOG;
use crate::base::{Findings, Timestamp};
use crate::capture::encode::FileMetadata;
use crate::capture::item::{Error, Item, LinkType, Packet, Source};

/// A source that also writes its packets to files.
pub struct Tee<S> {
    source: S,
    writer: PacketWriter,
}

impl<S: Source> Tee<S> {
    /// Writes the items that `source` yields from now on.
    #[must_use]
    pub fn new(source: S, writer: PacketWriter) -> Self {
        Self { source, writer }
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Returns the source. Items taken from it directly are not written.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the writer.
    #[must_use]
    pub fn writer(&self) -> &PacketWriter {
        &self.writer
    }

    /// See [`PacketWriter::close`].
    pub fn close(&mut self) {
        self.writer.close();
    }
}

impl<S: Source> Source for Tee<S> {
    /// Ends before its source if the last file is full, or the pipe written to was closed.
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        let item = self.source.next(findings)?;
        if let Some(item) = &item {
            self.writer.write(item);
        } else {
            self.writer.close();
        }
        Ok(if self.writer.is_over() { None } else { item })
    }
}

/// Destination of the packets written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, or several named after it.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

/// Formats the name used in messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

/// Writes packets to one file after another.
///
/// Flushes and rotates by packet times, [`Item::Time`] and [`Item::Pending`], without a clock.
pub struct PacketWriter {
    target: Target,
    names: Names,
    metadata: FileMetadata,
    /// Link type described before the first packet.
    link_type: Option<LinkType>,
    /// The secrets of the connections in the file; `None` if files are to hold none.
    secrets: Option<FileSecrets>,
    state: WriterState,
    /// Packet time of the last flush; `None` before the first item with a time.
    flushed: Option<Timestamp>,
    /// The files and their packets.
    kept: Kept,
}

enum WriterState {
    Writing(Box<OutputFile>),
    /// The last file is complete.
    Closed,
    /// The last file is full, or the pipe was closed: the capture can end.
    Over,
    /// Message for the user.
    Failed(String),
}

impl From<Stop> for WriterState {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Over => Self::Over,
            Stop::Failed(why) => Self::Failed(why),
        }
    }
}

/// Maximum time that packets stay in memory, in nanoseconds of packet time. With the lag of
/// [`Item::Time`], a killed process loses less than a second.
const FLUSH_EVERY: i64 = 200_000_000;

/// Maximum bytes in memory, so that one write call covers many packets.
const MAX_BUFFERED: usize = 256 << 10;

/// Maximum bytes in memory while packets are held for the secrets of a connection that begins.
const MAX_HELD: usize = 4 << 20;

impl PacketWriter {
    /// Creates the first file; an existing one is overwritten, as by tcpdump. `link_type` is that
    /// of the packets, if it is known. `secrets` go into the files; `None` leaves them out.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(
        target: Target,
        names: Names,
        metadata: FileMetadata,
        link_type: Option<LinkType>,
        secrets: Option<KeptSecrets>,
    ) -> Result<Self, Error> {
        let secrets = secrets.map(FileSecrets::new);
        let is_private = secrets.as_ref().is_some_and(FileSecrets::is_private);
        let output = match &target {
            Target::Path(path) => OutputFile::create(&names.now(path), is_private, &metadata, link_type),
            Target::Stdout => OutputFile::stdout(target.to_string(), &metadata, link_type),
        };
        let output = output.map_err(Error)?;
        let mut kept = Kept::default();
        kept.begin(&output.name);
        let state = WriterState::Writing(Box::new(output));
        Ok(Self { target, names, metadata, link_type, secrets, state, flushed: None, kept })
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the files and their packets.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Why writing failed, with a remedy; `None` if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        if let WriterState::Failed(why) = &self.state { Some(why) } else { None }
    }

    /// Whether the capture can end: the last file is full, or the pipe was closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, WriterState::Over)
    }

    /// Ends the last file with its statistics and flushes it. Does nothing after the first call.
    pub fn close(&mut self) {
        if let WriterState::Writing(_) = self.state {
            self.end_file(WriterState::Closed);
        }
    }

    /// Writes an item.
    pub(in crate::capture) fn write(&mut self, item: &Item) {
        self.insert_secrets();
        match item {
            Item::Packet(packet) => {
                if self.ensure_file(packet.origin.time) {
                    self.packet(packet);
                }
            }
            Item::Secrets { kind: TLS_KEY_LOG, data } => {
                if let Some(secrets) = &self.secrets {
                    secrets.add(data);
                }
            }
            // Those of other protocols: whose they are is not known.
            Item::Secrets { kind, data } => {
                if let (WriterState::Writing(output), Some(_)) = (&mut self.state, &self.secrets)
                    && let Err(stop) = output.insert_secrets(u64::MAX, *kind, data)
                {
                    self.state = stop.into();
                }
            }
            Item::Lost { by, packets } => {
                if let WriterState::Writing(output) = &mut self.state {
                    output.statistics.lost.add(*by, *packets);
                    output.encoder.statistics(output.statistics);
                }
            }
            Item::Time(time) => {
                if self.names.is_over(*time) {
                    self.end_file(WriterState::Over);
                }
                if let WriterState::Writing(output) = &mut self.state {
                    output.statistics.end_time = Some(*time);
                }
                self.time(*time, false);
            }
            // A reader of the file must not wait for the next packet.
            Item::Pending => {
                self.flush(None);
            }
        }
    }

    fn packet(&mut self, packet: &Packet) {
        let time = packet.origin.time;
        if self.secrets.is_some() {
            // Before the packet: the analysis has not seen it, and may find secrets with it.
            self.time(time, false);
        }
        let WriterState::Writing(output) = &mut self.state else {
            return;
        };
        if let Some(secrets) = &mut self.secrets
            && let Some(insertion) = secrets.packet(&packet.data, output.encoder.len(), time)
        {
            match output.insert_secrets(insertion.at, TLS_KEY_LOG, insertion.key_log.as_bytes()) {
                Ok((at, len)) => secrets.moved(at, len),
                Err(stop) => {
                    self.state = stop.into();
                    return;
                }
            }
        }
        if let Err(why) = output.encoder.packet(packet) {
            self.state = WriterState::Failed(output.failed(&why.to_string()));
            return;
        }
        output.statistics.written += 1;
        self.kept.set_packets(output.statistics.written);
        let full = output.encoder.blocks().len() >= MAX_BUFFERED;
        if full || self.secrets.is_none() {
            self.time(time, full);
        }
    }

    /// Writes the secrets that were read since the last call.
    fn insert_secrets(&mut self) {
        let (Some(secrets), WriterState::Writing(output)) = (&mut self.secrets, &mut self.state) else {
            return;
        };
        for insertion in secrets.poll(output.encoder.len()) {
            match output.insert_secrets(insertion.at, TLS_KEY_LOG, insertion.key_log.as_bytes()) {
                Ok((at, len)) => secrets.moved(at, len),
                Err(stop) => {
                    self.state = stop.into();
                    return;
                }
            }
        }
    }

    /// Flushes if `FLUSH_EVERY` has passed at packet time `now`, or if `at_once`; not what is held
    /// for secrets.
    fn time(&mut self, now: Timestamp, at_once: bool) {
        let due = self.flushed.is_none_or(|flushed| now.since(flushed).saturating_abs() >= FLUSH_EVERY);
        if !due && !at_once {
            return;
        }
        self.flushed = Some(now);
        self.flush(Some(now));
    }

    /// Writes out the buffered blocks, without those that are held at packet time `now`; all of
    /// them if it is `None`. Returns false, and changes the state, if that failed.
    fn flush(&mut self, now: Option<Timestamp>) -> bool {
        let WriterState::Writing(output) = &mut self.state else {
            return false;
        };
        let held_from = match (&mut self.secrets, now) {
            (Some(secrets), Some(now)) if output.encoder.blocks().len() < MAX_HELD => secrets.held_from(now),
            (Some(secrets), _) => {
                secrets.release();
                None
            }
            (None, _) => None,
        };
        let Err(stop) = output.flush(held_from.unwrap_or(u64::MAX)) else {
            return true;
        };
        self.kept.set_packets(output.statistics.written);
        self.state = stop.into();
        false
    }

    /// Begins the next file if it is due. Returns whether a file is open for writing.
    fn ensure_file(&mut self, now: Timestamp) -> bool {
        let WriterState::Writing(output) = &self.state else {
            return false;
        };
        match self.names.next(now, output.encoder.len()) {
            NextFile::Same => true,
            NextFile::Over => {
                self.end_file(WriterState::Over);
                false
            }
            NextFile::File => {
                self.end_file(WriterState::Closed);
                if let (WriterState::Closed, Target::Path(path)) = (&self.state, &self.target) {
                    let path = self.names.now(path);
                    self.state = self.begin_file(&path);
                }
                matches!(self.state, WriterState::Writing(_))
            }
        }
    }

    /// Creates the next file, with the secrets of the connections that may go on in it. Returns the
    /// next state.
    fn begin_file(&mut self, path: &Path) -> WriterState {
        let is_private = self.secrets.as_ref().is_some_and(FileSecrets::is_private);
        let mut output = match OutputFile::create(path, is_private, &self.metadata, self.link_type) {
            Ok(output) => output,
            Err(why) => return WriterState::Failed(format!("{why}; further packets are not saved")),
        };
        self.kept.begin(&output.name);
        let key_log = self.secrets.as_mut().map(FileSecrets::begin_file).unwrap_or_default();
        if !key_log.is_empty()
            && let Err(stop) = output.insert_secrets(u64::MAX, TLS_KEY_LOG, key_log.as_bytes())
        {
            return stop.into();
        }
        WriterState::Writing(Box::new(output))
    }

    /// Ends the file and enters `state`, unless writing fails.
    fn end_file(&mut self, state: WriterState) {
        self.insert_secrets();
        if let WriterState::Writing(output) = &mut self.state {
            output.encoder.statistics(output.statistics);
            if self.flush(None) {
                self.state = state;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use jiff::tz::TimeZone;

    use super::super::names::Rotation;
    use super::*;
    use crate::base::Origin;
    use crate::base::fact::Loser;
    use crate::capture::samples::{Got, read};

    /// A source of given items.
    struct Items(VecDeque<Item>);

    impl Source for Items {
        fn next(&mut self, _: &mut Findings) -> Result<Option<Item>, Error> {
            Ok(self.0.pop_front())
        }
    }

    fn packet(number: u64, time: i64) -> Item {
        Item::Packet(Packet {
            origin: Origin::new(number, time),
            link_type: LinkType(1),
            interface: 0,
            data: Bytes::from_static(b"abcdefg"),
            original_len: 60,
        })
    }

    fn keep(items: Vec<Item>, path: &Path, rotation: Rotation) -> Tee<Items> {
        let names = Names::new(rotation, TimeZone::UTC, Timestamp(0));
        let target = Target::Path(path.to_owned());
        let writer = PacketWriter::create(target, names, FileMetadata::default(), Some(LinkType(1)), None);
        Tee::new(Items(items.into()), writer.unwrap())
    }

    fn file(path: &Path) -> Got {
        read(&std::fs::read(path).unwrap())
    }

    #[test]
    fn silence_writes_out_what_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let second = 1_000_000_000;
        let items = vec![
            packet(1, 0),
            packet(2, 1),
            Item::Time(Timestamp(second / 10)),
            Item::Time(Timestamp(second)),
        ];
        let mut keep = keep(items, &path, Rotation::default());
        let mut findings = Findings::new();
        let mut step = || {
            assert!(keep.next(&mut findings).unwrap().is_some());
            file(&path).table().len()
        };
        assert_eq!([step(), step(), step(), step()], [1, 1, 1, 2]);
    }

    #[test]
    fn losses_are_kept_and_the_end_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let lost = Item::Lost { by: Loser::Kernel, packets: 3 };
        let mut keep = keep(vec![packet(1, 5), lost, packet(2, 7)], &path, Rotation::default());
        let mut findings = Findings::new();
        while keep.next(&mut findings).unwrap().is_some() {}
        let got = file(&path);
        assert_eq!((got.lost(), got.times()), (vec![(Loser::Kernel, 3)], vec![5, 7]));
        assert_eq!((keep.writer().kept().packets(), keep.writer().failure()), (2, None));
    }

    #[test]
    fn every_packet_is_in_one_of_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let rotation = Rotation { size: Some(300), ..Rotation::default() };
        let mut keep = keep((1..=20).map(|n| packet(n, n as i64)).collect(), &path, rotation);
        let mut findings = Findings::new();
        while keep.next(&mut findings).unwrap().is_some() {}
        let numbered = (1..).map(|number| directory.path().join(format!("w{number}")));
        let files = std::iter::once(path).chain(numbered).take_while(|path| path.exists());
        let times: Vec<_> = files.map(|path| file(&path).times()).collect();
        assert!(times.len() > 3, "{times:?}");
        assert_eq!(times.concat(), (1..=20).collect::<Vec<i64>>());
    }

    #[test]
    fn a_folder_that_goes_is_a_failure_and_the_packets_pass() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let rotation = Rotation { size: Some(1), ..Rotation::default() };
        let mut keep = keep((1..=5).map(|n| packet(n, n as i64)).collect(), &path, rotation);
        drop(directory);
        let mut findings = Findings::new();
        let passed = std::iter::from_fn(|| keep.next(&mut findings).unwrap()).count();
        let why = keep.writer().failure().unwrap();
        assert!(passed == 5 && why.contains("w1: cannot be written: "), "{passed} {why}");
        assert_eq!(keep.writer().kept().packets(), 0);
    }
}
