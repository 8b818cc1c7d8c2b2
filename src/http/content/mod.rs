//! Removes content codings (RFC 9110 section 8.4).
//!
//! Works for bodies without end: a push returns all content that the bytes so far determine, so an
//! event that the server flushed is decoded with its packet.

mod br;
mod deflate;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod gzip;
mod step;
mod zstd;

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use crate::base::limits;

use br::Brotli;
use deflate::Deflate;
use error::damaged;
use gzip::Gzip;
use step::Step;
use zstd::Zstd;

pub use error::ContentError;

/// A `Content-Encoding` that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unknown {
    /// Name of an unknown coding, in lower case, cut to 64 bytes, invalid UTF-8 replaced.
    #[error("content coding \"{0}\" is not known")]
    Coding(Box<str>),
    /// More than [`MAX_CODINGS`] codings.
    #[error("more than {MAX_CODINGS} content codings on top of each other")]
    TooMany,
}

/// Decodes one body.
///
/// The total output does not depend on how a valid body is cut into pushes. For a damaged body or a
/// decompression bomb the kind of the error does not depend on it either, but its text and the
/// output before it may.
///
/// Memory: 43 KiB for gzip and deflate, the window that the stream uses for brotli (at most 16 MiB,
/// RFC 7932, grown as it fills) and zstd (at most 8 MiB, see `error::ZSTD_WINDOW_LOG`), for each of
/// at most [`MAX_CODINGS`] codings. The total output is not limited (streams do not end), only its
/// ratio to the input.
pub struct Decoder {
    /// In the order of decoding: the coding that was applied last comes first.
    layers: Vec<Layer>,
    dead: Option<ContentError>,
}

impl Decoder {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.layers.iter().map(Layer::held).sum()
    }

    /// Returns the decoder for a `Content-Encoding` value: one coding, or a list in the order of
    /// application (join several header lines with commas). `None` if there is no coding.
    ///
    /// # Errors
    /// [`Unknown`] if the value names an unknown coding, or more than [`MAX_CODINGS`].
    pub fn from_header(value: &[u8]) -> Result<Option<Self>, Unknown> {
        let mut layers = Vec::new();
        for name in value.split(|b| *b == b',') {
            let name = name.trim_ascii();
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            if layers.len() == MAX_CODINGS {
                return Err(Unknown::TooMany);
            }
            layers.push(Layer::new(name)?);
        }
        layers.reverse();
        Ok((!layers.is_empty()).then_some(Self { layers, dead: None }))
    }

    /// Takes the next bytes of the body. [`Self::read`] decodes them; until it returns 0 nothing
    /// further may be pushed.
    pub fn push(&mut self, bytes: Bytes) {
        if let Some(first) = self.layers.first_mut() {
            first.input = bytes;
        }
    }

    /// Whether [`Self::read`] may return more before the next push.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.layers.iter().any(|layer| !layer.needs_input() || layer.error.is_some())
    }

    /// Decodes up to `chunk.len()` bytes of content into `chunk`, at least one, and returns their
    /// number; 0 once everything that the pushed bytes determine was returned.
    ///
    /// Bytes after the end of the coded content are ignored, as browsers do.
    ///
    /// # Errors
    /// [`ContentError`], which every later call returns again. What was returned before is content:
    /// at most the larger of [`limits::MIN_BOMB`] and [`limits::MAX_RATIO`] times the bytes pushed.
    pub fn read(&mut self, chunk: &mut [u8]) -> Result<usize, ContentError> {
        if let Some(error) = &self.dead {
            return Err(error.clone());
        }
        let result = read(&mut self.layers, chunk);
        self.dead = result.as_ref().err().cloned();
        result
    }

    /// Whether the coded content is complete, its checksum included. A stream may end without.
    #[cfg(test)]
    #[must_use]
    pub fn ended(&self) -> bool {
        self.dead.is_none() && self.layers.iter().all(|layer| layer.coding.ended())
    }
}

/// Decodes into `chunk` with the last of `layers`, which reads what the others decode. Returns the
/// number of bytes decoded, 0 if the layers need more bytes of the body.
fn read(layers: &mut [Layer], chunk: &mut [u8]) -> Result<usize, ContentError> {
    let Some((last, front)) = layers.split_last_mut() else { return Ok(0) };
    let mut stalled = false;
    loop {
        if let Some(error) = last.error.take() {
            return Err(error);
        }
        if last.needs_input() {
            let mut buffer = BytesMut::zeroed(if front.is_empty() { 0 } else { CHUNK });
            let len = read(front, &mut buffer)?;
            if len == 0 {
                return Ok(0);
            }
            buffer.truncate(len);
            last.input = buffer.freeze();
        }
        let (read, written) = last.step(front.first().map(|first| first.coded), chunk);
        if written > 0 {
            return Ok(written);
        }
        // A change of state may take one step without a byte; two in a row would never end.
        let is_idle = read == 0 && !last.needs_input() && last.error.is_none();
        if is_idle && stalled {
            return Err(last.coding.damaged("the decoder takes no more bytes"));
        }
        stalled = is_idle;
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codings = self.layers.iter().map(|layer| layer.coding.name());
        f.debug_list().entries(codings).finish()
    }
}

/// One coding and its byte counts.
struct Layer {
    coding: Coding,
    /// Bytes to decode.
    input: Bytes,
    /// Whether the last step filled its chunk, so that more can be decoded without further input.
    is_full: bool,
    /// An error behind bytes that were decoded.
    error: Option<ContentError>,
    coded: u64,
    decoded: u64,
}

impl Layer {
    /// What its decoder allocated, in bytes.
    fn held(&self) -> usize {
        match &self.coding {
            Coding::Gzip(_) | Coding::Deflate(_) => INFLATE_SIZE,
            Coding::Brotli(brotli) => brotli.allocated(),
            Coding::Zstd(zstd) => zstd.allocated(),
        }
    }

    fn new(name: &[u8]) -> Result<Self, Unknown> {
        let lower = name.to_ascii_lowercase();
        let unknown = || {
            let name = lower.get(..64).unwrap_or(&lower);
            Unknown::Coding(String::from_utf8_lossy(name).into())
        };
        let coding = match lower.as_slice() {
            b"gzip" | b"x-gzip" => Coding::Gzip(Box::new(Gzip::new())),
            b"deflate" => Coding::Deflate(Deflate::default()),
            b"br" => Coding::Brotli(Box::new(Brotli::new())),
            b"zstd" => Coding::Zstd(Zstd::new().ok_or_else(unknown)?),
            _ => return Err(unknown()),
        };
        Ok(Self { coding, input: Bytes::new(), is_full: false, error: None, coded: 0, decoded: 0 })
    }

    /// Whether nothing more can be decoded without further input.
    fn needs_input(&self) -> bool {
        self.input.is_empty() && !self.is_full
    }

    /// Decodes into `chunk`; returns the number of bytes read and written. `coded` is the number of
    /// body bytes that the first coding read; `None` if this is the first coding.
    fn step(&mut self, coded: Option<u64>, chunk: &mut [u8]) -> (usize, usize) {
        let Step { read, written, error } = self.coding.step(&self.input, chunk);
        let read = read.min(self.input.len());
        self.input.advance(read);
        self.is_full = written == chunk.len();
        self.coded += read as u64;
        self.decoded += written as u64;
        let is_bomb = self.check_ratio(coded.unwrap_or(self.coded));
        // What was decoded before the damage is content.
        self.error = error.or(is_bomb.err());
        (read, written)
    }

    fn check_ratio(&self, coded: u64) -> Result<(), ContentError> {
        if self.decoded > limits::MIN_BOMB && self.decoded > coded.saturating_mul(limits::MAX_RATIO) {
            return Err(ContentError::Bomb { coding: self.coding.name(), coded, decoded: self.decoded });
        }
        Ok(())
    }
}

enum Coding {
    Gzip(Box<Gzip>),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
}

impl Coding {
    fn name(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "gzip",
            Self::Deflate(_) => "deflate",
            Self::Brotli(_) => "br",
            Self::Zstd(_) => "zstd",
        }
    }

    fn step(&mut self, input: &[u8], chunk: &mut [u8]) -> Step {
        match self {
            Self::Gzip(gzip) => gzip.step(input, chunk),
            Self::Deflate(deflate) => deflate.step(input, chunk),
            Self::Brotli(brotli) => brotli.step(input, chunk),
            Self::Zstd(zstd) => zstd.step(input, chunk),
        }
    }

    #[cfg(test)]
    fn ended(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.ended(),
            Self::Deflate(deflate) => matches!(deflate, Deflate::Ended),
            Self::Brotli(brotli) => brotli.ended,
            Self::Zstd(zstd) => zstd.ended,
        }
    }

    fn damaged(&self, what: &str) -> ContentError {
        damaged(self.name(), what)
    }
}

/// Codings of one body that are decoded. Two occur by mistake (a server and its proxy); each one
/// multiplies the output of a decompression bomb.
pub const MAX_CODINGS: usize = 3;

/// Memory of a decoder of deflate, in bytes: its window of 32 KiB and its tables (`miniz_oxide`).
const INFLATE_SIZE: usize = 48 << 10;

/// Bytes decoded in one step: chosen, not measured.
pub const CHUNK: usize = 16 << 10;

#[cfg(test)]
mod tests;
