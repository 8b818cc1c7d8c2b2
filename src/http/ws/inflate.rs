//! Compressed messages (permessage-deflate, RFC 7692 section 7.2.2).

use bytes::{Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

use crate::base::limits;
use crate::http::grow;

/// What a sender leaves out at the end of each message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A byte that UTF-8 never has (RFC 3629 section 1).
const LOST: u8 = 0xff;

/// Length of the window of a decoder (RFC 1951 section 2).
const WINDOW: u16 = 32 << 10;

/// Memory of a decoder: its window and its tables, in bytes.
const DECODER: usize = 48 << 10;

/// Bytes decoded in one step.
const CHUNK: usize = 16 << 10;

/// The decoder of one direction.
///
/// A message may refer to earlier ones (context takeover), of which the decoder keeps 32 KiB. After
/// a gap it begins anew with a window of bytes that text never has: a message in which one of them
/// turns up refers to lost ones, be it by way of another one, and is not read.
#[derive(Default)]
pub(super) struct Inflater {
    /// `None` before the first compressed message.
    decoder: Option<Box<Decompress>>,
    /// Whether earlier messages may be missing.
    lacks_context: bool,
}

/// Why a message cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is damaged.
    Damaged(String),
    /// It refers to messages that are not in the capture.
    ContextLost,
    /// It expands beyond a limit.
    TooLong,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("lacks_context", &self.lacks_context).finish_non_exhaustive()
    }
}

impl Inflater {
    /// Returns what it allocated, in bytes.
    pub(super) fn held(&self) -> usize {
        if self.decoder.is_some() { DECODER } else { 0 }
    }

    /// Messages are missing here.
    pub(super) fn lose_context(&mut self) {
        self.decoder = None;
        self.lacks_context = true;
    }

    /// Decodes the payload of a message.
    ///
    /// # Errors
    /// The reason; the next message is read without the context of earlier ones.
    pub(super) fn inflate(&mut self, payload: &[u8]) -> Result<Bytes, Failure> {
        let lacks_context = self.lacks_context;
        let decoder = self.decoder.get_or_insert_with(|| Box::new(new_decoder(lacks_context)));
        let result = inflate(decoder, payload);
        match result {
            Ok(text) if lacks_context && memchr::memchr(LOST, &text).is_some() => Err(Failure::ContextLost),
            Ok(text) => Ok(text),
            Err(failure) => {
                self.lose_context();
                Err(failure)
            }
        }
    }
}

/// Decodes a message of at most `most` bytes without the context of earlier ones. `None` if it is
/// damaged, longer, refers to others, or does not begin as it should. Returns also how many bytes
/// were decoded.
pub(super) fn alone(
    payload: &[u8],
    most: usize,
    begins_well: impl Fn(&[u8]) -> bool,
) -> (Option<Bytes>, usize) {
    let (mut decoder, mut decoded) = (new_decoder(true), BytesMut::new());
    let mut keep = |part: &[u8]| {
        let is_first = decoded.is_empty();
        grow::append(&mut decoded, part);
        let is_known = memchr::memchr(LOST, part).is_none();
        is_known && decoded.len() <= most && (!is_first || begins_well(part))
    };
    let result = inflate_into(&mut decoder, payload, &mut keep)
        .and_then(|()| inflate_into(&mut decoder, &TAIL, &mut keep));
    let len = decoded.len();
    (result.is_ok().then(|| decoded.freeze()), len)
}

/// Creates a decoder; with a window of [`LOST`] if earlier messages are missing.
fn new_decoder(lacks_context: bool) -> Decompress {
    let mut decoder = Decompress::new(false);
    if lacks_context {
        // A block that is not compressed and not the last (RFC 1951 section 3.2.4).
        let [len, not_len] = [WINDOW.to_le_bytes(), (!WINDOW).to_le_bytes()];
        let mut block = vec![0, len[0], len[1], not_len[0], not_len[1]];
        block.resize(block.len() + usize::from(WINDOW), LOST);
        // It is well-formed, and what it decodes to is the window.
        drop(inflate_into(&mut decoder, &block, &mut |_| true));
    }
    decoder
}

fn inflate(decoder: &mut Decompress, payload: &[u8]) -> Result<Bytes, Failure> {
    let mut decoded = BytesMut::new();
    let most = limits::MIN_BOMB.max((payload.len() as u64).saturating_mul(limits::MAX_RATIO));
    let mut keep = |part: &[u8]| {
        grow::append(&mut decoded, part);
        decoded.len() <= limits::MAX_BODY && decoded.len() as u64 <= most
    };
    inflate_into(decoder, payload, &mut keep)?;
    inflate_into(decoder, &TAIL, &mut keep)?;
    Ok(decoded.freeze())
}

/// Decodes bytes and passes what comes of them to `keep`, which returns whether it may be more.
fn inflate_into(
    decoder: &mut Decompress,
    mut rest: &[u8],
    keep: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), Failure> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let before = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .decompress(rest, &mut chunk, FlushDecompress::Sync)
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let read = (decoder.total_in() - before.0) as usize;
        let written = (decoder.total_out() - before.1) as usize;
        if !keep(chunk.get(..written).unwrap_or_default()) {
            return Err(Failure::TooLong);
        }
        rest = rest.get(read..).unwrap_or_default();
        if status == Status::StreamEnd {
            // A final block ends the compressed data, not the message (section 7.2.3.4).
            decoder.reset(false);
        }
        if (rest.is_empty() && written < chunk.len()) || (read == 0 && written == 0) {
            return Ok(());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    /// Compresses a message as a sender does that keeps its context in `coder`.
    pub(in crate::http::ws) fn deflate(coder: &mut Compress, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 1024);
        coder.compress_vec(text, &mut out, FlushCompress::Sync).expect("in memory");
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }

    #[test]
    fn messages_share_a_context() {
        let mut coder = Compress::new(Compression::default(), false);
        let texts = [&b"{\"jsonrpc\":\"2.0\",\"id\":1}"[..], b"{\"jsonrpc\":\"2.0\",\"id\":2}", b""];
        let coded: Vec<_> = texts.iter().map(|text| deflate(&mut coder, text)).collect();
        let mut inflater = Inflater::default();
        for (text, coded) in texts.iter().zip(&coded) {
            assert_eq!(inflater.inflate(coded).unwrap(), text);
        }
        // The first one is lost, and the second one refers to it.
        let mut inflater = Inflater::default();
        inflater.lose_context();
        assert_eq!(inflater.inflate(&coded[1]), Err(Failure::ContextLost));
        assert_eq!(alone(&coded[1], 1000, |_| true).0, None);
        assert_eq!(alone(&coded[0], 1000, |_| true).0.unwrap(), texts[0]);
        assert_eq!(alone(&coded[0], 1000, |front| !front.starts_with(&texts[0][..1])).0, None);
        let mut inflater = Inflater::default();
        inflater.lose_context();
        assert_eq!(inflater.inflate(&coded[0]).unwrap(), texts[0]);
        assert_eq!(inflater.inflate(&coded[1]).unwrap(), texts[1]);
    }

    /// RFC 7692 section 7.2.3: "Hello" as a compressed block, without compression, and in a final
    /// block.
    #[test]
    fn the_examples_of_the_rfc_are_decoded() {
        for coded in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ] {
            assert_eq!(Inflater::default().inflate(coded).unwrap(), "Hello", "{coded:x?}");
        }
    }

    #[test]
    fn damage_and_bombs_are_refused() {
        let mut inflater = Inflater::default();
        assert!(matches!(inflater.inflate(&[0xff; 20]), Err(Failure::Damaged(_))));
        let mut coder = Compress::new(Compression::default(), false);
        let bomb = deflate(&mut coder, &vec![b'x'; limits::MAX_BODY + 1]);
        assert_eq!(Inflater::default().inflate(&bomb), Err(Failure::TooLong));
    }
}
