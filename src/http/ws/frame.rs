//! Headers of frames (RFC 6455 section 5.2).

use crate::base::Side;

/// Longest payload of a control frame, in bytes (RFC 6455 section 5.5).
const MAX_CONTROL: u64 = 125;

/// What a frame carries (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    /// The next fragment of a message.
    Continuation,
    /// A message, or its first fragment.
    Data,
    /// The last frame of the sender.
    Close,
    /// Ping or pong.
    Beat,
}

impl Opcode {
    /// Returns whether it is a control frame, which may stand between fragments.
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Beat)
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// Whether it is the last frame of its message.
    pub(super) is_final: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub(super) is_compressed: bool,
    /// The bytes with which the payload is masked; `None` for the server.
    pub(super) mask: Option<[u8; 4]>,
    /// Length of the payload, in bytes.
    pub(super) payload: u64,
    /// Length of the header, in bytes.
    pub(super) len: usize,
}

/// The result of a look at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// A header.
    Header(Header),
    /// More bytes are needed.
    Incomplete,
    /// No header of this side; the reason.
    Invalid(&'static str),
}

impl Header {
    /// Reads the header at the front of what `side` sent.
    pub(super) fn read(side: Side, bytes: &[u8]) -> Front {
        let [first, second, rest @ ..] = bytes else { return Front::Incomplete };
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 | 2 => Opcode::Data,
            8 => Opcode::Close,
            9 | 10 => Opcode::Beat,
            _ => return Front::Invalid("a reserved opcode"),
        };
        let (is_final, is_masked) = (first & 0x80 != 0, second & 0x80 != 0);
        let is_compressed = first & 0x40 != 0;
        if first & 0x30 != 0 {
            return Front::Invalid("a reserved bit (RSV2 or RSV3)");
        }
        if is_masked != (side == Side::Client) {
            let detail = if is_masked { "a masked frame of the server" } else { "a frame without mask" };
            return Front::Invalid(detail);
        }
        let (payload, rest, extended) = match second & 0x7f {
            126 => match rest {
                [a, b, rest @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), rest, 2),
                _ => return Front::Incomplete,
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest, 8),
                None => return Front::Incomplete,
            },
            len => (u64::from(len), rest, 0),
        };
        let shortest = match extended {
            2 => 126,
            8 => 1 << 16,
            _ => 0,
        };
        if payload < shortest || payload > i64::MAX as u64 {
            return Front::Invalid("a length in more bytes than it needs");
        }
        if opcode.is_control() && (!is_final || is_compressed || payload > MAX_CONTROL) {
            return Front::Invalid("a control frame that is fragmented, compressed or too long");
        }
        let mask = match (is_masked, rest.first_chunk::<4>()) {
            (false, _) => None,
            (true, Some(mask)) => Some(*mask),
            (true, None) => return Front::Incomplete,
        };
        let len = 2 + extended + if is_masked { 4 } else { 0 };
        Front::Header(Self { opcode, is_final, is_compressed, mask, payload, len })
    }
}

/// Whether these bytes of a client begin with a frame, and not with text.
pub(in crate::http) fn begins_with_frame(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| !first.is_ascii())
        && matches!(Header::read(Side::Client, bytes), Front::Header(_))
}

/// Removes the mask from a part of a payload that begins `at` bytes behind its start (RFC 6455
/// section 5.3).
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4], at: u64) {
    let turned = (at % 4) as usize;
    for (byte, key) in bytes.iter_mut().zip(mask.iter().cycle().skip(turned)) {
        *byte ^= key;
    }
}

#[cfg(test)]
pub(in crate::http) mod tests {
    use super::*;

    /// A frame of `side` with this first byte.
    pub(in crate::http) fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
        let bit = if side == Side::Client { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(bit | len as u8),
            len @ 126..0x1_0000 => {
                frame.push(bit | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(bit | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        let mut payload = payload.to_vec();
        if side == Side::Client {
            let mask = [0x37, 0xfa, 0x21, 0x3d];
            frame.extend(mask);
            unmask(&mut payload, mask, 0);
        }
        frame.extend(payload);
        frame
    }

    /// The examples of RFC 6455 section 5.7.
    #[test]
    fn headers_are_read() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(Side::Client, 0x81, b"Hello"), hello);
        let Front::Header(header) = Header::read(Side::Client, &hello) else { panic!("no header") };
        assert_eq!((header.opcode, header.is_final, header.payload, header.len), (Opcode::Data, true, 5, 6));
        for len in [0, 5, 125, 126, 65_535, 65_536] {
            let bytes = frame(Side::Server, 0x02, &vec![b'x'; len]);
            let Front::Header(header) = Header::read(Side::Server, &bytes) else { panic!("{len}") };
            assert_eq!((header.payload, header.len), (len as u64, bytes.len() - len));
            assert!(!header.is_final && header.mask.is_none());
            for cut in 0..header.len {
                assert_eq!(Header::read(Side::Server, &bytes[..cut]), Front::Incomplete, "{cut} of {len}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (side, bytes) in [
            (Side::Server, &[0x83, 0][..]),
            (Side::Server, &[0xa1, 0]),
            (Side::Server, &[0x81, 0x80, 1, 2, 3, 4]),
            (Side::Client, &[0x81, 0]),
            (Side::Server, &[0x81, 126, 0, 5]),
            (Side::Server, &[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255]),
            (Side::Server, &[0x81, 127, 255, 0, 0, 0, 0, 0, 0, 0]),
            (Side::Server, &[0x08, 0]),
            (Side::Server, &[0x89, 126, 0, 126]),
            (Side::Server, &[0xc8, 0]),
        ] {
            assert!(matches!(Header::read(side, bytes), Front::Invalid(_)), "{bytes:x?}");
        }
    }
}
