//! Replaces the words in the messages of a WebSocket (RFC 6455): frames and masks stay.

use super::output::{Output, Rule};
use super::text::Text;
use super::words::Words;

/// One direction of a WebSocket.
#[derive(Debug, Default)]
pub(super) struct WebSocket {
    /// The header of the frame, as far as it came.
    header: Vec<u8>,
    /// The frame whose payload follows.
    frame: Option<Frame>,
    /// Whether the message that is continued is text.
    is_text: bool,
    text: Text,
}

/// A frame.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    mask: [u8; 4],
    /// Bytes of the payload that came, and that are to come.
    came: u64,
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A part of a message in JSON or other text.
    Text,
    /// A close: a status, then a text.
    Close,
    /// A ping or pong: its payload means nothing.
    Ping,
    /// A part of a message that is compressed, or no text.
    Opaque,
}

impl WebSocket {
    /// Adds the next byte. Returns the number of bytes that are cut off; `None` if no frame begins
    /// here.
    pub(super) fn push(&mut self, byte: u8, output: &mut Output, words: &mut Words) -> Option<u64> {
        let Some(frame) = &mut self.frame else {
            output.keep(byte, words);
            self.header.push(byte);
            return self.begin_frame().then_some(0);
        };
        let [a, b, c, d] = frame.mask;
        let mask = match frame.came % 4 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        let plain = byte ^ mask;
        output.set_mask(mask);
        let mut cut = 0;
        match frame.kind {
            Kind::Text => self.text.push(plain, output, words),
            Kind::Close if frame.came < 2 => output.keep(plain, words),
            Kind::Close => output.text(plain, Rule::Prose, words),
            Kind::Ping => output.clear(plain, words),
            Kind::Opaque => {
                output.cut(plain, words);
                cut = 1;
            }
        }
        output.set_mask(0);
        frame.came += 1;
        frame.left -= 1;
        if frame.left == 0 {
            // A message may be cut anywhere, inside a word too: the word ends here all the same.
            output.end_word(words);
            self.frame = None;
        }
        Some(cut)
    }

    /// Continues behind missing bytes; false if they hold more than a part of one frame.
    pub(super) fn skip(&mut self, len: u64) -> bool {
        self.text.lost();
        match &mut self.frame {
            Some(frame) if len < frame.left => {
                frame.came += len;
                frame.left -= len;
                true
            }
            Some(frame) if len == frame.left => {
                self.frame = None;
                true
            }
            _ => false,
        }
    }

    /// Begins a frame if its header is complete. Returns false if the bytes are not a frame.
    fn begin_frame(&mut self) -> bool {
        let [first, second, rest @ ..] = self.header.as_slice() else { return true };
        let is_masked = second & 0x80 != 0;
        let (len, rest) = match (second & 0x7f, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, rest) => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return true,
            },
            (126, _) => return true,
            (len, rest) => (u64::from(len), rest),
        };
        let mask = match (is_masked, rest.first_chunk()) {
            (false, _) => [0; 4],
            (true, Some(mask)) => *mask,
            (true, None) => return true,
        };
        let (opcode, reserved) = (first & 0xf, first & 0x70);
        let kind = match opcode {
            1 | 2 => {
                self.is_text = opcode == 1 && reserved == 0;
                self.text.reset();
                if self.is_text { Kind::Text } else { Kind::Opaque }
            }
            0 if self.is_text => Kind::Text,
            8 => Kind::Close,
            0 => Kind::Opaque,
            9 | 10 => Kind::Ping,
            _ => return false,
        };
        self.header.clear();
        self.frame = (len > 0).then_some(Frame { kind, mask, came: 0, left: len });
        true
    }
}
