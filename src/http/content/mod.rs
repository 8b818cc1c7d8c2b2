//! Removes content codings (RFC 9110 section 8.4).
//!
//! Works for bodies without end: a push returns all content that the bytes so far determine, so an
//! event that the server flushed is decoded with its packet.

mod br;
mod deflate;
mod error;
mod gzip;
mod step;
mod zstd;

use bytes::BytesMut;
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
/// decompression bomb the error does not depend on it either, but the output before it may.
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

    /// Decodes the next bytes of the body and appends all content that they determine to `out`.
    ///
    /// Bytes after the end of the coded content are ignored, as browsers do.
    ///
    /// # Errors
    /// [`ContentError`], which every later push returns again. What was appended to `out` before is
    /// content. At most the larger of [`limits::MIN_BOMB`] and
    /// [`limits::MAX_RATIO`] times the bytes pushed is appended.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), ContentError> {
        if let Some(error) = &self.dead {
            return Err(error.clone());
        }
        let result = self.run(bytes, out);
        self.dead = result.as_ref().err().cloned();
        result
    }

    /// Whether the coded content is complete, its checksum included. A stream may end without.
    #[cfg(test)]
    #[must_use]
    pub fn ended(&self) -> bool {
        self.dead.is_none() && self.layers.iter().all(|layer| layer.coding.ended())
    }

    fn run(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), ContentError> {
        let Some((last, front)) = self.layers.split_last_mut() else {
            out.extend_from_slice(bytes);
            return Ok(());
        };
        let (mut coded, mut error) = (None, None);
        let mut between: Option<BytesMut> = None;
        for layer in front {
            let mut next = BytesMut::new();
            let input = between.as_deref().unwrap_or(bytes);
            // Output before the damage still passes the other codings.
            error = layer.run(input, coded, &mut next).err().or(error);
            coded = coded.or(Some(layer.coded));
            between = Some(next);
        }
        last.run(between.as_deref().unwrap_or(bytes), coded, out)?;
        error.map_or(Ok(()), Err)
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
    coded: u64,
    decoded: u64,
}

impl Layer {
    /// About how much memory its coding takes, in bytes: a window grows with what was decoded, up
    /// to what the coding allows.
    fn held(&self) -> usize {
        let (base, window) = match self.coding {
            Coding::Gzip(_) | Coding::Deflate(_) => (48 << 10, 32 << 10),
            Coding::Brotli(_) => (256 << 10, 16 << 20),
            Coding::Zstd(_) => (256 << 10, 8 << 20),
        };
        base + usize::try_from(self.decoded).unwrap_or(usize::MAX).min(window)
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
        Ok(Self { coding, coded: 0, decoded: 0 })
    }

    /// Decodes all of `input`. `coded` is the number of body bytes that the first coding read;
    /// `None` if this is the first coding.
    fn run(&mut self, mut input: &[u8], coded: Option<u64>, out: &mut BytesMut) -> Result<(), ContentError> {
        let mut chunk = [0; CHUNK];
        let mut stalled = false;
        loop {
            let step = self.coding.step(input, &mut chunk);
            out.extend_from_slice(chunk.get(..step.written).unwrap_or_default());
            input = input.get(step.read..).unwrap_or_default();
            self.coded += step.read as u64;
            self.decoded += step.written as u64;
            if let Some(error) = step.error {
                return Err(error);
            }
            self.check_ratio(coded.unwrap_or(self.coded))?;
            if input.is_empty() && step.written < CHUNK {
                return Ok(());
            }
            // A change of state may take one step without a byte; two in a row would never end.
            let idle = step.read == 0 && step.written == 0;
            if idle && stalled {
                return Err(self.coding.damaged("the decoder takes no more bytes"));
            }
            stalled = idle;
        }
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

/// Bytes decoded in one step, on the stack: chosen, not measured.
const CHUNK: usize = 16 << 10;

#[cfg(test)]
mod tests;
