//! Joins the handshake messages of a direction: one may lie in many records, and many in one.

use bytes::{Bytes, BytesMut};

use crate::base::limits;

/// The type of a handshake message (RFC 8446 appendix B.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tls) struct MessageType(pub(in crate::tls) u8);

impl MessageType {
    pub(in crate::tls) const CLIENT_HELLO: Self = Self(1);
    pub(in crate::tls) const SERVER_HELLO: Self = Self(2);
    pub(in crate::tls) const END_OF_EARLY_DATA: Self = Self(5);
    pub(in crate::tls) const ENCRYPTED_EXTENSIONS: Self = Self(8);
    pub(in crate::tls) const CERTIFICATE: Self = Self(11);
    pub(in crate::tls) const FINISHED: Self = Self(20);
    pub(in crate::tls) const KEY_UPDATE: Self = Self(24);
}

/// A complete handshake message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tls) struct Message {
    pub(in crate::tls) message_type: MessageType,
    /// What follows type and length.
    pub(in crate::tls) body: Bytes,
}

/// The incomplete message of a direction.
#[derive(Debug, Default)]
pub(in crate::tls) struct Messages {
    held: BytesMut,
    /// Whether a message was longer than the limit: what follows cannot be read.
    is_lost: bool,
}

impl Messages {
    /// Adds the content of a handshake record.
    pub(in crate::tls) fn push(&mut self, content: &[u8]) {
        if !self.is_lost {
            self.held.extend_from_slice(content);
        }
    }

    /// Returns the next complete message; `None` if more bytes are needed.
    pub(in crate::tls) fn next(&mut self) -> Option<Message> {
        let [message_type, l0, l1, l2, ..] = *self.held else { return None };
        let len = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
        if len > limits::MAX_HANDSHAKE_MESSAGE {
            self.clear();
            self.is_lost = true;
            return None;
        }
        if self.held.len() < HEADER_LEN + len {
            return None;
        }
        let mut body = self.held.split_to(HEADER_LEN + len).freeze();
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        Some(Message { message_type: MessageType(message_type), body: body.split_off(HEADER_LEN) })
    }

    /// Forgets an incomplete message: its rest is missing, or new keys begin.
    pub(in crate::tls) fn clear(&mut self) {
        self.held = BytesMut::new();
        self.is_lost = false;
    }

    /// Returns the number of bytes held.
    pub(in crate::tls) fn held(&self) -> usize {
        self.held.len()
    }
}

/// Length of type and length, in bytes.
const HEADER_LEN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Messages are the same however they are cut into records.
        #[test]
        fn cut_anywhere_same_messages(
            bodies in proptest::collection::vec(proptest::collection::vec(0u8.., 0..50), 1..6),
            cut in 1usize..30,
        ) {
            let mut sent = Vec::new();
            for body in &bodies {
                sent.extend([11, 0, 0, body.len() as u8]);
                sent.extend(body);
            }
            let (mut messages, mut got) = (Messages::default(), Vec::new());
            for piece in sent.chunks(cut) {
                messages.push(piece);
                got.extend(std::iter::from_fn(|| messages.next()).map(|message| message.body.to_vec()));
            }
            proptest::prop_assert_eq!(got, bodies);
            proptest::prop_assert_eq!(messages.held(), 0);
        }
    }

    #[test]
    fn a_length_that_no_message_has_is_not_waited_for() {
        let mut messages = Messages::default();
        messages.push(&[11, 0xff, 0xff, 0xff]);
        assert_eq!(messages.next(), None);
        messages.push(&[0; 1000]);
        assert_eq!((messages.next(), messages.held()), (None, 0));
        messages.clear();
        messages.push(&[20, 0, 0, 0]);
        assert_eq!(messages.next().map(|message| message.message_type), Some(MessageType::FINISHED));
    }
}
