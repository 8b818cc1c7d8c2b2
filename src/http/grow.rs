//! Growth of buffers that hold a message.

use bytes::BytesMut;

/// Length from which a buffer grows by half instead of doubling, in bytes.
const LARGE: usize = 1 << 20;

/// The most that a buffer grows at once beyond what is appended, in bytes.
const MOST: usize = 4 << 20;

/// Appends `bytes`. A large buffer does not double: it would take twice the length that the caps
/// allow.
pub(super) fn append(buffer: &mut BytesMut, bytes: &[u8]) {
    let len = buffer.len() + bytes.len();
    if len > buffer.capacity() && len > LARGE {
        let mut larger = BytesMut::with_capacity(len + (len / 2).min(MOST));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_is_not_much_longer_than_its_content() {
        let (mut buffer, piece) = (BytesMut::new(), [7; 1500]);
        for n in 1..12_000 {
            append(&mut buffer, &piece);
            assert_eq!(buffer.len(), n * piece.len());
            assert!(buffer.capacity() <= (buffer.len() + MOST).max(2 * LARGE));
        }
    }
}
