//! The fuzz target of content codings, and their usual decoders.

use std::io::Read;

use bytes::Bytes;

use super::{ContentError, Decoder};
use crate::base::fuzz::Choices;

/// Values of `Content-Encoding`.
const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "br, gzip", "zstd, deflate"];

/// The most content that is read, in bytes: a few bytes may become a thousand times as much.
const MOST: usize = 1 << 20;

/// A body: cut anywhere it has the same content, or an error of the same kind behind a part of it.
/// What the usual decoder of the coding accepts has the content that it says.
pub fn content(data: &[u8]) {
    let mut choices = Choices::new(data);
    let coding = CODINGS.get(usize::from(choices.u8()) % CODINGS.len()).copied().unwrap_or_default();
    let len = 1 + usize::from(choices.u8());
    let body = choices.rest();
    let (whole, error) = decode(coding, body.chunks(body.len().max(1)));
    let (pieces, error_in_pieces) = decode(coding, body.chunks(len));
    if whole.len().max(pieces.len()) >= MOST {
        return;
    }
    let kind = |error: &Option<ContentError>| error.as_ref().map(std::mem::discriminant);
    assert_eq!(kind(&error), kind(&error_in_pieces), "{error:?} or {error_in_pieces:?}");
    assert!(whole == pieces || error.is_some() && starts_alike(&whole, &pieces), "the same in other pieces");
    if let Some(expected) = usual(coding, body) {
        assert!(!matches!(error, Some(ContentError::Damaged { .. })), "{error:?}, and it is whole");
        assert!(error.is_some() || whole.starts_with(&expected), "the content differs");
    }
}

fn starts_alike(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn decode<'a>(coding: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Option<ContentError>) {
    let Ok(Some(mut decoder)) = Decoder::from_header(coding.as_bytes()) else { return Default::default() };
    let (mut content, mut chunk) = (Vec::new(), vec![0; 4096]);
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => content.extend(chunk.iter().take(len)),
                Err(error) => return (content, Some(error)),
            }
            if content.len() >= MOST {
                return (content, None);
            }
        }
    }
    (content, None)
}

/// The content as the usual decoder reads it, of gzip that of the first member; `None` if that
/// finds an error or the content is long.
fn usual(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    match coding {
        "gzip" => read(flate2::read::GzDecoder::new(body)),
        "deflate" => read(flate2::read::ZlibDecoder::new(body)),
        "br" => read(brotli_decompressor::Decompressor::new(body, 4096)),
        "zstd" => read(zstd::Decoder::with_buffer(body).ok()?),
        _ => None,
    }
}

fn read(reader: impl Read) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(MOST as u64).read_to_end(&mut content).ok()?;
    (content.len() < MOST).then_some(content)
}
