//! Finding frames in the middle of a direction.
//!
//! WebSocket has no marker between frames. A frame is proven where a whole message in it is text
//! between brackets, as the messages that are looked for are: it begins and ends with the bracket
//! that it should, and is UTF-8.

use std::borrow::Cow;

use bytes::Bytes;

use super::frame::{Front, Header, Opcode, unmask};
use super::inflate;
use crate::base::{Side, limits, search};

/// Shortest message that proves a frame, in bytes.
const MIN_PROOF: usize = 8;

/// Longest message that proves a frame, in bytes after decompression.
const MAX_PROOF: usize = 256 << 10;

/// Cost of a decompression, beside the bytes that it gives: it begins with a window.
const TRIAL: u64 = 32 << 10;

/// What decompressions may cost before anything was searched, in bytes.
const MIN_CREDIT: u64 = 1 << 20;

/// What each byte that was searched adds to this.
const CREDIT: u64 = 128;

/// Where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset.
    At(usize),
    /// Nowhere before this offset: more bytes are needed.
    Perhaps(usize),
}

/// A search for the frames of one side, in bytes that come piece by piece.
///
/// Any byte may begin a compressed message, and to find out whether it does it is decompressed.
/// Bytes can be made so that each of them begins a long one: decompressions have a credit that
/// grows with the bytes searched, and without it compressed messages prove nothing.
#[derive(Debug)]
pub(in crate::http) struct FrameSearch {
    side: Side,
    /// Offset in the direction from which [`FrameSearch::finds_json_rpc`] goes on.
    from: u64,
    credit: u64,
}

impl FrameSearch {
    /// Creates a search for frames of this side.
    pub(in crate::http) fn new(side: Side) -> Self {
        Self { side, from: 0, credit: MIN_CREDIT }
    }

    /// Finds the first frame that is proven, in bytes whose front is searched next. The caller
    /// drops what is before the place.
    ///
    /// The answer for bytes that come in pieces is that for all of them together.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Place {
        self.find_message(bytes).0
    }

    /// Returns whether `bytes`, which begin at `offset`, hold a frame with JSON-RPC.
    pub(in crate::http) fn finds_json_rpc(&mut self, bytes: &[u8], offset: u64) -> bool {
        self.from = self.from.max(offset);
        loop {
            let from = usize::try_from(self.from - offset).unwrap_or(usize::MAX);
            match self.find_message(bytes.get(from..).unwrap_or_default()) {
                (Place::Perhaps(at), _) => {
                    self.from += at as u64;
                    return false;
                }
                (Place::At(_), Some(text)) if memchr::memmem::find(&text, b"\"jsonrpc\"").is_some() => {
                    return true;
                }
                (Place::At(at), _) => self.from += at as u64 + 1,
            }
        }
    }

    /// As [`FrameSearch::find`], with the message.
    fn find_message<'a>(&mut self, bytes: &'a [u8]) -> (Place, Option<Cow<'a, [u8]>>) {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let next = search::position(rest, rest, |byte, _| is_first(byte));
            let passed = next.unwrap_or(rest.len());
            self.credit = self.credit.saturating_add(CREDIT * passed as u64);
            at += passed;
            if next.is_none() {
                return (Place::Perhaps(at), None);
            }
            match self.message(bytes.get(at..).unwrap_or_default()) {
                Some(Some(message)) => return (Place::At(at), Some(message)),
                Some(None) => {
                    self.credit = self.credit.saturating_add(CREDIT);
                    at += 1;
                }
                None => return (Place::Perhaps(at), None),
            }
        }
    }

    /// Returns the message that proves a frame at the front of `bytes`: `Some(None)` if there is
    /// none, `None` if more bytes are needed.
    fn message<'a>(&mut self, bytes: &'a [u8]) -> Option<Option<Cow<'a, [u8]>>> {
        let header = match Header::read(self.side, bytes) {
            Front::Header(header) if header.opcode == Opcode::Data => header,
            Front::Incomplete => return None,
            Front::Header(_) | Front::Invalid(_) => return Some(None),
        };
        let Some(len) = usize::try_from(header.payload).ok().filter(|len| *len <= limits::MAX_WINDOW) else {
            return Some(None);
        };
        if len == 0 {
            return Some(None);
        }
        let payload = bytes.get(header.len..).unwrap_or_default();
        let mut payload = Cow::Borrowed(payload.get(..len).unwrap_or(payload));
        if !header.is_compressed {
            let first = *payload.first()? ^ header.mask.map_or(0, |[mask, ..]| mask);
            if !matches!(first, b'{' | b'[') {
                return Some(None);
            }
        }
        if payload.len() < len {
            return None;
        }
        if let Some(mask) = header.mask {
            unmask(payload.to_mut(), mask, 0);
        }
        if header.is_compressed {
            let Some(text) = self.decompress(&payload) else { return Some(None) };
            payload = Cow::Owned(text.to_vec());
        }
        Some(is_text(&payload).then_some(payload))
    }

    /// Returns a message that was compressed without others; `None` if it is none.
    fn decompress(&mut self, payload: &[u8]) -> Option<Bytes> {
        if self.credit < TRIAL + MAX_PROOF as u64 {
            return None;
        }
        let (text, len) = inflate::alone(payload, MAX_PROOF, |front| {
            front
                .iter()
                .find(|byte| !byte.is_ascii_whitespace())
                .is_none_or(|byte| matches!(byte, b'{' | b'['))
        });
        self.credit = self.credit.saturating_sub(TRIAL + len as u64);
        text
    }
}

/// Searches for frames of either side.
#[derive(Debug)]
pub struct WebSocketSearch([FrameSearch; 2]);

impl Default for WebSocketSearch {
    fn default() -> Self {
        Self(Side::BOTH.map(FrameSearch::new))
    }
}

impl WebSocketSearch {
    /// Returns the side that sent these bytes from the middle of a WebSocket connection; `None` if
    /// they are something else, or hold no whole JSON-RPC message. They begin at `offset` of their
    /// direction: what was searched is not searched again.
    #[must_use]
    pub fn sender(&mut self, bytes: &[u8], offset: u64) -> Option<Side> {
        self.0.iter_mut().find_map(|search| search.finds_json_rpc(bytes, offset).then_some(search.side))
    }
}

/// Whether a frame that holds a whole message may begin with this byte: text or binary, compressed
/// or not.
fn is_first(byte: u8) -> bool {
    matches!(byte, 0x81 | 0x82 | 0xc1 | 0xc2)
}

/// Whether a message is text between brackets.
fn is_text(message: &[u8]) -> bool {
    let is_framed = matches!(message.trim_ascii(), [b'{', .., b'}'] | [b'[', .., b']']);
    is_framed && message.len() >= MIN_PROOF && std::str::from_utf8(message).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::frame;
    use super::*;

    const TEXT: &[u8] = br#"{"jsonrpc":"2.0","method":"ping","id":1}"#;

    fn find(side: Side, bytes: &[u8]) -> Place {
        FrameSearch::new(side).find(bytes)
    }

    fn sender(bytes: &[u8]) -> Option<Side> {
        WebSocketSearch::default().sender(bytes, 0)
    }

    #[test]
    fn a_frame_is_found_behind_the_rest_of_another_one() {
        let rest = "…\"the end of a résumé\u{81}\"}]}}".as_bytes();
        for side in Side::BOTH {
            let bytes = [rest, &frame(side, 0x81, TEXT)].concat();
            assert_eq!(find(side, &bytes), Place::At(rest.len()));
            assert_eq!(sender(&bytes), Some(side));
            assert_eq!(find(side.other(), &bytes), Place::Perhaps(bytes.len()));
        }
        assert_eq!(sender(&[rest, rest].concat()), None);
        let chat = frame(Side::Server, 0x81, br#"{"type":"chat"}"#);
        let mut search = WebSocketSearch::default();
        assert_eq!(search.sender(&chat, 0), None);
        let bytes = [&chat[..], &frame(Side::Server, 0x81, TEXT)].concat();
        assert_eq!(search.sender(&bytes, 0), Some(Side::Server));
    }

    /// Frames in frames, each of which holds all that follow: what is decompressed in vain has a
    /// limit that grows with the bytes.
    #[test]
    fn decompressions_in_vain_have_a_credit() {
        let mut bytes = Vec::new();
        for _ in 0..2_000 {
            // The header of a frame of 4 kB, then a block of deflate that holds the next header.
            bytes.extend([0xc1, 126, 0x10, 0, 0, 5, 0, 0xfa, 0xff, b'{']);
        }
        let mut search = FrameSearch::new(Side::Server);
        assert!(matches!(search.find(&bytes), Place::Perhaps(_)));
        assert!(search.credit < MIN_CREDIT + CREDIT * bytes.len() as u64, "{}", search.credit);
    }

    proptest::proptest! {
        /// Whatever comes in pieces is found where it is found as a whole.
        #[test]
        fn the_place_does_not_depend_on_the_pieces(
            rest in proptest::collection::vec(proptest::sample::select(vec![0x81, 0xc1, 0x05, b'{', b'}', 0xfe]), 0..40),
            is_client in proptest::bool::ANY,
            cut in 0usize..120,
        ) {
            let side = if is_client { Side::Client } else { Side::Server };
            let bytes = [&rest[..], &frame(side, 0x81, TEXT), &frame(side, 0x89, b"")].concat();
            let whole = find(side, &bytes);
            let mut search = FrameSearch::new(side);
            let place = match search.find(&bytes[..cut.min(bytes.len())]) {
                Place::At(at) => Place::At(at),
                Place::Perhaps(from) => match search.find(&bytes[from..]) {
                    Place::At(at) => Place::At(from + at),
                    Place::Perhaps(at) => Place::Perhaps(from + at),
                },
            };
            proptest::prop_assert_eq!(place, whole);
        }
    }
}
