//! Finding frames in the middle of a direction.
//!
//! HTTP/2 has no marker between frames. A header of a frame is recognised by what it may hold (see
//! [`FrameHeader::is_plausible`]), and proven by the header behind its payload. Where that is not
//! there yet, nine bytes are enough if they leave as little to chance as two headers do.

use super::frame::{DEFAULT_MAX_FRAME, FrameHeader, HEADER, Kind};
use super::hpack;
use crate::base::Side;
use crate::http::sse::begins_with_field;

/// Largest stream of a frame that needs no other one behind it.
const USUAL_STREAM: u32 = 1 << 16;

/// Where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset.
    At(usize),
    /// Nowhere before this offset: more bytes are needed.
    Perhaps(usize),
}

/// Finds the first frame. `max` is the largest payload that the receiver takes.
///
/// The answer for bytes that come in pieces is that for all of them together.
pub(super) fn find(bytes: &[u8], max: u32) -> Place {
    let mut at = FrameHeader::next_candidate(bytes, 0, max);
    while let Some(header) = bytes.get(at..).and_then(FrameHeader::read) {
        if header.is_plausible(max) {
            if is_proof(&header) {
                return Place::At(at);
            }
            match next(bytes, at, &header).and_then(FrameHeader::read) {
                None => return Place::Perhaps(at),
                Some(behind) if follows(&header, &behind, max) => return Place::At(at),
                Some(_) => {}
            }
        }
        at = FrameHeader::next_candidate(bytes, at + 1, max);
    }
    Place::Perhaps(at.min(bytes.len()))
}

/// Returns the side that sent these bytes from the middle of a connection; `None` if they are not
/// HTTP/2, or do not show it. Two frames in a row are demanded, since it could be any protocol.
/// The search begins at `from`, which is moved to where it goes on when there are more bytes.
pub(in crate::http) fn sender(bytes: &[u8], from: &mut usize, max: u32) -> Option<Side> {
    let mut undecided = None;
    let mut at = FrameHeader::next_candidate(bytes, *from, max);
    while let Some(header) = bytes.get(at..).and_then(FrameHeader::read) {
        if header.is_plausible(max) {
            match next(bytes, at, &header).and_then(FrameHeader::read) {
                None => undecided = undecided.or(Some(at)),
                Some(behind) if follows(&header, &behind, max) => {
                    *from = undecided.unwrap_or(at);
                    return sender_of_frames(bytes.get(at..)?, max);
                }
                Some(_) => {}
            }
        }
        at = FrameHeader::next_candidate(bytes, at + 1, max);
    }
    *from = undecided.unwrap_or(at);
    None
}

/// Returns the side that sends these frames, by the first one that shows it.
fn sender_of_frames(mut bytes: &[u8], max: u32) -> Option<Side> {
    while let Some(header) = FrameHeader::read(bytes).filter(|header| header.is_plausible(max)) {
        let payload = bytes.get(HEADER..)?;
        let payload = payload.get(..header.length as usize).unwrap_or(payload);
        match header.kind {
            Kind::HEADERS => {
                let block = super::frame::block_of(&header, payload).and_then(|range| payload.get(range));
                if let Some(side) = block.and_then(hpack::sender) {
                    return Some(side);
                }
            }
            Kind::DATA if !header.is_padded() && begins_with_field(payload) => return Some(Side::Server),
            _ => {}
        }
        bytes = bytes.get(HEADER + header.length as usize..)?;
    }
    None
}

/// Returns the bytes behind the frame at `at`.
fn next<'a>(bytes: &'a [u8], at: usize, header: &FrameHeader) -> Option<&'a [u8]> {
    bytes.get(at + HEADER + header.length as usize..)
}

/// Returns whether `behind` can follow: a header block is not interrupted (RFC 9113 section 6.10).
fn follows(header: &FrameHeader, behind: &FrameHeader, max: u32) -> bool {
    let is_open = header.kind.has_block() && !header.ends_headers();
    let is_part = behind.kind == Kind::CONTINUATION;
    behind.is_plausible(max) && is_open == is_part && (!is_part || header.stream == behind.stream)
}

/// Returns whether the nine bytes alone prove the frame.
fn is_proof(header: &FrameHeader) -> bool {
    let is_usual = header.stream < USUAL_STREAM && header.length <= DEFAULT_MAX_FRAME;
    match header.kind {
        // Length, type and flags are given, and most bits of the stream.
        Kind::RST_STREAM | Kind::WINDOW_UPDATE | Kind::PING => is_usual,
        Kind::DATA | Kind::HEADERS => is_usual && header.length > 0 && !header.is_padded(),
        Kind::SETTINGS => header.is_ack(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::frame;
    use super::super::hpack::tests::{Encoder, Form};
    use super::*;

    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let (mut encoder, mut block) = (Encoder::default(), Vec::new());
        fields.iter().for_each(|field| encoder.field(*field, Form::NotAdded, &mut block));
        block
    }

    #[test]
    fn a_frame_is_found_behind_the_rest_of_another_one() {
        let rest = b"\"text\":\"the end of a result\"}]}}";
        let data = frame(Kind::DATA, 1, 7, b"data: {}\n\n");
        let bytes = [&rest[..], &data].concat();
        assert_eq!(find(&bytes, 16_384), Place::At(rest.len()));
        assert_eq!(find(&bytes[..rest.len() + 8], 16_384), Place::Perhaps(rest.len()));
        assert_eq!(find(rest, 16_384), Place::Perhaps(rest.len() - 8));
    }

    #[test]
    fn zeros_and_text_are_no_frame() {
        assert_eq!(find(&[0; 100], 16_384), Place::Perhaps(92));
        assert_eq!(find("{\"jsonrpc\":\"2.0\"}".repeat(9).as_bytes(), 16_384), Place::Perhaps(9 * 17 - 8));
    }

    #[test]
    fn the_frames_show_who_is_the_client() {
        let request = frame(Kind::HEADERS, 4, 5, &block(&[(":method", "POST"), (":path", "/mcp")]));
        let response = frame(Kind::HEADERS, 4, 5, &block(&[(":status", "200")]));
        let body = frame(Kind::DATA, 1, 5, b"{}");
        let event = frame(Kind::DATA, 0, 5, b"event: message\ndata: {}\n\n");
        for (bytes, side) in [
            ([&b"rest of a body"[..], &request, &body].concat(), Some(Side::Client)),
            ([&response[..], &body].concat(), Some(Side::Server)),
            ([&body[..], &event].concat(), Some(Side::Server)),
            ([&body[..], &body].concat(), None),
            (request, None),
            (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), None),
        ] {
            assert_eq!(sender(&bytes, &mut 0, 16_384), side, "{bytes:x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_sender_does_not_depend_on_the_pieces(
            rest in proptest::collection::vec(0u8..4, 0..40),
            cuts in proptest::collection::vec(0usize..120, 0..5),
        ) {
            let request = frame(Kind::HEADERS, 4, 5, &block(&[(":method", "POST"), (":path", "/mcp")]));
            let bytes = [&rest[..], &frame(Kind::PING, 0, 0, &[1; 8]), &request, &request].concat();
            let mut ends: Vec<_> = cuts.iter().map(|cut| (*cut).min(bytes.len())).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut from = 0;
            for end in ends {
                let side = sender(&bytes[..end], &mut from, 16_384);
                proptest::prop_assert_eq!(side, sender(&bytes[..end], &mut 0, 16_384));
            }
        }

        /// Whatever comes in pieces is found where it is found as a whole.
        #[test]
        fn the_place_does_not_depend_on_the_pieces(
            rest in proptest::collection::vec(0u8..4, 0..40),
            payload in proptest::collection::vec(proptest::num::u8::ANY, 0..30),
            cut in 0usize..120,
        ) {
            let bytes = [&rest[..], &frame(Kind::DATA, 0, 3, &payload), &frame(Kind::PING, 0, 0, &[1; 8])].concat();
            let whole = find(&bytes, 16_384);
            let place = match find(&bytes[..cut.min(bytes.len())], 16_384) {
                Place::At(at) => Place::At(at),
                Place::Perhaps(from) => match find(&bytes[from..], 16_384) {
                    Place::At(at) => Place::At(from + at),
                    Place::Perhaps(at) => Place::Perhaps(from + at),
                },
            };
            proptest::prop_assert_eq!(place, whole);
        }
    }
}
