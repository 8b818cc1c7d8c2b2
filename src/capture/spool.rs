//! Keeps what a source yields in a temporary file, to read it again: a device, standard input and a
//! pipe are read once.
//!
//! ```text
//!   packet   0  number 8  time 8  link type 4  interface 4  original length 4  length 4  data
//!   secrets  1  kind 4    length 4  data
//!   lost     2  loser 1   packets 8
//!   time     3  time 8
//! ```
//!
//! Numbers are little-endian. pcapng is not used, since it does not hold the numbers of packets,
//! which continue over packets that a filter rejected.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::item::{Error, Item, LinkType, Packet, Source};
use crate::base::fact::Loser;
use crate::base::{Findings, Origin, Timestamp, limits};

/// Bytes that are gathered for one write.
const BUFFER: usize = 256 << 10;

/// Writes items to a file that can be read while it is written.
#[derive(Debug)]
pub struct Spool {
    file: File,
    buffer: Vec<u8>,
    /// Length of the file in whole records, in bytes.
    written: Arc<AtomicU64>,
    /// Why not everything is in the file; `None` if everything is.
    failed: Option<String>,
}

/// The readable side of a [`Spool`].
#[derive(Clone, Debug)]
pub struct SpoolReader {
    file: Arc<File>,
    written: Arc<AtomicU64>,
}

impl Spool {
    /// Creates a spool in an empty file.
    ///
    /// # Errors
    /// The file cannot be duplicated.
    pub fn new(file: File) -> io::Result<(Self, SpoolReader)> {
        let written = Arc::new(AtomicU64::new(0));
        let reader = SpoolReader { file: Arc::new(file.try_clone()?), written: Arc::clone(&written) };
        Ok((Self { file, buffer: Vec::new(), written, failed: None }, reader))
    }

    /// Adds an item. After a failure, or beyond [`limits::MAX_SPOOL`], items are not kept.
    pub fn push(&mut self, item: &Item) {
        if self.failed.is_some() {
            return;
        }
        write_record(item, &mut self.buffer);
        // While nothing arrives, what did is to be readable.
        if self.buffer.len() >= BUFFER || matches!(item, Item::Pending | Item::Time(_)) {
            self.flush();
        }
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) {
        if self.failed.is_some() || self.buffer.is_empty() {
            return;
        }
        let after = self.written.load(Ordering::Acquire) + self.buffer.len() as u64;
        if after > limits::MAX_SPOOL {
            self.failed = Some(format!("more than {} GB were captured", limits::MAX_SPOOL >> 30));
            self.buffer = Vec::new();
            return;
        }
        match self.file.write_all(&self.buffer) {
            Ok(()) => self.written.store(after, Ordering::Release),
            Err(error) => self.failed = Some(format!("the temporary file cannot be written: {error}")),
        }
        self.buffer.clear();
    }

    /// Why not everything is in the file; `None` if everything is.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }
}

impl SpoolReader {
    /// Returns a source of what was written so far.
    #[must_use]
    pub fn read(&self) -> Replayed {
        let end = self.written.load(Ordering::Acquire);
        let input = FileAt { file: Arc::clone(&self.file), at: 0 }.take(end);
        Replayed { input: io::BufReader::with_capacity(BUFFER, input) }
    }
}

/// The items of a [`Spool`].
pub struct Replayed {
    input: io::BufReader<io::Take<FileAt>>,
}

impl Source for Replayed {
    fn next(&mut self, _: &mut Findings) -> Result<Option<Item>, Error> {
        read_record(&mut self.input)
            .map_err(|error| Error(format!("the temporary file cannot be read back: {error}")))
    }
}

/// Reads a file from a position of its own, so that several readers share it.
#[derive(Debug)]
pub(super) struct FileAt {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
}

impl Read for FileAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn write_record(item: &Item, out: &mut Vec<u8>) {
    match item {
        Item::Packet(packet) => {
            out.push(0);
            out.extend_from_slice(&packet.origin.packet.0.to_le_bytes());
            out.extend_from_slice(&packet.origin.time.0.to_le_bytes());
            out.extend_from_slice(&packet.link_type.0.to_le_bytes());
            out.extend_from_slice(&packet.interface.to_le_bytes());
            out.extend_from_slice(&packet.original_len.to_le_bytes());
            write_data(&packet.data, out);
        }
        Item::Secrets { kind, data } => {
            out.push(1);
            out.extend_from_slice(&kind.to_le_bytes());
            write_data(data, out);
        }
        Item::Lost { by, packets } => {
            let by = Loser::ALL.iter().position(|loser| loser == by).unwrap_or_default();
            out.extend_from_slice(&[2, by as u8]);
            out.extend_from_slice(&packets.to_le_bytes());
        }
        Item::Time(time) => {
            out.push(3);
            out.extend_from_slice(&time.0.to_le_bytes());
        }
        Item::Pending => {}
    }
}

/// Longest data of a record, in bytes: a secrets block may be longer than a packet, by what a block
/// has besides.
const MAX_DATA: usize = 2 * limits::MAX_PACKET;

/// Writes a length and that many bytes: at most [`MAX_DATA`].
fn write_data(data: &Bytes, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(data);
}

/// Reads a record; `None` at the end.
fn read_record(input: &mut impl Read) -> io::Result<Option<Item>> {
    let mut kind = [0];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    Ok(Some(match kind {
        [0] => {
            let [number, time] = [number(input)?, number(input)?];
            let [link_type, interface, original_len] = [short(input)?, short(input)?, short(input)?];
            Item::Packet(Packet {
                origin: Origin::new(number, i64::from_le_bytes(time.to_le_bytes())),
                link_type: LinkType(link_type),
                interface,
                data: data(input)?,
                original_len,
            })
        }
        [1] => Item::Secrets { kind: short(input)?, data: data(input)? },
        [2] => {
            let mut by = [0];
            input.read_exact(&mut by)?;
            let by = Loser::ALL.get(usize::from(by[0])).copied().ok_or(io::ErrorKind::InvalidData)?;
            Item::Lost { by, packets: number(input)? }
        }
        [3] => Item::Time(Timestamp(i64::from_le_bytes(number(input)?.to_le_bytes()))),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }))
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn short(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn data(input: &mut impl Read) -> io::Result<Bytes> {
    let len = short(input)? as usize;
    if len > MAX_DATA {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    input.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let packet =
            (any::<u64>(), any::<i64>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..99));
        let item = prop_oneof![
            packet.prop_map(|(number, time, link_type, data)| Item::Packet(Packet {
                origin: Origin::new(number, time),
                link_type: LinkType(link_type),
                interface: link_type % 3,
                original_len: data.len() as u32 + 7,
                data: data.into(),
            })),
            any::<u32>().prop_map(|kind| Item::Secrets { kind, data: Bytes::from_static(b"secret") }),
            any::<u64>().prop_map(|packets| Item::Lost { by: Loser::Interface, packets }),
            any::<i64>().prop_map(|time| Item::Time(Timestamp(time))),
        ];
        proptest::collection::vec(item, 0..40)
    }

    fn read_back(reader: &SpoolReader) -> Vec<String> {
        let (mut source, mut findings) = (reader.read(), Findings::new());
        std::iter::from_fn(|| source.next(&mut findings).unwrap()).map(|item| text(&item)).collect()
    }

    /// All of an item; its debug output has no secrets.
    fn text(item: &Item) -> String {
        match item {
            Item::Secrets { kind, data } => format!("{kind} {data:?}"),
            item => format!("{item:?}"),
        }
    }

    proptest! {
        #[test]
        fn items_are_read_back(items in items(), at in 0_usize..40) {
            let (mut spool, reader) = Spool::new(tempfile::tempfile().unwrap()).unwrap();
            let want: Vec<_> = items.iter().map(text).collect();
            for (index, item) in items.iter().enumerate() {
                if index == at {
                    spool.push(&Item::Pending);
                    prop_assert_eq!(&read_back(&reader), &want[..index], "a reader sees whole records");
                }
                spool.push(item);
            }
            spool.flush();
            prop_assert_eq!(read_back(&reader), want);
            prop_assert_eq!(spool.failure(), None);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_reported() {
        let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let (mut spool, reader) = Spool::new(file).unwrap();
        spool.push(&Item::Time(Timestamp(1)));
        spool.flush();
        assert!(spool.failure().unwrap().starts_with("the temporary file cannot be written"));
        assert!(read_back(&reader).is_empty());
    }
}
