//! Reads one capture file: detects the format, then yields its items.

use super::buffer::{InputBuffer, Refill};
use super::framing::{self, Framed, PCAP_HEADER_LEN};
use super::item::{Error, Item, LinkType, Packet};
use super::pcap::PcapReader;
use super::pcapng::{self, PcapngReader};
use super::tail::Tail;
use super::{decompress, unrecognised};
use crate::base::{Findings, Origin, PacketNo};

/// A capture file.
pub(super) struct CaptureFile {
    input: InputBuffer,
    format: Format,
}

enum Format {
    Unknown,
    Pcap(PcapReader),
    Pcapng(PcapngReader),
    /// The end was reached, or an error.
    Ended,
}

impl CaptureFile {
    /// Creates a reader without reading.
    pub(super) fn new(input: InputBuffer) -> Self {
        Self { input, format: Format::Unknown }
    }

    /// Link type of all packets; `None` if the file header was not read or does not have one
    /// (pcapng).
    pub(super) fn link_type(&self) -> Option<LinkType> {
        match &self.format {
            Format::Pcap(reader) => Some(reader.link_type()),
            _ => None,
        }
    }

    /// The growing file; `None` for any other input.
    pub(super) fn tail(&self) -> Option<&Tail> {
        self.input.tail()
    }

    /// Reads as much as the format detection needs. Does nothing if the format is known; leaves it
    /// unknown if a growing file is too short yet.
    ///
    /// # Errors
    /// The input cannot be read, or is not a capture.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        if !matches!(self.format, Format::Unknown) {
            return Ok(());
        }
        // Remains in place if an error returns early.
        self.format = Format::Ended;
        self.format = self.detect_format()?;
        Ok(())
    }

    fn detect_format(&mut self) -> Result<Format, Error> {
        while self.input.bytes().len() < 4 {
            match self.input.refill(4)? {
                Refill::Bytes => {}
                Refill::Pending => return Ok(Format::Unknown),
                // A followed file that is still empty.
                Refill::End if self.input.tail().is_some() && self.input.bytes().is_empty() => {
                    return Ok(Format::Ended);
                }
                Refill::End => return Err(self.not_a_capture()),
            }
        }
        if self.input.tail().is_some()
            && let Some(with) = decompress::compression(self.input.bytes())
        {
            return Err(Error(format!(
                "{}: {}",
                self.input.findings.name,
                unrecognised::cannot_follow_compressed(with)
            )));
        }
        if self.input.bytes().starts_with(&pcapng::SECTION_HEADER.to_be_bytes()) {
            return self.detect_pcapng();
        }
        loop {
            match framing::pcap_header(self.input.bytes()) {
                Framed::Complete(header) => {
                    self.input.take(PCAP_HEADER_LEN);
                    return Ok(Format::Pcap(PcapReader::new(header)));
                }
                Framed::Incomplete(need) => match self.input.refill(need)? {
                    Refill::Bytes => {}
                    Refill::Pending => return Ok(Format::Unknown),
                    Refill::End => return Ok(Format::Ended),
                },
                Framed::Invalid(_) => return Err(self.not_a_capture()),
            }
        }
    }

    fn detect_pcapng(&mut self) -> Result<Format, Error> {
        loop {
            match pcapng::byte_order(self.input.bytes()) {
                Framed::Complete(_) => return Ok(Format::Pcapng(PcapngReader::default())),
                Framed::Incomplete(need) => match self.input.refill(need)? {
                    Refill::Bytes => {}
                    Refill::Pending => return Ok(Format::Unknown),
                    Refill::End => return Ok(Format::Ended),
                },
                Framed::Invalid(what) => {
                    let name = &self.input.findings.name;
                    return Err(Error(format!(
                        "{name}: begins like a pcapng file, but with {what}; {}",
                        unrecognised::EXPECTED
                    )));
                }
            }
        }
    }

    /// Reads a little more to recognise text, and returns an error that describes the input.
    fn not_a_capture(&mut self) -> Error {
        let most = unrecognised::MAX_HEAD;
        while self.input.bytes().len() < most && matches!(self.input.refill(most), Ok(Refill::Bytes)) {}
        let compression = self.input.compression();
        Error(unrecognised::describe(&self.input.findings.name, compression, self.input.bytes()))
    }

    /// Returns the next packet with this number if it was read already and nothing is to be
    /// reported; `None` if [`Self::next`] has to be asked.
    #[inline(always)]
    pub(super) fn next_plain(&mut self, number: PacketNo) -> Option<Packet> {
        match &self.format {
            Format::Pcap(reader) if self.input.findings.is_empty() => {
                reader.next_plain(number, &mut self.input)
            }
            _ => None,
        }
    }

    /// Returns the next item, without packet number; [`Item::Pending`] if a growing file has no
    /// more yet, `None` at the end. Findings get the position `last`, the previous packet of the
    /// capture.
    ///
    /// # Errors
    /// The input cannot be read, or is not a capture. The file has ended then.
    #[inline(always)]
    pub(super) fn next(
        &mut self,
        last: Option<Origin>,
        findings: &mut Findings,
    ) -> Result<Option<Item>, Error> {
        if matches!(self.format, Format::Unknown) {
            self.begin()?;
        }
        let mut item = match &mut self.format {
            Format::Pcap(reader) => reader.next(&mut self.input),
            Format::Pcapng(reader) => reader.next(&mut self.input),
            Format::Unknown => Ok(Some(Item::Pending)),
            Format::Ended => Ok(None),
        };
        self.input.findings.drain_into(last, findings);
        if !matches!(item, Ok(Some(_))) {
            item = self.end(item);
        }
        item
    }

    /// Ends the file after its last item, or after an error: returns the item that follows.
    #[cold]
    fn end(&mut self, item: Result<Option<Item>, Error>) -> Result<Option<Item>, Error> {
        let ended = std::mem::replace(&mut self.format, Format::Ended);
        if item.is_ok() {
            self.input.abandon();
        }
        self.input.close();
        match ended {
            // Capture time after the last packet.
            Format::Pcapng(reader) if item.is_ok() => Ok(reader.end_time().map(Item::Time)),
            _ => item,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;
    use crate::capture::from_reader;
    use crate::capture::samples::{BIG, LITTLE, OneByte, drain, read};

    /// Pieces of a small file of either format, which is valid if cut between any two.
    fn samples() -> [Vec<Vec<u8>>; 2] {
        let record = |n: u8| BIG.record(n.into(), 0, 60, &vec![n; usize::from(n) * 3]);
        let packet = |n: u8| LITTLE.packet(0, n.into(), &vec![n; usize::from(n) * 3], &[]);
        [
            vec![BIG.pcap(0xa1b2_c3d4, 1), record(1), record(0), record(7)],
            vec![
                LITTLE.section(),
                LITTLE.interface(1, 0, &LITTLE.option(9, &[9])),
                packet(3),
                LITTLE.statistics(0, 0, 0),
                packet(5),
                packet(0),
            ],
        ]
    }

    #[test]
    fn truncated_at_every_byte() {
        for pieces in samples() {
            let file = pieces.concat();
            let all = read(&file).table();
            assert_eq!(all.len(), 3);
            let mut ends = vec![0];
            for piece in &pieces {
                ends.push(ends.last().unwrap() + piece.len());
            }
            for cut in 0..=file.len() {
                let got = read(&file[..cut]);
                let table = got.table();
                assert_eq!(table[..], all[..table.len()]);
                let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
                let packets = read(&pieces[..whole].concat()).table().len();
                assert_eq!(table.len(), packets, "cut at {cut}");
                let at_end = ends.contains(&cut) || cut < 4;
                let want = if at_end { vec![] } else { vec![Code::CaptureTruncated] };
                assert_eq!(got.codes, want, "cut at {cut}");
                assert_eq!(got.error.is_some(), cut < 4);
            }
        }
    }

    #[test]
    fn one_byte_at_a_time_gives_the_same() {
        for pieces in samples() {
            let file = pieces.concat();
            let one_by_one = OneByte(std::io::Cursor::new(file.clone()));
            let got = drain(from_reader("test", Box::new(one_by_one)));
            assert_eq!(got.table(), read(&file).table());
        }
    }

    #[test]
    fn files_that_are_not_captures_are_named() {
        let mut damaged = LITTLE.section();
        damaged[8] = 0;
        for (bytes, want) in [
            (&b""[..], "test: is empty: 0 bytes"),
            (b"12", "test: not a pcap or pcapng file"),
            (b"<html><body>404</body></html>", "(HTML)"),
            (&[0x1f, 0x8b, 9, 9, 9], "nothing could be read from its gzip data"),
            (&damaged, "begins like a pcapng file, but with a section with the unknown byte-order mark"),
        ] {
            let got = read(bytes);
            let error = got.error.unwrap();
            assert!(error.contains(want), "{error}");
            assert!(error.contains(unrecognised::EXPECTED), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(garbage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), start in 0usize..4) {
            let start = match start {
                0 => LITTLE.pcap(0xa1b2_c3d4, 1),
                1 => [BIG.section(), BIG.interface(1, 0, &[])].concat(),
                2 => [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat(),
                _ => vec![],
            };
            read(&[start, garbage].concat());
        }

        #[test]
        fn a_changed_byte_never_panics(which in 0usize..2, at in 0usize..400, to in proptest::prelude::any::<u8>()) {
            let mut file = samples()[which].concat();
            let at = at % file.len();
            file[at] = to;
            read(&file);
        }
    }
}
