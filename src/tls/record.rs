//! The record layer (RFC 8446 section 5.1): cuts what one end sends into records.
//!
//! ```text
//!   0        1         3        5
//!   │ type   │ version │ length │ body …            one record; many in a segment, or over many
//!
//!   Aligned ──gap inside a record, its end known──▶ Skipping(rest) ──▶ Aligned
//!      └──────gap, or what is no header──▶ Searching ──header found, record opens──▶ Aligned
//! ```

use std::fmt;

use bytes::Bytes;

use crate::base::{Span, StreamBuf};

/// Length of a record header, in bytes.
pub const HEADER_LEN: usize = 5;

/// Longest body of a record, in bytes: 2^14, and 2048 for what encryption adds in TLS 1.2 (RFC 5246
/// section 6.2.3).
const MAX_BODY: usize = (1 << 14) + 2048;

/// Shortest record, in bytes: a body of one byte. It bounds how many fit into a gap.
const MIN_RECORD: u64 = HEADER_LEN as u64 + 1;

/// The type of a record or of its content (RFC 8446 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentType(pub u8);

impl ContentType {
    pub const CHANGE_CIPHER_SPEC: Self = Self(20);
    pub const ALERT: Self = Self(21);
    pub const HANDSHAKE: Self = Self(22);
    pub const APPLICATION_DATA: Self = Self(23);
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type; of an encrypted record of TLS 1.3 always application data.
    pub content_type: ContentType,
    /// `legacy_record_version`.
    pub version: u16,
    /// Length of the body, in bytes.
    pub len: u16,
}

impl Header {
    /// Reads a header; `None` if the bytes are none, or fewer than five.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [content_type @ 20..=23, 3, minor @ 0..=4, high, low, ..] = *bytes else { return None };
        let len = u16::from_be_bytes([high, low]);
        let is_possible = usize::from(len) <= MAX_BODY && (len > 0 || content_type == 23);
        let version = u16::from_be_bytes([3, minor]);
        is_possible.then_some(Self { content_type: ContentType(content_type), version, len })
    }

    /// Returns the header as it was sent: the additional data of TLS 1.3 (RFC 8446 section 5.2).
    #[must_use]
    pub fn bytes(self) -> [u8; HEADER_LEN] {
        let ([major, minor], [high, low]) = (self.version.to_be_bytes(), self.len.to_be_bytes());
        [self.content_type.0, major, minor, high, low]
    }

    /// Returns the length of the record, header included, in bytes.
    #[must_use]
    pub fn record_len(self) -> usize {
        HEADER_LEN + usize::from(self.len)
    }
}

/// A record as it was sent.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its header.
    pub header: Header,
    /// Its body. A shared slice of a block of the capture if it lies in one packet.
    pub body: Bytes,
    /// The packets that carried header and body.
    pub span: Span,
}

/// Where the next record begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Alignment {
    /// At the first held byte.
    #[default]
    Aligned,
    /// After this many bytes: the rest of a record of which a part is missing.
    Skipping(usize),
    /// Not known. A header is searched.
    Searching,
}

/// How many records of a direction were lost, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRecords(pub u64);

/// Cuts the bytes of a direction into records.
#[derive(Debug, Default)]
pub struct Records {
    held: StreamBuf,
    alignment: Alignment,
    /// Whether the alignment follows from a single candidate: no other header confirmed it yet.
    is_guess: bool,
    /// Bytes that are in no record: before a header was found again.
    skipped: u64,
}

/// The result of [`Records::next`].
#[derive(Debug)]
pub enum Next {
    /// A record.
    Record(Record),
    /// Bytes that look like a record. Call [`Records::accept`] if it can be decrypted, else
    /// [`Records::reject`].
    Candidate(Record),
    /// What follows is no record. The next one is searched.
    Invalid {
        /// The first bytes.
        bytes: Bytes,
        /// Their packets.
        span: Span,
        /// Whether a record has to begin here. After a single candidate it need not: the candidate
        /// may be a part of a record that looks like one.
        is_sure: bool,
    },
}

impl Records {
    /// Adds bytes.
    pub fn push(&mut self, bytes: Bytes, span: Span) {
        self.held.push(bytes, span);
    }

    /// Bytes are missing; `len` is 0 if their number is not known. Returns how many records were
    /// lost at most.
    pub fn gap(&mut self, len: u64) -> LostRecords {
        let held = self.held.len();
        let rest = match self.alignment {
            Alignment::Aligned => {
                Header::read(self.held.bytes()).map(|header| header.record_len().saturating_sub(held))
            }
            Alignment::Skipping(rest) => Some(rest.saturating_sub(held)),
            Alignment::Searching => None,
        };
        self.skipped += self.held.skip(held) as u64;
        let is_inside = |rest: &usize| len > 0 && *rest as u64 >= len;
        if let Some(rest) = rest.filter(is_inside) {
            let was_counted = matches!(self.alignment, Alignment::Skipping(_));
            self.alignment = Alignment::Skipping(rest.saturating_sub(usize::try_from(len).unwrap_or(rest)));
            return LostRecords(u64::from(!was_counted));
        }
        self.alignment = Alignment::Searching;
        let most = (len + held as u64) / MIN_RECORD + 1;
        LostRecords(if len == 0 { u64::MAX } else { most })
    }

    /// Returns the next complete record; `None` if more bytes are needed.
    pub fn next(&mut self) -> Option<Next> {
        if let Alignment::Skipping(rest) = self.alignment {
            let skipped = self.held.skip(rest);
            self.skipped += skipped as u64;
            let rest = rest - skipped;
            self.alignment = if rest == 0 { Alignment::Aligned } else { Alignment::Skipping(rest) };
        }
        match self.alignment {
            Alignment::Skipping(_) => None,
            Alignment::Aligned => self.next_aligned(),
            Alignment::Searching => self.search(),
        }
    }

    fn next_aligned(&mut self) -> Option<Next> {
        let bytes = self.held.bytes();
        if bytes.len() < HEADER_LEN {
            return None;
        }
        let Some(header) = Header::read(bytes) else {
            let (bytes, span) = (self.held.peek(HEADER_LEN), self.held.first_span()?);
            self.alignment = Alignment::Searching;
            return Some(Next::Invalid { bytes, span, is_sure: !self.is_guess });
        };
        self.is_guess = false;
        if bytes.len() < header.record_len() {
            return None;
        }
        let (mut body, span) = self.held.take(header.record_len())?;
        Some(Next::Record(Record { header, body: body.split_off(HEADER_LEN), span }))
    }

    /// Looks for bytes that may be a record.
    fn search(&mut self) -> Option<Next> {
        let bytes = self.held.bytes();
        let at = (0..bytes.len()).find(|at| may_begin(bytes.get(*at..).unwrap_or_default()));
        self.skipped += self.held.skip(at.unwrap_or(bytes.len())) as u64;
        let header = Header::read(self.held.bytes())?;
        if self.held.len() < header.record_len() {
            return None;
        }
        let span = self.held.span(header.record_len())?;
        let body = self.held.peek(header.record_len()).split_off(HEADER_LEN);
        Some(Next::Candidate(Record { header, body, span }))
    }

    /// The candidate is a record: reading goes on behind it.
    pub fn accept(&mut self, record: &Record) {
        self.held.skip(record.header.record_len());
        self.alignment = Alignment::Aligned;
        self.is_guess = true;
    }

    /// The candidate is no record: the search goes on.
    pub fn reject(&mut self) {
        self.skipped += self.held.skip(1) as u64;
    }

    /// Returns the number of bytes held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Returns the number of bytes that are in no record, with the rests of records that a gap cut.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Copies shared slices: see [`StreamBuf::settle`].
    pub fn settle(&mut self) {
        self.held.settle();
    }

    /// Drops what is held. The next record is searched.
    pub fn clear(&mut self) {
        self.skipped += self.held.skip(self.held.len()) as u64;
        self.alignment = Alignment::Searching;
    }
}

/// Whether a record may begin here, as far as there are bytes. Only headers of encrypted records of
/// TLS 1.2 and 1.3 count: in the middle of a connection there is little else, and the more bytes
/// are fixed the fewer places are tried.
fn may_begin(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [20..=23] | [20..=23, 3] | [20..=23, 3, 3] | [20..=23, 3, 3, _] => true,
        [20..=23, 3, 3, ..] => Header::read(bytes).is_some(),
        _ => false,
    }
}

/// Returns whether encrypted records of TLS 1.2 or 1.3 begin somewhere in `bytes`, the middle of
/// what an end sent: two headers that follow each other. At the beginning one is enough, of any
/// record. The search begins at `from`, which is moved to where it goes on when there are more
/// bytes.
#[must_use]
pub fn has_records(bytes: &[u8], from: &mut usize) -> bool {
    const BEGIN: [u8; 3] = [23, 3, 3];
    if bytes.len() < HEADER_LEN {
        return false;
    }
    if *from == 0 && Header::read(bytes).is_some() {
        return true;
    }
    let mut undecided = None;
    for at in memchr::memmem::find_iter(bytes.get(*from..).unwrap_or_default(), &BEGIN) {
        let at = at + *from;
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = Header::read(rest) else {
            let is_incomplete = rest.len() < HEADER_LEN;
            undecided = undecided.or(is_incomplete.then_some(at));
            continue;
        };
        let next = rest.get(header.record_len()..).unwrap_or_default();
        match Header::read(next) {
            Some(next) if next.content_type == ContentType::APPLICATION_DATA && next.version == 0x0303 => {
                return true;
            }
            None if next.len() < HEADER_LEN => undecided = undecided.or(Some(at)),
            _ => {}
        }
    }
    let end = bytes.len().saturating_sub(BEGIN.len() - 1).max(*from);
    *from = undecided.unwrap_or(end);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;

    fn span(packet: u64) -> Span {
        Span::of(Origin::new(packet, packet as i64))
    }

    fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[content_type, 3, 3], &len[..], body].concat()
    }

    /// Reads everything that is complete; candidates are accepted if they begin with `good`.
    fn drain(records: &mut Records) -> Vec<(u8, Vec<u8>, Span)> {
        let mut got = Vec::new();
        while let Some(next) = records.next() {
            match next {
                Next::Record(record) => {
                    got.push((record.header.content_type.0, record.body.to_vec(), record.span));
                }
                Next::Candidate(record) if record.body.starts_with(b"good") => {
                    records.accept(&record);
                    got.push((record.header.content_type.0, record.body.to_vec(), record.span));
                }
                Next::Candidate(_) => records.reject(),
                Next::Invalid { .. } => {}
            }
        }
        got
    }

    #[test]
    fn a_record_has_the_packets_of_all_its_bytes() {
        let mut records = Records::default();
        let sent = [record(22, b"abc"), record(23, b"defgh")].concat();
        records.push(Bytes::copy_from_slice(&sent[..4]), span(1));
        assert!(drain(&mut records).is_empty());
        records.push(Bytes::copy_from_slice(&sent[4..11]), span(3));
        records.push(Bytes::copy_from_slice(&sent[11..]), span(4));
        let want =
            [(22, b"abc".to_vec(), span(1).join(span(3))), (23, b"defgh".to_vec(), span(3).join(span(4)))];
        assert_eq!(drain(&mut records), want);
        assert_eq!(records.held(), 0);
    }

    #[test]
    fn after_a_gap_inside_a_record_the_next_one_is_known() {
        let mut records = Records::default();
        let sent = [record(23, &[7; 100]), record(23, b"good")].concat();
        records.push(Bytes::copy_from_slice(&sent[..20]), span(1));
        assert!(drain(&mut records).is_empty());
        assert_eq!(records.gap(30), LostRecords(1));
        records.push(Bytes::copy_from_slice(&sent[50..]), span(3));
        assert_eq!(drain(&mut records), [(23, b"good".to_vec(), span(3))]);
        assert_eq!(records.skipped(), 20 + 55);
    }

    #[test]
    fn after_any_other_gap_the_next_record_that_opens_is_found() {
        let mut records = Records::default();
        // What is left of a record looks like a header itself.
        let rest = [&[23, 3, 3, 0, 4][..], b"bad!", &[23, 3, 3, 0x7f, 0xff], &[0; 30]].concat();
        assert_eq!(records.gap(6000), LostRecords(1001));
        records.push(Bytes::from([rest, record(23, b"good one"), record(22, b"x")].concat()), span(3));
        let got: Vec<_> = drain(&mut records).into_iter().map(|(_, body, _)| body).collect();
        assert_eq!(got, [b"good one".to_vec(), b"x".to_vec()]);
    }

    /// Else the sender would be blamed for bytes that are well within a record.
    #[test]
    fn a_candidate_that_was_none_is_no_fault_of_the_sender() {
        let noise = [&[23, 3, 3, 0, 4][..], b"bad!", &[0; 30]].concat();
        let good = record(23, b"good");
        let mut records = Records::default();
        records.gap(0);
        records.push(Bytes::from([&noise[..], &good, &good, &noise[9..]].concat()), span(3));
        let mut faults = Vec::new();
        while let Some(next) = records.next() {
            match next {
                // Nothing can be opened.
                Next::Candidate(record) => records.accept(&record),
                Next::Record(_) => {}
                Next::Invalid { is_sure, .. } => faults.push(is_sure),
            }
        }
        assert_eq!(faults, [false, true], "two headers that follow each other are no coincidence");
    }

    #[test]
    fn records_are_recognised_in_the_middle() {
        let cipher = [0x51; 40];
        let whole = [&cipher[..9], &record(23, &cipher), &record(23, &cipher)].concat();
        let has = |bytes: &[u8]| has_records(bytes, &mut 0);
        assert!(has(&whole) && has(&whole[9..20]));
        assert!(!has(&whole[..30]) && !has(b"event: message\n") && !has(b""));
    }

    proptest::proptest! {
        /// The same bytes in other pieces are the same records.
        #[test]
        fn cut_anywhere_same_records(
            bodies in proptest::collection::vec((20u8..24, proptest::collection::vec(0u8.., 1..60)), 1..8),
            cuts in proptest::collection::vec(1usize..40, 1..40),
        ) {
            let sent: Vec<u8> = bodies.iter().flat_map(|(kind, body)| record(*kind, body)).collect();
            let (mut records, mut got, mut at) = (Records::default(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let end = sent.len().min(at + cut);
                records.push(Bytes::copy_from_slice(&sent[at..end]), span(end as u64));
                got.extend(drain(&mut records).into_iter().map(|(kind, body, _)| (kind, body)));
                at = end;
                if at == sent.len() {
                    break;
                }
            }
            proptest::prop_assert_eq!(got, bodies);
        }

        /// Any bytes and gaps: no panic, and every byte is in a record, skipped or held.
        #[test]
        fn books_balance(pieces in proptest::collection::vec(
            (0u64..3, proptest::collection::vec(proptest::prop_oneof![proptest::prelude::Just(3u8), 20u8..24, 0u8..], 0..60)),
            1..20,
        )) {
            let (mut records, mut pushed, mut read) = (Records::default(), 0, 0);
            for (gap, bytes) in pieces {
                if gap > 0 {
                    records.gap(gap - 1);
                }
                pushed += bytes.len();
                if !bytes.is_empty() {
                    records.push(Bytes::from(bytes), span(1));
                }
                read += drain(&mut records).iter().map(|(_, body, _)| body.len() + HEADER_LEN).sum::<usize>();
            }
            proptest::prop_assert_eq!(pushed, read + records.held() + records.skipped() as usize);
        }
    }
}
