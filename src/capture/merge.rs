//! Merges files into one capture: packets in time order, numbered from 1, filtered.
//!
//! ```text
//!   file 0:  head ─┐
//!   file 1:  head ─┼─▶ earliest (ties: the first file) ─▶ number ─▶ filter ─▶ out
//!   file 2:  head ─┘
//! ```
//!
//! The packets of other files wait for a growing file without new packets for at most
//! [`MAX_MERGE_WAIT`]. After that they are emitted, and its own follow later, out of order.
//!
//! Packets of one file stay in file order, even if their times run backwards. Other items (secrets,
//! losses) are emitted when read: directly after the preceding packet of their file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::file::CaptureFile;
use super::filter::Filter;
use super::item::{Error, Item, Packet, Source};
use super::progress::Progress;
use super::tail::{EndedFiles, Tail, now};
use crate::base::{Code, Files, Findings, Origin, PacketNo};

/// Maximum time that a packet of a growing file waits for earlier ones of the other files. Two
/// captures that are flushed after each packet (`tcpdump -U`) write within milliseconds of each
/// other.
const MAX_MERGE_WAIT: Duration = Duration::from_millis(100);

/// Minimum time between two checks of a file that had no more. Otherwise each packet of the other
/// files would cause a check of three system calls.
const RECHECK_INTERVAL: Duration = Duration::from_millis(5);

/// One or more inputs, read as one capture.
pub struct Capture {
    files: Vec<(CaptureFile, Option<Item>)>,
    /// Files whose next packet was read: its time in nanoseconds, and the file's index.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    /// Files without a head, in reverse order: their next item has to be read.
    empty: Vec<usize>,
    /// Growing files that had no more at the last check.
    pending: Vec<usize>,
    /// The last packet, emitted or filtered out.
    last: Option<Origin>,
    filter: Option<Filter>,
    progress: Progress,
    /// The file that the last packet is of; `None` if there is only one file.
    file: Option<usize>,
    /// The file that [`Files::begin_turn`] was told last.
    turn: Option<usize>,
    numbers: Files,
    /// Collects the reasons why followed files end; `None` if the files are not followed.
    ended: Option<EndedFiles>,
}

impl Capture {
    /// Creates a capture of `files`; this order decides between equal times.
    pub(super) fn new(files: Vec<CaptureFile>, filter: Option<Filter>, progress: Progress) -> Self {
        Self {
            empty: (0..files.len()).rev().collect(),
            heads: BinaryHeap::with_capacity(files.len()),
            pending: Vec::new(),
            files: files.into_iter().map(|file| (file, None)).collect(),
            last: None,
            filter,
            progress,
            file: None,
            turn: None,
            numbers: Files::default(),
            ended: None,
        }
    }

    /// Marks the files as followed: an error in one of several files ends that file, with the
    /// reason in `ended`, and the others continue.
    pub(super) fn following(self, ended: EndedFiles) -> Self {
        Self { ended: Some(ended), ..self }
    }

    /// Says which file each packet is of, in `files`: those of this capture, in their order.
    #[must_use]
    pub fn numbering(self, files: Files) -> Self {
        Self { numbers: files, ..self }
    }

    /// Returns a handle to the bytes read so far, usable from other threads.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    #[inline(always)]
    fn next_merged(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        if let [(file, _)] = self.files.as_mut_slice() {
            let item = file.next(self.last, findings);
            if let Ok(Some(Item::Pending)) = item {
                self.progress.set_end_reached();
            }
            return item;
        }
        self.next_of_several(findings)
    }

    /// Returns the next packet if there is nothing to do but to number it, and it was read already:
    /// one file of the format of which nearly all are. `None` if there may be more to do.
    #[inline(always)]
    fn next_plain(&mut self) -> Option<Packet> {
        let [(file, _)] = self.files.as_mut_slice() else { return None };
        if self.filter.is_some() || self.file.is_some() {
            return None;
        }
        let before = self.last.map_or(0, |last| last.packet.0);
        let packet = file.next_plain(PacketNo(before + 1))?;
        self.last = Some(packet.origin);
        Some(packet)
    }

    fn next_of_several(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        if !self.can_emit() {
            self.recheck_pending();
        }
        while let Some(index) = self.empty.pop() {
            let Some((file, head)) = self.files.get_mut(index) else {
                continue;
            };
            *head = match (file.next(self.last, findings), &self.ended) {
                (Err(error), Some(ended)) => {
                    ended.set(index, format!("{error}; nothing more is read of it"));
                    None
                }
                (read, _) => read?,
            };
            match head {
                Some(Item::Packet(packet)) => self.heads.push(Reverse((packet.origin.time.0, index))),
                // The other files may still have earlier packets.
                Some(Item::Time(_)) => self.empty.push(index),
                Some(Item::Pending) => self.pending.push(index),
                Some(_) => {
                    self.empty.push(index);
                    return Ok(head.take());
                }
                None => {}
            }
        }
        if !self.can_emit() {
            if self.heads.is_empty() {
                self.progress.set_end_reached();
            }
            return Ok(Some(Item::Pending));
        }
        let Some(Reverse((_, index))) = self.heads.pop() else {
            return Ok(None);
        };
        self.empty.push(index);
        self.file = Some(index);
        Ok(self.files.get_mut(index).and_then(|(_, head)| head.take()))
    }

    /// Moves pending files to `empty` if their last check is old enough.
    fn recheck_pending(&mut self) {
        let (files, now) = (&self.files, now());
        let is_due = |index: &mut usize| {
            let silent = files.get(*index).and_then(|(file, _)| file.tail()).and_then(Tail::end_seen_at);
            silent.is_none_or(|silent| now.saturating_duration_since(silent) >= RECHECK_INTERVAL)
        };
        self.empty.extend(self.pending.extract_if(.., is_due));
    }

    /// Whether the earliest packet can be emitted: each pending file was found at its end at least
    /// [`MAX_MERGE_WAIT`] after that packet was available.
    fn can_emit(&self) -> bool {
        let tail = |index: usize| self.files.get(index).and_then(|(file, _)| file.tail());
        let Some(Reverse((_, index))) = self.heads.peek() else {
            return self.pending.is_empty();
        };
        let Some(since) = tail(*index).map(Tail::seen_at) else {
            return true;
        };
        let is_silent = |index: &usize| {
            let silent = tail(*index).and_then(Tail::end_seen_at);
            silent.is_some_and(|silent| silent.saturating_duration_since(since) >= MAX_MERGE_WAIT)
        };
        self.pending.iter().all(is_silent)
    }
}

impl Source for Capture {
    /// After an error in one of several files, the others can still be read.
    #[inline]
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        if let Some(packet) = self.next_plain() {
            return Ok(Some(Item::Packet(packet)));
        }
        loop {
            let mut item = self.next_merged(findings);
            if let Ok(Some(Item::Packet(packet))) = &mut item {
                let before = self.last.map_or(0, |last| last.packet.0);
                packet.origin.packet = PacketNo(before + 1);
                self.last = Some(packet.origin);
                if let Some(file) = self.file.filter(|file| self.turn != Some(*file)) {
                    self.turn = Some(file);
                    if !self.numbers.begin_turn(packet.origin.packet, file) {
                        let detail = "the files change too often";
                        findings.add(Code::CaptureFileNumbers, packet.origin, detail);
                    }
                }
                if let Some(filter) = &mut self.filter
                    && !filter.matches(packet, findings)
                {
                    continue;
                }
            }
            return item;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;
    use crate::base::limits;
    use crate::capture::samples::{Got, LITTLE, drain};
    use crate::capture::{OpenOptions, from_readers};

    fn merge(files: &[Vec<u8>]) -> Got {
        let readers = files
            .iter()
            .enumerate()
            .map(|(i, file)| {
                let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file.clone()));
                (format!("file {i}"), reader)
            })
            .collect();
        drain(from_readers(readers, &OpenOptions::default()).unwrap())
    }

    fn pcap(seconds: &[u32]) -> Vec<u8> {
        let records = seconds.iter().flat_map(|s| LITTLE.record(*s, 0, 9, &s.to_le_bytes()));
        LITTLE.pcap(0xa1b2_c3d4, 1).into_iter().chain(records).collect()
    }

    #[test]
    fn packets_are_in_time_order_and_files_keep_their_own() {
        let got = merge(&[pcap(&[4, 6, 5, 9]), pcap(&[]), pcap(&[1, 4, 5, 8]), pcap(&[7])]);
        let rows: Vec<_> = got.table().iter().map(|row| (row.0, row.1 / 1_000_000_000)).collect();
        let times = [1, 4, 4, 5, 6, 5, 7, 8, 9];
        let want: Vec<_> = (1u64..).zip(times).collect();
        assert_eq!(rows, want);
    }

    #[test]
    fn ties_go_to_the_file_that_is_named_first() {
        let file = |tag| [pcap(&[]), LITTLE.record(1, 0, 9, &[tag]), LITTLE.record(1, 0, 9, &[tag])].concat();
        let got = merge(&[file(0), file(1), file(2)]);
        let tags: Vec<_> = got.packets().iter().map(|p| p.data[0]).collect();
        assert_eq!(tags, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_loss_follows_the_packet_before_it() {
        let ng = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.packet(0, 2_000_000, b"x", &[]),
            LITTLE.statistics(0, 3, 0),
            LITTLE.packet(0, 5_000_000, b"x", &[]),
        ];
        let got = merge(&[pcap(&[1, 3]), ng.concat()]);
        let kinds: String =
            got.items.iter().map(|item| if matches!(item, Item::Packet(_)) { 'p' } else { 'l' }).collect();
        assert_eq!(kinds, "pplpp");
    }

    #[test]
    fn files_that_change_too_often_are_numbered_over_all() {
        for is_full in [true, false] {
            let files = Files::new(vec!["a".to_owned(), "b".to_owned()]);
            // A turn of few packets takes two bytes once the next one begins.
            let turns = if is_full { limits::MAX_FILE_TURNS as u64 / 2 + 1 } else { 0 };
            for turn in 1..=turns {
                assert!(files.begin_turn(PacketNo(turn), turn as usize % 2));
            }
            let readers = [pcap(&[1, 3]), pcap(&[2, 4])].map(|file| {
                let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file));
                (String::new(), reader)
            });
            let capture = from_readers(readers.into(), &OpenOptions::default()).unwrap();
            let got = drain(capture.numbering(files));
            let told = got.codes.iter().filter(|code| **code == Code::CaptureFileNumbers).count();
            assert_eq!(told, usize::from(is_full), "once");
        }
    }

    #[test]
    fn captures_are_send() {
        fn sendable<T: Send>() {}
        sendable::<Capture>();
    }
}
