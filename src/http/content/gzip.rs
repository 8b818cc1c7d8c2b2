//! gzip (RFC 1952), member by member.

use flate2::{Crc, Decompress, Status};

use super::deflate::inflate;
use super::error::damaged;
use super::step::Step;

/// gzip (RFC 1952): members, then bytes that are ignored.
pub(super) struct Gzip {
    at: GzipAt,
    /// Whether a member is complete: bytes after it that do not begin a member are ignored.
    later: bool,
    inflate: Decompress,
    crc: Crc,
}

/// Position in a member: the part, and how many of its bytes were read.
///
/// ```text
///   fixed (10) │ extra length (2), extra │ name … 0 │ comment … 0 │ crc16 (2) │
///   deflate data │ crc32, length (8)
/// ```
#[derive(Clone, Copy)]
enum GzipAt {
    Fixed { read: usize, flags: u8 },
    ExtraLength { first: Option<u8>, flags: u8 },
    Extra { left: usize, flags: u8 },
    Text { flags: u8 },
    HeaderCrc { left: usize },
    Data,
    Trailer { read: usize, bytes: [u8; 8] },
    Ignored,
}

impl Gzip {
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;
    const START: GzipAt = GzipAt::Fixed { read: 0, flags: 0 };

    pub(super) fn new() -> Self {
        Self { at: Self::START, later: false, inflate: Decompress::new(false), crc: Crc::new() }
    }

    #[cfg(test)]
    pub(super) fn ended(&self) -> bool {
        match self.at {
            GzipAt::Ignored => true,
            GzipAt::Fixed { read, .. } => self.later && read == 0,
            _ => false,
        }
    }

    pub(super) fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        match self.at {
            GzipAt::Data => self.data(input, chunk),
            GzipAt::Ignored => Step::read(input.len()),
            _ => match input.first() {
                None => Step::default(),
                Some(byte) => match self.byte(*byte) {
                    Ok(()) => Step::read(1),
                    Err(what) => Step::failed(damaged("gzip", what)),
                },
            },
        }
    }

    fn data(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        let (step, status) = inflate("gzip", &mut self.inflate, input, chunk);
        self.crc.update(chunk.get(..step.written).unwrap_or_default());
        if status == Status::StreamEnd {
            self.at = GzipAt::Trailer { read: 0, bytes: [0; 8] };
        }
        step
    }

    /// Reads one byte of a header or trailer.
    fn byte(&mut self, byte: u8) -> Result<(), &'static str> {
        self.at = match self.at {
            GzipAt::Fixed { read, flags } => return self.fixed(read, flags, byte),
            GzipAt::ExtraLength { first: None, flags } => GzipAt::ExtraLength { first: Some(byte), flags },
            GzipAt::ExtraLength { first: Some(low), flags } => {
                match usize::from(u16::from_le_bytes([low, byte])) {
                    0 => Self::fields_left(flags & !Self::EXTRA),
                    left => GzipAt::Extra { left, flags },
                }
            }
            GzipAt::Extra { left, flags } if left > 1 => GzipAt::Extra { left: left - 1, flags },
            GzipAt::Extra { flags, .. } => Self::fields_left(flags & !Self::EXTRA),
            GzipAt::Text { flags } if byte != 0 => GzipAt::Text { flags },
            // The name comes before the comment.
            GzipAt::Text { flags } if flags & Self::NAME != 0 => Self::fields_left(flags & !Self::NAME),
            GzipAt::Text { flags } => Self::fields_left(flags & !Self::COMMENT),
            GzipAt::HeaderCrc { left } if left > 1 => GzipAt::HeaderCrc { left: left - 1 },
            GzipAt::HeaderCrc { .. } => GzipAt::Data,
            GzipAt::Trailer { read, bytes } => return self.trailer(read, bytes, byte),
            at @ (GzipAt::Data | GzipAt::Ignored) => at,
        };
        Ok(())
    }

    fn fixed(&mut self, read: usize, flags: u8, byte: u8) -> Result<(), &'static str> {
        let (fits, flags) = match read {
            0 => (byte == 0x1f, 0),
            1 => (byte == 0x8b, 0),
            2 => (byte == 8, 0),
            3 => (byte & Self::RESERVED == 0, byte),
            _ => (true, flags),
        };
        self.at = match (fits, read) {
            (false, _) if self.later => GzipAt::Ignored,
            (false, 0 | 1) => return Err("does not begin like a gzip member"),
            (false, 2) => return Err("a compression method other than deflate"),
            (false, _) => return Err("reserved flags are set"),
            (true, 9) => Self::fields_left(flags),
            (true, read) => GzipAt::Fixed { read: read + 1, flags },
        };
        Ok(())
    }

    /// Returns the next optional header field whose flag is set.
    fn fields_left(flags: u8) -> GzipAt {
        if flags & Self::EXTRA != 0 {
            GzipAt::ExtraLength { first: None, flags }
        } else if flags & (Self::NAME | Self::COMMENT) != 0 {
            GzipAt::Text { flags }
        } else if flags & Self::CRC != 0 {
            GzipAt::HeaderCrc { left: 2 }
        } else {
            GzipAt::Data
        }
    }

    fn trailer(&mut self, read: usize, mut bytes: [u8; 8], byte: u8) -> Result<(), &'static str> {
        if let Some(place) = bytes.get_mut(read) {
            *place = byte;
        }
        if read + 1 < bytes.len() {
            let read = read + 1;
            self.at = GzipAt::Trailer { read, bytes };
            return Ok(());
        }
        let [a, b, c, d, e, f, g, h] = bytes;
        if u32::from_le_bytes([a, b, c, d]) != self.crc.sum() {
            return Err("the checksum is wrong");
        }
        if u32::from_le_bytes([e, f, g, h]) != self.crc.amount() {
            return Err("the length is wrong");
        }
        self.later = true;
        self.inflate.reset(false);
        self.crc.reset();
        self.at = Self::START;
        Ok(())
    }
}
