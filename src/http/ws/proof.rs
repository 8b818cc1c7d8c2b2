//! Finding frames in the middle of a direction.
//!
//! WebSocket has no marker between frames. A frame is proven where a whole message in it is text
//! between brackets, as the messages that are looked for are: it begins and ends with the bracket
//! that it should, and is UTF-8.

use std::borrow::Cow;

use super::frame::{Front, Header, Opcode, unmask};
use super::inflate::Inflater;
use crate::base::{Side, limits};

/// Shortest message that proves a frame, in bytes.
const MIN_PROOF: usize = 8;

/// Where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset.
    At(usize),
    /// Nowhere before this offset: more bytes are needed.
    Perhaps(usize),
}

/// Finds the first frame of `side` that is proven.
///
/// The answer for bytes that come in pieces is that for all of them together.
pub(super) fn find(side: Side, bytes: &[u8]) -> Place {
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| rest.iter().position(|byte| is_first(*byte))) {
        let at = from + at;
        match message(side, bytes.get(at..).unwrap_or_default()) {
            Some(Some(_)) => return Place::At(at),
            Some(None) => from = at + 1,
            None => return Place::Perhaps(at),
        }
    }
    Place::Perhaps(bytes.len())
}

/// Returns the side that sent these bytes from the middle of a connection; `None` if they hold no
/// JSON-RPC in WebSocket frames, or not yet. The searches for a client and for a server begin at
/// `from`, which is moved to where they go on when there are more bytes.
pub(in crate::http) fn sender(bytes: &[u8], from: &mut [usize; 2]) -> Option<Side> {
    let mut searches = Side::BOTH.into_iter().zip(from);
    searches.find_map(|(side, from)| has_json_rpc(side, bytes, from).then_some(side))
}

/// Returns whether `bytes` hold a frame of `side` with JSON-RPC; moves `from` as [`sender`] does.
fn has_json_rpc(side: Side, bytes: &[u8], from: &mut usize) -> bool {
    loop {
        let rest = bytes.get(*from..).unwrap_or_default();
        match find(side, rest) {
            Place::Perhaps(at) => {
                *from += at;
                return false;
            }
            Place::At(at) => {
                let text = rest.get(at..).and_then(|rest| message(side, rest)).flatten();
                if text.is_some_and(|text| memchr::memmem::find(&text, b"\"jsonrpc\"").is_some()) {
                    return true;
                }
                *from += at + 1;
            }
        }
    }
}

/// Whether a frame that holds a whole message may begin with this byte: text or binary, compressed
/// or not.
fn is_first(byte: u8) -> bool {
    matches!(byte, 0x81 | 0x82 | 0xc1 | 0xc2)
}

/// Returns the message that proves a frame at the front of `bytes`: `Some(None)` if there is none,
/// `None` if more bytes are needed.
fn message(side: Side, bytes: &[u8]) -> Option<Option<Cow<'_, [u8]>>> {
    let header = match Header::read(side, bytes) {
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
    if let Some(mask) = header.mask {
        unmask(payload.to_mut(), mask, 0);
    }
    if !header.is_compressed && !matches!(payload.first()?, b'{' | b'[') {
        return Some(None);
    }
    if payload.len() < len {
        return None;
    }
    if header.is_compressed {
        let Ok(text) = Inflater::without_context().inflate(&payload) else { return Some(None) };
        payload = Cow::Owned(text.to_vec());
    }
    Some(is_text(&payload).then_some(payload))
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

    #[test]
    fn a_frame_is_found_behind_the_rest_of_another_one() {
        let rest = "…\"the end of a résumé\u{81}\"}]}}".as_bytes();
        for side in Side::BOTH {
            let bytes = [rest, &frame(side, 0x81, TEXT)].concat();
            assert_eq!(find(side, &bytes), Place::At(rest.len()));
            assert_eq!(sender(&bytes, &mut [0; 2]), Some(side));
            assert_eq!(find(side.other(), &bytes), Place::Perhaps(bytes.len()));
        }
        assert_eq!(sender(&[rest, rest].concat(), &mut [0; 2]), None);
        let chat = frame(Side::Server, 0x81, br#"{"type":"chat"}"#);
        let mut from = [0; 2];
        assert_eq!(sender(&chat, &mut from), None);
        let bytes = [&chat[..], &frame(Side::Server, 0x81, TEXT)].concat();
        assert_eq!(sender(&bytes, &mut from), Some(Side::Server));
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
            let place = match find(side, &bytes[..cut.min(bytes.len())]) {
                Place::At(at) => Place::At(at),
                Place::Perhaps(from) => match find(side, &bytes[from..]) {
                    Place::At(at) => Place::At(from + at),
                    Place::Perhaps(at) => Place::Perhaps(from + at),
                },
            };
            proptest::prop_assert_eq!(place, whole);
        }
    }
}
