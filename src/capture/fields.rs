//! Reads fields and options of a pcapng block in the byte order of its section.

use super::file_findings::FileFindings;
use crate::base::reader::Short;
use crate::base::{Code, Reader};

/// Offset and type of a block, for findings.
#[derive(Clone, Copy)]
pub(super) struct BlockInfo {
    pub(super) offset: u64,
    pub(super) kind: u32,
}

/// Reads fields in the byte order of the section.
pub(super) struct Fields<'a> {
    pub(super) reader: Reader<'a>,
    big_endian: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { reader: Reader::new(bytes), big_endian }
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, Short> {
        let value = self.reader.u16(field)?;
        Ok(if self.big_endian { value } else { value.swap_bytes() })
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, Short> {
        let value = self.reader.u32(field)?;
        Ok(if self.big_endian { value } else { value.swap_bytes() })
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, Short> {
        let bytes = self.reader.array(field)?;
        Ok(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// Reads a time stamp; the upper half comes first in either byte order.
    pub(super) fn ticks(&mut self) -> Result<u64, Short> {
        let high = u64::from(self.u32("time stamp")?);
        let low = u64::from(self.u32("time stamp")?);
        Ok(high << 32 | low)
    }

    /// Reads a counter of a statistics block; 0 if it is absent or all ones (unknown).
    pub(super) fn count(&mut self, field: &'static str) -> u64 {
        match self.u64(field) {
            Ok(u64::MAX) | Err(_) => 0,
            Ok(count) => count,
        }
    }

    /// Skips the padding of `len` bytes to 32 bits. The last field of a block may lack it.
    pub(super) fn pad(&mut self, len: usize) {
        let pad = len.next_multiple_of(4) - len;
        let _ = self.reader.take("padding", pad.min(self.reader.rest().len()));
    }

    /// Reads options (section 3.5). A damaged option ends the list with a finding; those before it
    /// are used.
    pub(super) fn options(
        &mut self,
        info: BlockInfo,
        findings: &mut FileFindings,
        mut each: impl FnMut(u16, Self),
    ) {
        while !self.reader.rest().is_empty() {
            match self.option() {
                Ok((0, _)) => return,
                Ok((code, value)) => each(code, Fields::new(value, self.big_endian)),
                Err(short) => {
                    let what = format!("the options of a block of type {}: {short}", info.kind);
                    findings.add(Code::CaptureBadBlock, info.offset, &what);
                    return;
                }
            }
        }
    }

    fn option(&mut self) -> Result<(u16, &'a [u8]), Short> {
        let code = self.u16("option code")?;
        let len = usize::from(self.u16("option length")?);
        let value = self.reader.take("option", len)?;
        self.pad(len);
        Ok((code, value))
    }
}
