//! Which file each packet of a capture is in, and its number there.
//!
//! A turn is a run of packets of one file. Files that follow each other in time have a turn each;
//! files of the same time have up to one for each packet. A turn takes two to four bytes, and
//! blocks of turns say where they begin, so that looking up a packet decodes one block.

use crate::base::limits;

/// Turns of a block, at least. A block holds a count for each file, so it has as many turns as
/// there are files if that is more.
const BLOCK: usize = 256;

/// The turns of all files.
#[derive(Debug)]
pub(super) struct Turns {
    /// Turns that are over: the file, then the number of packets, each as a varint.
    over: Vec<u8>,
    blocks: Vec<Block>,
    /// Turns of the last block.
    in_block: usize,
    /// Packets of each file before the current turn.
    counts: Vec<u64>,
    /// First packet of the current turn, and its file; `None` before the first.
    current: Option<(u64, usize)>,
    /// The first packet of which the file is not known: there was no room.
    unknown: Option<u64>,
}

/// Where some turns begin.
#[derive(Debug)]
struct Block {
    /// First packet.
    start: u64,
    /// Offset of the first turn.
    at: usize,
    /// Packets of each file before.
    counts: Box<[u64]>,
}

/// A turn that is over.
struct Turn {
    file: usize,
    start: u64,
    packets: u64,
}

impl Turns {
    pub(super) fn new(files: usize) -> Self {
        let counts = vec![0; files];
        Self { over: Vec::new(), blocks: Vec::new(), in_block: 0, counts, current: None, unknown: None }
    }

    /// The packets from `at` on are of `file`. Returns false once, when there is no room.
    pub(super) fn begin(&mut self, at: u64, file: usize) -> bool {
        if self.unknown.is_some() || self.current.is_some_and(|(_, current)| current == file) {
            return true;
        }
        if let Some((start, of)) = self.current {
            if self.over.len() >= limits::MAX_FILE_TURNS {
                self.unknown = Some(at);
                return false;
            }
            let packets = at.saturating_sub(start);
            self.push(&Turn { file: of, start, packets });
        }
        self.current = Some((at, file));
        true
    }

    fn push(&mut self, turn: &Turn) {
        if self.blocks.is_empty() || self.in_block >= BLOCK.max(self.counts.len()) {
            let counts = self.counts.as_slice().into();
            self.blocks.push(Block { start: turn.start, at: self.over.len(), counts });
            self.in_block = 0;
        }
        self.in_block += 1;
        put(&mut self.over, turn.file as u64);
        put(&mut self.over, turn.packets);
        if let Some(count) = self.counts.get_mut(turn.file) {
            *count += turn.packets;
        }
    }

    /// Returns the file of a packet; `None` if it is not known.
    pub(super) fn file(&self, packet: u64) -> Option<usize> {
        let (start, file) = self.current?;
        if packet == 0 || self.unknown.is_some_and(|from| packet >= from) {
            return None;
        }
        if packet >= start {
            return Some(file);
        }
        let mut turns = self.turns(self.block(|block| block.start <= packet)?);
        turns.find(|turn| packet < turn.start + turn.packets).map(|turn| turn.file)
    }

    /// Returns how many packets of a file are among the packets up to `packet`: the number of this
    /// packet if it is of the file.
    pub(super) fn count(&self, file: usize, packet: u64) -> u64 {
        let packet = self.unknown.map_or(packet, |from| packet.min(from - 1));
        match self.current {
            Some((start, current)) if packet >= start => {
                let before = self.counts.get(file).copied().unwrap_or_default();
                before + if current == file { packet + 1 - start } else { 0 }
            }
            _ => {
                let Some(block) = self.block(|block| block.start <= packet) else { return 0 };
                let turns = self.turns(block).take_while(|turn| turn.start <= packet);
                let within = turns.filter(|turn| turn.file == file);
                block.before(file) + within.map(|turn| turn.packets.min(packet + 1 - turn.start)).sum::<u64>()
            }
        }
    }

    /// Returns the packet with this number in a file; `None` if it was not read. Of the file whose
    /// turn it is, it may be one that will come.
    pub(super) fn find(&self, file: usize, number: u64) -> Option<u64> {
        let (start, current) = self.current?;
        let over = self.counts.get(file).copied()?;
        if number == 0 {
            return None;
        }
        if number > over {
            let found = start + (number - over) - 1;
            let is_known = current == file && self.unknown.is_none_or(|from| found < from);
            return is_known.then_some(found);
        }
        let block = self.block(|block| block.before(file) < number)?;
        let mut left = number - block.before(file);
        for turn in self.turns(block).filter(|turn| turn.file == file) {
            if left <= turn.packets {
                return Some(turn.start + left - 1);
            }
            left -= turn.packets;
        }
        None
    }

    /// Returns the last block for which `begins_before` holds: it does for the first ones.
    fn block(&self, begins_before: impl Fn(&Block) -> bool) -> Option<&Block> {
        self.blocks.get(self.blocks.partition_point(begins_before).checked_sub(1)?)
    }

    /// Returns the turns from the beginning of a block on.
    fn turns(&self, block: &Block) -> impl Iterator<Item = Turn> {
        let (mut rest, mut start) = (self.over.get(block.at..).unwrap_or_default(), block.start);
        std::iter::from_fn(move || {
            let (file, packets) = (take(&mut rest)?, take(&mut rest)?);
            let turn = Turn { file: usize::try_from(file).ok()?, start, packets };
            start += packets;
            Some(turn)
        })
    }
}

impl Block {
    fn before(&self, file: usize) -> u64 {
        self.counts.get(file).copied().unwrap_or_default()
    }
}

/// Appends seven bits a byte, the lowest first; all but the last byte have the highest bit set.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, more) = rest.split_first()?;
        *rest = more;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}
